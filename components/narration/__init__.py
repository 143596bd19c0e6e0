"""Narration, in the four rooms of a system."""
