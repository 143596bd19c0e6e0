"""Line charts as inline SVG in the colours of the report, light and dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

_WIDTH, _HEIGHT = 440, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 10, 42
_MOST_POINTS = 200  # of one line: more could not be distinguished
_MARKED_POINTS = 30  # a line of up to so many points shows each of them


@dataclass(frozen=True)
class Line:
    """One line: its points (x, y) in the order of drawing, and the number of its colour in the report."""

    label: str
    points: Sequence[tuple[float, float]]
    colour: int = 0
    dashed: bool = False


def lines(
    series: Sequence[Line],
    *,
    x_title: str,
    y_title: str,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    description: str,
    diagonal: bool = False,
    marks: bool = True,
) -> Markup:
    """Draw lines over a grid; returns an `<svg>` that `description` explains to a screen reader.

    `diagonal` draws the line from corner to corner (chance, in a ROC), `marks` the points of short lines.
    Points that are not finite are left out.
    """
    x_ticks, y_ticks = ticks(*x_range), ticks(*y_range)
    # The range grows to whole ticks, so that no line leaves the frame.
    (x0, x1), (y0, y1) = _span(x_range, x_ticks), _span(y_range, y_ticks)

    def place(x: float, y: float) -> tuple[float, float]:
        across = _LEFT + (x - x0) / (x1 - x0) * (_WIDTH - _LEFT - _RIGHT)
        down = _HEIGHT - _BOTTOM - (y - y0) / (y1 - y0) * (_HEIGHT - _TOP - _BOTTOM)
        return round(across, 1), round(down, 1)

    parts = [
        Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">').format(_WIDTH, _HEIGHT, description)
    ]
    for value in y_ticks:
        _, y = place(x0, value)
        parts.append(_segment("grid", (_LEFT, y), (_WIDTH - _RIGHT, y)))
        parts.append(_text(_LEFT - 7, y + 4, f"{value:g}", "end"))
    for value in x_ticks:
        x, _ = place(value, y0)
        parts.append(_text(x, _HEIGHT - _BOTTOM + 17, f"{value:g}", "middle"))
    parts.append(_text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 6, x_title, "middle"))
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    parts.append(
        Markup('<text transform="rotate(-90)" x="{}" y="12" text-anchor="middle">{}</text>').format(
            -middle, y_title
        )
    )
    if diagonal:
        parts.append(_segment("chance", place(x0, y0), place(x1, y1)))
    for line in series:
        finite = [point for point in line.points if all(map(math.isfinite, point))]
        placed = [place(*point) for point in _thin(finite)]
        path = " ".join(f"{x},{y}" for x, y in placed)
        style = " dashed" if line.dashed else ""
        parts.append(
            Markup('<polyline class="series c{}{}" points="{}"><title>{}</title></polyline>').format(
                line.colour % 8, style, path, line.label
            )
        )
        if marks and len(placed) <= _MARKED_POINTS:
            for (x, y), (_, value) in zip(placed, finite, strict=True):
                parts.append(
                    Markup(
                        '<circle class="point c{}" cx="{}" cy="{}" r="3"><title>{}: {}</title></circle>'
                    ).format(line.colour % 8, x, y, line.label, f"{value:.4g}")
                )
    return Markup("").join([*parts, Markup("</svg>")])


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return at most `most` round values that span [low, high]; at least two."""
    if not high > low:
        high = low + (abs(low) or 1.0)
    rough = (high - low) / (most - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    for factor in (1, 2, 2.5, 5, 10, 20, 25, 50):
        step = factor * power
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        if last - first + 1 <= most:
            return [round(index * step, 12) for index in range(first, last + 1)]
    raise AssertionError("a step of fifty times the power spans any range")


def _span(wanted: tuple[float, float], marks: Sequence[float]) -> tuple[float, float]:
    return min(wanted[0], marks[0]), max(wanted[1], marks[-1])


def _thin(points: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    if len(points) <= _MOST_POINTS:
        return points
    last = len(points) - 1
    return [points[round(index * last / (_MOST_POINTS - 1))] for index in range(_MOST_POINTS)]


def _segment(style: str, start: tuple[float, float], end: tuple[float, float]) -> Markup:
    return Markup('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(style, *start, *end)


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    return Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(x, y, anchor, text)
