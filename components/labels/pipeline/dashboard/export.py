"""The dashboard as PNG and PDF, drawn without a browser: numbers, charts, main tables.

Each view's chart is drawn by vl-convert as SVG and set, with the text around it, on one long sheet (PNG)
or on sheets of the shape of A4 (PDF, whose text can be searched).
"""

from __future__ import annotations

import base64
import copy
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import vl_convert
from markupsafe import Markup, escape
from PIL import Image

from brume.labels.pipeline.dashboard import chart_specs
from brume.labels.pipeline.dashboard.cubes import Cubes
from brume.labels.pipeline.dashboard.evaluate import Column, Evaluator, Measure, Row, View
from brume.labels.pipeline.dashboard.formats import NOTHING, drawn, text
from brume.labels.pipeline.dashboard.page import Page, headlines
from brume.labels.pipeline.dashboard.pdf_join import joined
from brume.labels.pipeline.dashboard.views import Board

_INK, _SOFT, _LINE, _PAPER = "#171c24", "#5b6675", "#e1e5ea", "#ffffff"
_FONT = "Liberation Sans, Segoe UI, Helvetica, Arial, DejaVu Sans, sans-serif"
_MARGIN, _WIDTH, _GAP, _PAD = 50, 1100, 20, 20  # pixels
_HALF = (_WIDTH - _GAP) // 2
_SHEET = round((_WIDTH + 2 * _MARGIN) * 2**0.5)  # height of A4
_COLOURS = 64  # of a picture
_ACROSS = 6  # headline numbers side by side
_TABLE_ROWS = 20
_CHARACTER = 0.55  # of the size of type: the width of an average character
_LONGEST = 44  # characters of a cell
_UNSEEN = dict.fromkeys(
    [*range(32), 127, *range(0xD800, 0xE000), 0xFFFE, 0xFFFF], " "
)  # no XML may hold them


@dataclass(frozen=True)
class Block:
    """A piece of a sheet: its height in pixels and its SVG, drawn from (0, 0)."""

    height: float
    svg: Markup
    keep: bool = False  # with the block after it


def blocks(page: Page, board: Board, cubes: Cubes) -> list[Block]:
    """Return all that is drawn, from top to bottom."""
    return list(_blocks(page, board, cubes))


def png(blocks: Sequence[Block]) -> bytes:
    """Draw everything as one long picture 1,200 pixels wide."""
    return _picture(blocks, 1.0)


def still(blocks: Sequence[Block]) -> str:
    """Return the first sheet as a small picture, a data: address: what the page shows without a script."""
    heights = accumulate(block.height + _GAP for block in blocks)
    first = [block for block, height in zip(blocks, heights, strict=True) if height <= _SHEET]
    return "data:image/png;base64," + base64.b64encode(_picture(first, 0.8)).decode()


def _picture(blocks: Sequence[Block], scale: float) -> bytes:
    height = 2 * _MARGIN + sum(block.height + _GAP for block in blocks)
    drawing = vl_convert.svg_to_png(str(_sheet(blocks, height)), scale=scale)
    # Charts have few colours: a palette keeps them and makes the file a tenth.
    buffer = io.BytesIO()
    Image.open(io.BytesIO(drawing)).convert("RGB").quantize(_COLOURS).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def pdf(blocks: Sequence[Block]) -> bytes:
    """Draw everything on sheets of the shape of A4."""
    sheets: list[list[Block]] = [[]]
    room = used = _SHEET - 2.0 * _MARGIN
    for place, block in enumerate(blocks):
        wanted = block.height + _GAP + (blocks[place + 1].height if block.keep else 0)
        if sheets[-1] and wanted > room:
            sheets.append([])
            room = used
        sheets[-1].append(block)
        room -= block.height + _GAP
    return joined([vl_convert.svg_to_pdf(str(_sheet(sheet, _SHEET))) for sheet in sheets])


