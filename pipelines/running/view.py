"""The live view of a local run: its steps, with a bar for each that counts, on a terminal or line by line."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

_SECONDS_BETWEEN_LOOKS = 0.2
_SECONDS_BETWEEN_LINES = 30.0  # of a step that runs on, without a terminal
_MARKS = {"waiting": "·", "running": "▸", "finished": "✓", "reused": "✓", "failed": "✗", "stopped": "✗"}
_STYLES = {"waiting": "dim", "running": "cyan", "finished": "green", "reused": "green", "failed": "red"}


@dataclass
class StepState:
    """What is known of one step: its parts (of a loop), when it ran and how far it has come."""

    name: str
    parts: dict[str, str] = field(default_factory=dict)  # part -> last event
    started: float | None = None
    ended: float | None = None
    done: dict[str, tuple[int, int]] = field(default_factory=dict)
    note: str = ""
    error: str = ""
    shown: float = 0.0  # when its last line was printed, without a terminal

    @property
    def state(self) -> str:
        """Return waiting, running, finished, reused or failed."""
        events = set(self.parts.values())
        for event, state in (("failed", "failed"), ("started", "running"), ("finished", "finished")):
            if event in events:
                return state
        return "reused" if events else "waiting"

    def seconds(self) -> float:
        """Return how long the step has run, from the start of its first part to the end of its last."""
        if self.started is None:
            return 0.0
        return (self.ended or time.time()) - self.started

    def record(self) -> dict[str, Any]:
        """Return what run.json holds of the step."""
        fields = {"step": self.name, "state": self.state, "seconds": round(self.seconds(), 2)}
        return {**fields, "error": self.error} if self.error else fields


class View:
    """Follows the file in which the steps of a run say how far they are."""

    def __init__(self, console: Console, progress_file: Path, stages: Sequence[str], title: str) -> None:
        self._console = console
        self._file = progress_file
        self._title = title
        self._position = 0
        self._said: set[tuple[str, str]] = set()
        self._end = threading.Event()
        self._lock = threading.Lock()
        self.steps = {name: StepState(name) for name in stages}
        self._live = Live(
            console=console,
            refresh_per_second=5,
            get_renderable=self._render,
            redirect_stdout=False,  # what the run prints goes to its log
            redirect_stderr=False,
        )
        self._thread = threading.Thread(target=self._follow, name="view", daemon=True)

    def __enter__(self) -> View:
        """Start to show."""
        if self._console.is_terminal:
            self._live.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Show the last state and end."""
        self._end.set()
        self._thread.join()
        self._read()
        now = time.time()
        for step in self.steps.values():
            if step.state == "running":
                step.parts = dict.fromkeys(step.parts, "failed")
                step.ended = now
                step.error = step.error or "it ended without a word: killed, or out of memory"
        if self._console.is_terminal:
            self._live.stop()

    def failed(self) -> list[StepState]:
        """Return the steps that failed, whose errors the view leaves to the message that ends the run."""
        return [step for step in self.steps.values() if step.state == "failed"]

    def _follow(self) -> None:
        while not self._end.wait(_SECONDS_BETWEEN_LOOKS):
            self._read()

    def _read(self) -> None:
        with self._lock:
            try:
                with self._file.open("rb") as file:
                    file.seek(self._position)
                    data = file.read()
            except FileNotFoundError:
                return
            whole = data[: data.rfind(b"\n") + 1]
            self._position += len(whole)
            for line in whole.splitlines():
                self._take(json.loads(line))

    def _take(self, record: dict[str, Any]) -> None:
        if "step" in record:
            name, _, part = record["step"].partition("-")
            step = self.steps.setdefault(name, StepState(name))
            step.parts[part] = record["event"]
            if record["event"] in ("started", "reused"):
                step.started = step.started or record["time"]
                step.ended = None
            if record["event"] != "started":
                step.ended = record["time"]
            if record["event"] == "failed":
                step.error = record["note"]
            self._say(step)
        else:
            step = self.steps.setdefault(record["stage"], StepState(record["stage"]))
            step.done[record.get("part", "")] = (record["done"], record["total"])
            step.note = record["note"]
            self._count(step, record.get("milestone", False))

    def _count(self, step: StepState, milestone: bool) -> None:
        """Without a terminal, a line for each milestone of a step, and now and then one between."""
        if self._console.is_terminal or step.state != "running":
            return
        if milestone or time.monotonic() - step.shown >= _SECONDS_BETWEEN_LINES:
            self._print(step, f"{step.name}: {_plain(step)}")

    def _print(self, step: StepState, line: str) -> None:
        step.shown = time.monotonic()
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _say(self, step: StepState) -> None:
        """Without a terminal, one line for each step's start and end."""
        if self._console.is_terminal or (step.name, step.state) in self._said:
            return
        if step.state == "finished" and "started" in step.parts.values():
            return
        self._said.add((step.name, step.state))
        words = {
            "running": f"{step.name} ...",
            "finished": f"{step.name} finished in {step.seconds():.1f} s ({_plain(step)})".removesuffix(
                " ()"
            ),
            "reused": f"{step.name} is unchanged: the result of the last run stands",
            "failed": f"{step.name} failed after {step.seconds():.1f} s",
        }
        self._print(step, words[step.state])

    def _render(self) -> RenderableType:
        table = Table.grid(padding=(0, 1))
        table.add_column(width=1)
        table.add_column(min_width=12)
        table.add_column(width=28)
        table.add_column(justify="right", min_width=9)
        table.add_column(ratio=1, overflow="ellipsis", no_wrap=True)
        for step in list(self.steps.values()):
            state = step.state
            style = _STYLES[state]
            done, total = _sum(step)
            bar: RenderableType = ""
            if state == "running":
                bar = ProgressBar(total=total or None, completed=done, pulse=not total, width=28)
            elif state == "reused":
                bar = Text("unchanged, taken over", style="dim")
            elif state == "finished" and total:
                bar = ProgressBar(total=total, completed=total, width=28, finished_style="green")
            note = " ".join(filter(None, [f"{done}/{total}" if total else "", step.note]))
            seconds = f"{step.seconds():.1f} s" if state in ("running", "finished", "failed") else ""
            table.add_row(
                Text(_MARKS[state], style=style),
                Text(step.name, style="bold" if state == "running" else style),
                bar,
                Text(seconds, style="dim"),
                Text(note, style="dim"),
            )
        return Group(Text(self._title, style="bold"), table)


def _sum(step: StepState) -> tuple[int, int]:
    done = sum(done for done, _ in step.done.values())
    return done, sum(total for _, total in step.done.values())


def _plain(step: StepState) -> str:
    """Return how far a step has come, and its note."""
    done, total = _sum(step)
    return ", ".join(filter(None, [f"{done}/{total}", step.note])) if total else ""
