"""Speed and weight of the integration; each figure is compared with a baseline of the same run."""