def _sheet(blocks: Sequence[Block], height: float) -> Markup:
    parts, y = [], float(_MARGIN)
    for block in blocks:
        parts.append(Markup('<g transform="translate({},{:.0f})">{}</g>').format(_MARGIN, y, block.svg))
        y += block.height + _GAP
    width = _WIDTH + 2 * _MARGIN
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="{0}" '
        'height="{1:.0f}" viewBox="0 0 {0} {1:.0f}"><rect width="{0}" height="{1:.0f}" fill="{2}"/>{3}</svg>'
    ).format(width, height, _PAPER, Markup("").join(parts))


def _blocks(page: Page, board: Board, cubes: Cubes) -> Iterator[Block]:
    evaluator = Evaluator(cubes.tables)
    line = "    ".join(page.facts)
    yield Block(60, _words(0, 26, page.title, 30, weight=700) + _words(0, 54, line, 13, _SOFT))
    if page.empty:
        yield Block(20, _words(0, 14, page.empty, 12))
    yield _headlines(board, cubes)
    for section in board.sections:
        found = [(view, rows) for view in section.views if (rows := evaluator.rows(view))]
        if found:
            yield Block(40, _words(0, 32, section.title, 20, weight=700), keep=True)
        charts = [_chart(view, rows) for view, rows in found if view.chart]
        for at in range(0, len(charts), 2):
            yield _side_by_side(charts[at : at + 2])
        for view, rows in found:
            if not view.chart:
                yield _table(view, rows)


