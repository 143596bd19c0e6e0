"""The articles of the demo: English, Spanish, and a long one with tables and quotations."""

from brume.narration.demo.files import make

__all__ = ["make"]
