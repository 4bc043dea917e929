"""What the boxes of one ApiKey share: limits on requests, and the webhook with its address."""
