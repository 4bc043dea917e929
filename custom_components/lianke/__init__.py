"""Print through a Lianke cloud print box."""
