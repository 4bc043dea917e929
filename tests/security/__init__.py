"""Attacks: one file for each way in, one line of a table for each case."""
