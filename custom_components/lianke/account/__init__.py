"""The account of an ApiKey, which is shared by the boxes that use the key."""
