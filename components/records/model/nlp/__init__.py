"""Finds entities in clinical notes: by dictionaries, rules and MiniLM."""
