"""What users pass on about their boxes: the guide after a test page, its report, and what reports must not contain."""
