"""Tests of the Lianke integration."""
