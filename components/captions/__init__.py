"""Live captions, in the four rooms of a system."""
