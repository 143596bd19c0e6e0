"""The stages of the records pipeline and its parameters."""
