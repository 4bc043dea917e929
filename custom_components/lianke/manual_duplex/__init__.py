"""Printing on both sides by hand: the first sides, a person who turns the stack over, the second sides."""
