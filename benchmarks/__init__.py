"""Measures the integration's speed and size; a figure's baseline, if it has one, is measured in the same run."""
