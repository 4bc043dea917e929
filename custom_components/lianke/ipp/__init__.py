"""The messages of the Internet Printing Protocol: bytes in, dataclasses out; needs no Home Assistant."""
