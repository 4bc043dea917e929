"""What attackers tried, one file a door, each case one line of a table."""
