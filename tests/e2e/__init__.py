"""Tests that run a whole Home Assistant as its own process."""
