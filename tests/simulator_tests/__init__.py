"""Tests of the simulated cloud: it behaves as is known of the service, and is no kinder."""
