"""The options flow, helpers of the config flow, and the copying of blueprints."""
