"""What users pass on about their boxes."""
