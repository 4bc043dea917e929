"""Tests of the service's own package: plain functions, and the client against the simulator."""
