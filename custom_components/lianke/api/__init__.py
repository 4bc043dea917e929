"""The Lianke cloud print service alone: aiohttp in, dataclasses out, no Home Assistant."""
