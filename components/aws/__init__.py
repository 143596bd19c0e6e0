"""The bridge to AWS: one way in for every step that needs one of its services."""
