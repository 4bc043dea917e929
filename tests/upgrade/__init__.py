"""Configuration folders that earlier versions have written."""
