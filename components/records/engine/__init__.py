"""The engine of records."""
