"""Client of the Lianke cloud print service. Uses aiohttp and returns dataclasses; independent of Home Assistant."""
