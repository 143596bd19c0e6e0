"""Records, in the four rooms of a system."""
