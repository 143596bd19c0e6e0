"""The one look of every HTML report: a page is declared as sections of blocks and rendered to one file.

The file stands alone: no other address is read, its only script is named by digest in its content security
policy, and it works inside a sandboxed frame (where the Kubeflow dashboard shows it), on paper, on a phone,
in light and dark, and without a script. All text is escaped by the template.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

BUDGET = 1_900_000  # bytes of a report: what takes HTML files often stops at 2 MB
TEXT_SHARE = 0.6  # of the budget, at most, for everything but pictures
_HERE = Path(__file__).parent  # of the template, the style and the script
_ROW_LIMITS = (500, 250, 100, 40)
_PICTURE_SIZES = ((720, 80), (480, 76), (320, 70))  # longer side in pixels, JPEG quality
_SAMPLE = 6  # pictures that are tried to choose a size for all
_LONGEST_TEXT = 400  # characters of one cell

Tone = Literal["plain", "good", "bad", "warn"]


class ReportError(ValueError):
    """A report that cannot be made within its budget."""


@dataclass(frozen=True)
class Number:
    """A headline number: `value` as it is to be read, with its unit."""

    label: str
    value: str
    detail: str = ""


@dataclass(frozen=True)
class Numbers:
    """Headline numbers side by side."""

    items: Sequence[Number]
    kind: ClassVar[str] = "numbers"


@dataclass(frozen=True)
class Note:
    """A sentence that the reader must not miss, or (plain) a remark."""

    text: str
    tone: Tone = "plain"
    kind: ClassVar[str] = "note"


@dataclass(frozen=True)
class Facts:
    """Names and values, such as parameters."""

    title: str
    items: Mapping[str, object]
    kind: ClassVar[str] = "facts"


@dataclass(frozen=True)
class Badge:
    """A word in a cell or on a picture; its tone also shows as a sign, never as colour alone."""

    text: str
    tone: Tone = "plain"


@dataclass(frozen=True)
class Share:
    """A cell with a bar: `value` from 0 to 1; `text` is shown, two decimals of the value if empty.

    `colour` numbers the colour of a class or series.
    """

    value: float
    text: str = ""
    colour: int = 0


Cell = str | int | float | Badge | Share | None


@dataclass(frozen=True)
class Table:
    """A table that can be sorted and, when long, filtered.

    Too many rows for the budget are cut at the end; the page then names `whole`, the file that has them all.
    `numeric` are the columns set flush right.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    numeric: frozenset[int] = frozenset()
    whole: str = ""
    empty: str = "None."
    kind: ClassVar[str] = "table"


@dataclass(frozen=True)
class Matrix:
    """Counts by true class (rows) and predicted class (columns), shaded by the share of the row."""

    title: str
    labels: Sequence[str]
    counts: Sequence[Sequence[int]]
    kind: ClassVar[str] = "matrix"


@dataclass(frozen=True)
class Figure:
    """A drawing as inline SVG (see `brume.report.charts`), with the text that stands under it."""

    title: str
    svg: Markup
    legend: Sequence[tuple[str, int]] = ()
    caption: str = ""
    kind: ClassVar[str] = "figure"


@dataclass(frozen=True)
class Row:
    """Blocks side by side where the screen is wide enough."""

    blocks: Sequence[Block]
    kind: ClassVar[str] = "row"


@dataclass(frozen=True)
class Picture:
    """A picture of a gallery; `load` opens it when its turn comes."""

    title: str
    alt: str
    load: Callable[[], Image.Image]
    caption: str = ""
    badge: Badge | None = None
    address: str = field(default="", repr=False)  # set by rendering: the picture as a data: address


@dataclass(frozen=True)
class Gallery:
    """Pictures in order of importance: the last ones are left out where the budget ends.

    `whole` names the folder that has them all.
    """

    title: str
    pictures: Sequence[Picture]
    whole: str
    scale: tuple[str, str, str] | None = None  # a viridis scale: its name, its low and its high end
    left_out: int = 0
    kind: ClassVar[str] = "gallery"


@dataclass(frozen=True)
class Sound:
    """A recording that can be played: `data` is MP3, which every browser plays."""

    title: str
    data: bytes = field(repr=False)
    lines: Sequence[tuple[str, str]] = ()  # what it is about: a name, and a text
    caption: str = ""
    badge: Badge | None = None

    @property
    def address(self) -> str:
        """The recording as a data: address."""
        return "data:audio/mpeg;base64," + base64.b64encode(self.data).decode()


