"""Tests of the package for the service's API: plain functions, and the client against the simulator."""
