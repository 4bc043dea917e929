"""eSCL (AirScan), a protocol for scanning over the network; independent of Home Assistant."""
