"""A text with lines of every length up to nine characters."""

from pathlib import Path


def write_text(path: Path) -> None:
    """Write ten lines, of 0 to 9 characters."""
    path.write_text("".join("x" * length + "\n" for length in range(10)))