@dataclass(frozen=True)
class Sounds:
    """Recordings in order of importance; all of them count as text in the page's budget."""

    title: str
    sounds: Sequence[Sound]
    empty: str = "None."
    kind: ClassVar[str] = "sounds"


Block = Numbers | Note | Facts | Table | Matrix | Figure | Row | Gallery | Sounds


@dataclass(frozen=True)
class Section:
    """A part of a report; `lead` is a sentence under its title."""

    title: str
    blocks: Sequence[Block]
    lead: str = ""


@dataclass(frozen=True)
class Report:
    """A whole report; `facts` stand in a line under the title, `colophon` at the foot."""

    product: str
    title: str
    facts: Sequence[str]
    sections: Sequence[Section]
    colophon: str = ""


def render(report: Report, *, budget: int = BUDGET) -> str:
    """Render a report to HTML of at most `budget` bytes in UTF-8.

    Long tables are cut first, then pictures are made smaller, then the last ones are left out; the page
    says what is missing and where it is. Raises `ReportError` when even so it does not fit.
    """
    bare = _with_pictures(report, [])
    wanted = _pictures(report)
    for limit in _ROW_LIMITS:
        size = len(_html(bare, limit).encode())
        if size <= budget * (TEXT_SHARE if wanted else 1):
            break
    else:
        raise ReportError(f"the text of report {report.title!r} takes {size} of {budget} bytes")
    shown = _encode(wanted, budget - size)
    while len((html := _html(_with_pictures(report, shown), limit)).encode()) > budget:
        shown = shown[: len(shown) * 9 // 10]
    return html


def _html(report: Report, row_limit: int) -> str:
    script = _asset("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        _environment()
        .get_template("report.html")
        .render(
            report=report,
            row_limit=row_limit,
            style=Markup(_asset("report.css")),  # noqa: S704 - the project's own file
            script=Markup(script),  # noqa: S704 - the project's own file
            script_digest=digest,
        )
    )


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["clip"] = _clip
    environment.tests["badge"] = lambda cell: isinstance(cell, Badge)
    environment.tests["share"] = lambda cell: isinstance(cell, Share)
    return environment


@functools.cache
def _asset(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _clip(value: object) -> str:
    """Return a cell's text, shortened where it would fill the page."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = f"{value:,}" if isinstance(value, int) else str(value)
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"


def _galleries(blocks: Sequence[Block]) -> list[Gallery]:
    found: list[Gallery] = []
    for block in blocks:
        if isinstance(block, Gallery):
            found.append(block)
        elif isinstance(block, Row):
            found += _galleries(block.blocks)
    return found


def _pictures(report: Report) -> list[Picture]:
    return [
        picture
        for section in report.sections
        for gallery in _galleries(section.blocks)
        for picture in gallery.pictures
    ]


def _encode(pictures: Sequence[Picture], room: int) -> list[Picture]:
    """Return the first pictures that fit into `room` bytes, at the largest size at which all would."""
    for side, quality in _PICTURE_SIZES:
        sample = pictures[:_SAMPLE]
        taken = sum(len(_address(picture, side, quality)) for picture in sample)
        if taken * len(pictures) <= room * len(sample):
            break
    shown: list[Picture] = []
    for picture in pictures:
        address = _address(picture, side, quality)
        room -= len(address)
        if room < 0:
            break
        shown.append(replace(picture, address=address))
    return shown


def _address(picture: Picture, side: int, quality: int) -> str:
    image = picture.load().convert("RGB")
    image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def _with_pictures(report: Report, shown: Sequence[Picture]) -> Report:
    """Return the report with these encoded pictures, which are its first ones, and no others."""
    left = list(shown)

    def block_of(block: Block) -> Block:
        if isinstance(block, Row):
            return Row([block_of(inner) for inner in block.blocks])
        if not isinstance(block, Gallery):
            return block
        count = min(len(block.pictures), len(left))
        mine, left[:] = left[:count], left[count:]
        return replace(block, pictures=mine, left_out=len(block.pictures) - count)

    sections = [replace(part, blocks=[block_of(block) for block in part.blocks]) for part in report.sections]
    return replace(report, sections=sections)
