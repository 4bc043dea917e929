"""Tests of the simulated cloud: it keeps to what is known of the service, and is no kinder."""
