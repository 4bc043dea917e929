"""Tests of what the PDF worker makes, without Home Assistant around it."""
