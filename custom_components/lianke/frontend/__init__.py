"""The dashboard card, and how it gets onto dashboards."""
