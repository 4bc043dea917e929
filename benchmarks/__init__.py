"""Speed and weight of the integration, each figure beside something else of the same run."""
