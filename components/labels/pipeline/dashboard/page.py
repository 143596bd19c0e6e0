"""The dashboard as one HTML file that holds its declarations, cubes and scripts.

The file reads no other address. Its two scripts, the page's own and Vega with Vega-Lite and its interpreter
of expressions (as vl-convert bundles them), are named by digest in its content security policy; nothing is
evaluated from text. It works from a file, in a frame that may only run scripts, and on paper.
"""

from __future__ import annotations

import base64
import dataclasses
import functools
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from brume.labels.pipeline.dashboard.cubes import Cubes
from brume.labels.pipeline.dashboard.encoding import as_json, encoded, packed
from brume.labels.pipeline.dashboard.evaluate import Evaluator
from brume.labels.pipeline.dashboard.formats import text
from brume.labels.pipeline.dashboard.headlines import Headline
from brume.labels.pipeline.dashboard.views import Board

_HERE = Path(__file__).parent
_SHARED_STYLE = _HERE.parents[2] / "report" / "report.css"  # of every report
_SCRIPTS = ("evaluate.js", "formats.js", "charts.js", "drilldown.js", "tables.js", "page.js")


@dataclasses.dataclass(frozen=True)
class Page:
    """What stands on the page beside the figures."""

    title: str
    facts: Sequence[str]
    notes: Sequence[str]
    empty: str
    colophon: str
    masked: bool
    picture: str = ""  # a data: address


def render(page: Page, board: Board, cubes: Cubes) -> str:
    """Return the page; all text of users is escaped by the template or lies in the packed data."""
    script, vega = _script(), _vega()
    return (
        _environment()
        .get_template("page.html")
        .render(
            **vars(page),
            board=board,
            headlines=headlines(board.headlines, cubes),
            data=packed(as_json(_data(page, board, cubes))),
            vega=_packed_vega(),
            style=Markup(_style()),  # noqa: S704 - the project's own files
            script=Markup(script),  # noqa: S704 - the project's own files
            scripts=Markup(f"'sha256-{_digest(script)}' 'sha256-{_digest(vega)}'"),  # noqa: S704 - digests
        )
    )


def headlines(given: Sequence[Headline], cubes: Cubes) -> list[Mapping[str, str]]:
    """Return the headline numbers over everything: name, title, value and detail."""
    evaluator = Evaluator(cubes.tables)

    def figure(part: Any) -> float | None:
        return evaluator.measure(part.cube, part.measure, evaluator.kept(part.cube))

    found: list[Mapping[str, str]] = []
    for head in given:
        details = [
            part.text.replace("{}", text(value, part.measure.unit))
            for part in head.details
            if (value := figure(part))
        ]
        found.append(
            {
                "name": head.name,
                "title": head.title,
                "value": text(figure(head.main), head.main.measure.unit),
                "detail": " · ".join(details),
                "section": head.section,
            }
        )
    return found


def _data(page: Page, board: Board, cubes: Cubes) -> Mapping[str, Any]:
    return {
        "title": page.title,
        "masked": page.masked,
        "whole": cubes.whole_answers,
        "hours": cubes.hours,
        "headlines": [dataclasses.asdict(head) for head in board.headlines],
        "views": [dataclasses.asdict(view) for view in board.views()],
        "attributes": [dataclasses.asdict(attribute) for attribute in cubes.attributes],
        "complete": sorted(cubes.complete),
        "cubes": {name: encoded(columns) for name, columns in cubes.tables.items()},
    }


@functools.cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@functools.cache
def _script() -> str:
    return '"use strict";\n' + "".join((_HERE / name).read_text(encoding="utf-8") for name in _SCRIPTS)


@functools.cache
def _style() -> str:
    return _SHARED_STYLE.read_text(encoding="utf-8") + (_HERE / "page.css").read_text(encoding="utf-8")


@functools.cache
def _vega() -> str:
    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return bundle


@functools.cache
def _packed_vega() -> str:
    return packed(_vega().encode())


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
