"""Tests of scanning and copying."""
