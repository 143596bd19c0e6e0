"""Install what pyproject.toml requires in a container image: a layer below the code.

python3 install.py NAME... : an extra, or `project` for what the project always requires.
"""

from __future__ import annotations

import argparse
import os
import re
import tomllib
from pathlib import Path
from typing import Any

ENVIRONMENT = "/opt/brume/bin/python"


def requirements(project: dict[str, Any], name: str) -> list[str]:
    """Return what an extra requires; where it names another extra of this project, what that one requires."""
    listed = project["dependencies"] if name == "project" else project["optional-dependencies"][name]
    found: list[str] = []
    for requirement in listed:
        own = re.fullmatch(rf"{re.escape(project['name'])}\[([\w,-]+)\]", requirement)
        found += (
            [each for extra in own[1].split(",") for each in requirements(project, extra)]
            if own
            else [requirement]
        )
    return found


def main() -> None:
    """Become pip, with the requirements of the arguments."""
    parser = argparse.ArgumentParser(description="Install what pyproject.toml requires.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="an extra, or `project`")
    parser.add_argument("--only", default="", metavar="PREFIX", help="of these, what begins so")
    parser.add_argument("--without", metavar="PREFIX", help="of these, what does not begin so")
    parser.add_argument("--also", nargs="+", default=[], metavar="REQUIREMENT")
    asked = parser.parse_args()
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    found = [
        each
        for name in asked.names
        for each in requirements(project, name)
        if each.startswith(asked.only) and not (asked.without and each.startswith(asked.without))
    ]
    pip = ["pip", "--python", ENVIRONMENT, "install", "--progress-bar", "off", "-c", "constraints.txt"]
    os.execvp("pip", [*pip, *dict.fromkeys([*found, *asked.also])])  # noqa: S606 - no shell is meant


if __name__ == "__main__":
    main()
