"""Messages of the Internet Printing Protocol as dataclasses, and their encoding; independent of Home Assistant."""
