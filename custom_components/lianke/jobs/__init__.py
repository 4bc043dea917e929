"""Print jobs, from the request to the printed page."""
