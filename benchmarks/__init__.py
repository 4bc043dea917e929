"""Measures the integration's speed and size; each figure is compared with a baseline measured in the same run."""
