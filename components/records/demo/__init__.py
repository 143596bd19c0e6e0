"""Makes the input of the demo of records."""
