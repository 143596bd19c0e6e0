"""The last section of every report: what the run was asked for, the time of each step, the versions."""

from __future__ import annotations

from collections.abc import Mapping

from brume.report.page import Block, Cell, Facts, Row, Section, Share, Table


def run_section(
    parameters: Mapping[str, object], timings: Mapping[str, float], versions: Mapping[str, str]
) -> Section:
    """Return the section "Run"; `timings` are the seconds of each step in their order."""
    parts: list[Block] = []
    if parameters:
        shown = {name: "–" if value in ("", None) else value for name, value in parameters.items()}
        parts.append(Facts("Parameters", shown))
    blocks: list[Block] = []
    if timings:
        total = sum(timings.values()) or 1.0
        rows: list[list[Cell]] = [
            [name, Share(seconds / total, duration(seconds))] for name, seconds in timings.items()
        ]
        blocks.append(Table(f"Time of each step, {duration(total)} in all", ["Step", "Time"], rows))
    if versions:
        parts.append(Facts("Versions", versions))
    return Section("Run", [*blocks, *([Row(parts)] if parts else [])])


def duration(seconds: float) -> str:
    """Write seconds for a reader: `12.3 s`, `4 min 5 s`, `1 h 20 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def percent(value: float | None) -> str:
    """Write a share as a percentage; a dash where there is none."""
    return "–" if value is None else f"{100 * value:.1f} %"
