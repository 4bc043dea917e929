"""The life of a print job, from the call to the paper."""
