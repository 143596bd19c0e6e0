"""The engine of kendra."""
