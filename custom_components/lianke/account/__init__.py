"""Account of an ApiKey, shared by its boxes."""
