"""Checks of the inspection pipeline's parameters, made before anything starts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from brume.run.checks import Checks

_PROJECT = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_\-]{0,254}")


def check_inspection(arguments: Mapping[str, Any]) -> None:
    """Check the arguments of the pipeline. Raises `ValueError` with one line for each wrong one."""
    project = arguments["project"]
    checks = Checks(arguments)
    checks.require(
        _PROJECT.fullmatch(project),
        f"project={project} must be letters, digits, - and _, 255 at most, no sign first",
    )
    checks.exists("images", "test_images", "trial_images")
    checks.require(
        arguments["images"] or not arguments["test_images"],
        "test_images needs images: without them the brick scenes of the demo are used",
    )
    checks.at_least(1, "units", "timeout_minutes")
    checks.finish()
