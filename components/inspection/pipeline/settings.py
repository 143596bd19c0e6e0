"""Checks of the inspection pipeline's parameters, made before anything starts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from brume import storage

_PROJECT = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_\-]{0,254}")


def check_inspection(arguments: Mapping[str, Any]) -> None:
    """Check the arguments of the pipeline. Raises `ValueError` with one line for each wrong one."""
    wrong = []
    if not _PROJECT.fullmatch(arguments["project"]):
        wrong.append(
            f"project={arguments['project']} must be letters, digits, - and _, 255 at most, no sign first"
        )
    for name in ("images", "test_images", "trial_images"):
        uri = arguments[name]
        if uri and not storage.is_remote(uri) and not storage.exists(uri):
            wrong.append(f"{name}={uri} is not there")
    if arguments["test_images"] and not arguments["images"]:
        wrong.append("test_images needs images: without them the brick scenes of the demo are used")
    wrong += [
        f"{name}={arguments[name]} must be at least 1"
        for name in ("units", "timeout_minutes")
        if arguments[name] < 1
    ]
    if wrong:
        raise ValueError("\n".join(wrong))
