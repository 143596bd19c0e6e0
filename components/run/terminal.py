"""What a command shows: tables, bars and what it waits for, on a terminal or into a pipe."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

_PIPED = 400  # characters of a line that no terminal cuts


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], empty: str = "None.") -> None:
    """Print a table; a column whose name starts with ">" is set flush right. None is shown as a dash."""
    if not rows:
        click.echo(empty)
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        table.add_column(name.removeprefix(">"), justify="right" if name.startswith(">") else "left")
    for row in rows:
        table.add_row(*(Text("–" if cell is None else str(cell)) for cell in row))
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else _PIPED).print(table)


@contextlib.contextmanager
def progress(words: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function of (done, total) that updates a progress bar on a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(words, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextlib.contextmanager
def waiting(words: str) -> Iterator[Callable[[str], None]]:
    """Yield a function that shows the state of what is waited for."""
    with Console(stderr=True).status(words) as status:
        yield lambda message: status.update(f"{words}: {message}")


def number(value: float | None) -> str | None:
    """Return a score with three decimals."""
    return None if value is None else f"{value:.3f}"


def percent(value: float | None) -> str | None:
    """Return a share in per cent."""
    return None if value is None else f"{100 * value:.1f} %"
