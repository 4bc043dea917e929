"""What the config flow and the options flow share."""
