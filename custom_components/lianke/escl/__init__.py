"""eSCL (AirScan), the protocol by which devices of a network scan; without Home Assistant."""
