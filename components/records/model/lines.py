"""Counts the lines of a text."""


def count_lines(text: str, least: int) -> int:
    """Return the number of lines that have at least `least` characters."""
    return sum(len(line) >= least for line in text.splitlines())
