"""How a command ends that cannot do what it was asked for."""

from __future__ import annotations

import sys
from typing import NoReturn

import click


def fail(message: object, code: int = 1) -> NoReturn:
    """Print an error, which may have several lines, and end the process with `code`."""
    for number, line in enumerate(str(message).splitlines()):
        click.echo(("brume: " if number == 0 else "       ") + line, err=True)
    sys.exit(code)
