"""Checks of the parameters of the records pipeline."""

from collections.abc import Mapping
from typing import Any

from brume import storage


def check(arguments: Mapping[str, Any]) -> None:
    """Raise `ValueError` that names every parameter the pipeline cannot work with."""
    wrong = []
    if arguments["least"] < 0:
        wrong.append(f"least={arguments['least']} must be 0 or more")
    if not storage.exists(arguments["source"]):
        wrong.append(f"source={arguments['source']} does not exist")
    if wrong:
        raise ValueError("\n".join(wrong))
