"""Tests that prove promises as a whole, rather than a module's behaviour."""