def _headlines(board: Board, cubes: Cubes) -> Block:
    wide, high = _WIDTH / _ACROSS, 96
    parts, figures = [], headlines(board.headlines, cubes)
    for place, head in enumerate(figures):
        x, y = place % _ACROSS * wide + 16, place // _ACROSS * high
        parts += [
            _words(x, y + 26, head["title"], 12, _SOFT),
            _words(x, y + 54, head["value"], 24, weight=700),
        ]
        for number, line in enumerate(_wrapped(head["detail"], 30)[:2]):
            parts.append(_words(x, y + 73 + 13 * number, line, 10.5, _SOFT))
    height = high * -(-len(figures) // _ACROSS)
    return Block(height, _card(_WIDTH, height) + Markup("").join(parts))


def _chart(view: View, rows: Sequence[Row]) -> Block:
    head, top = _heading(view, _HALF)
    if view.legend:
        legend, lines = _legend(view, rows)
        head += Markup('<g transform="translate({},{})">{}</g>').format(_PAD, top + 4, legend)
        top += 18 * lines + 6
    svg, width, height = _drawing(view, rows)
    x = max(_PAD, (_HALF - width) / 2)
    body = Markup('<svg x="{:.0f}" y="{}" width="{}" height="{}">{}</svg>').format(
        x, top + 8, width, height, svg
    )
    return Block(top + height + 8 + _PAD, head + body)


def _drawing(view: View, rows: Sequence[Row]) -> tuple[Markup, float, float]:
    """Return a chart's SVG without its outermost element, and its size."""
    spec: dict[str, Any] = copy.deepcopy(dict(view.chart or {}))
    if spec.get("width") == "container":
        spec |= {"width": _HALF - 2 * _PAD, "autosize": {"type": "fit-x", "contains": "padding"}}
    spec["data"] = {"values": drawn(view, rows)}
    spec["config"] = chart_specs.theme(_INK, _SOFT, _LINE, chart_specs.PALETTE, _FONT)
    svg = vl_convert.vegalite_to_svg(spec)
    head, _, rest = svg.partition(">")
    size = [float(number) for number in re.findall(r' (?:width|height)="([\d.]+)"', head)]
    # Names of clips and gradients are counted in each drawing: on a sheet they must differ.
    mine = re.sub(r"\W", "-", view.name)
    rest = re.sub(r'id="', f'id="{mine}-', rest.rpartition("</svg>")[0])
    rest = re.sub(r"url\(#", f"url(#{mine}-", rest)
    return Markup(rest), size[0], size[1]  # noqa: S704 - vl-convert escapes what it draws


def _side_by_side(pair: Sequence[Block]) -> Block:
    height = max(block.height for block in pair)
    parts = [
        Markup('<g transform="translate({},0)">{}{}</g>').format(
            at * (_HALF + _GAP), _card(_HALF, height), block.svg
        )
        for at, block in enumerate(pair)
    ]
    return Block(height, Markup("").join(parts))


def _legend(view: View, rows: Sequence[Row]) -> tuple[Markup, int]:
    whole = len(view.group) == 1
    names = {
        row[view.legend]: f"{row[view.legend]} {text(row['share'], 'share')}" if whole else row[view.legend]
        for row in rows
    }
    parts, x, line = [], 0.0, 0
    for name in [value for value in view.domain if value in names]:
        words = _short(str(names[name]))
        wide = 24 + len(words) * 11 * _CHARACTER + 10
        if x and x + wide > _HALF - 2 * _PAD:
            x, line = 0.0, line + 1
        colour = chart_specs.PALETTE[view.domain.index(name) % len(chart_specs.PALETTE)]
        parts.append(
            Markup('<rect x="{:.0f}" y="{}" width="11" height="11" rx="3" fill="{}"/>').format(
                x, 18 * line, colour
            )
            + _words(x + 17, 18 * line + 10, words, 11, _SOFT)
        )
        x += wide
    return Markup("").join(parts), line + 1


def _table(view: View, rows: Sequence[Row]) -> Block:
    columns: list[Column | Measure] = [*view.group, *view.measures]
    body = [[_short(text(row[it.name], it.unit)) for it in columns] for row in rows[:_TABLE_ROWS]]
    kept = [at for at in range(len(columns)) if any(line[at] != NOTHING for line in body)]
    wide = {
        at: max(len(columns[at].title), *(len(line[at]) for line in body)) * 10.5 * _CHARACTER for at in kept
    }
    while sum(wide[at] + 14 for at in kept) > _WIDTH - 2 * _PAD and len(kept) > 1:
        kept.pop()
    head, top = _heading(view, _WIDTH)
    parts, x = [head], float(_PAD)
    for at in kept:
        right = columns[at].unit not in ("text", "file", "time", "day")
        place = x + wide[at] if right else x
        parts.append(_words(place, top + 14, columns[at].title, 10.5, _SOFT, right=right))
        parts += [
            _words(place, top + 32 + 17 * n, line[at], 10.5, right=right) for n, line in enumerate(body)
        ]
        x += wide[at] + 14
    height = top + 28 + 17 * len(body)
    if len(rows) > _TABLE_ROWS:
        words = f"The first {_TABLE_ROWS} of {len(rows):,}; the page has more of them."
        parts.append(_words(_PAD, height + 4, words, 10.5, _SOFT))
        height += 17
    return Block(height + 8, _card(_WIDTH, height + 8) + Markup("").join(parts))


def _heading(view: View, width: float) -> tuple[Markup, int]:
    parts, y = [_words(_PAD, 30, view.title, 14, weight=700)], 30
    for line in _wrapped(view.about, int((width - 2 * _PAD) / (11 * _CHARACTER)), " "):
        y += 17
        parts.append(_words(_PAD, y, line, 11, _SOFT))
    return Markup("").join(parts), y + 12


def _card(width: float, height: float) -> Markup:
    return Markup('<rect width="{}" height="{:.0f}" rx="12" fill="#fff" stroke="{}"/>').format(
        width, height, _LINE
    )


def _words(
    x: float, y: float, words: str, size: float, colour: str = _INK, *, weight: int = 400, right: bool = False
) -> Markup:
    return Markup(
        '<text x="{:.1f}" y="{:.1f}" font-family="{}" font-size="{}" font-weight="{}" fill="{}" '
        'text-anchor="{}">{}</text>'
    ).format(x, y, _FONT, size, weight, colour, "end" if right else "start", escape(words.translate(_UNSEEN)))


def _short(words: str) -> str:
    return words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"


def _wrapped(words: str, width: int, between: str = " · ") -> list[str]:
    lines: list[str] = []
    for word in words.split(between) if words else []:
        if lines and len(lines[-1]) + len(between) + len(word) <= width:
            lines[-1] += between + word
        else:
            lines.append(word)
    return lines
