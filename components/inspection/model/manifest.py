"""Manifests: JSON Lines with a picture's address, its label and its mask's address.

The format is SageMaker Ground Truth's augmented manifest as Lookout for Vision read it. A label is whatever
attribute has a metadata attribute of type groundtruth/image-classification beside it (`NAME`,
`NAME-metadata`), a mask likewise groundtruth/semantic-segmentation. The number of a label is 1 for an anomaly
in some tools and 0 in others, so its class-name decides, and the number only where there is none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

LABEL, MASK = "groundtruth/image-classification", "groundtruth/semantic-segmentation"
DETECTED = "anomaly-label-detected"  # the attribute in which an evaluation writes a model's prediction
MAX_LINE = 8192  # characters
_MAX_REF = 1100
_SUFFIX = "-metadata"
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_LISTED = 50  # bad lines in a message; the rest are counted
_LONG = 300  # characters of one reason, which may quote the line
_BLANK = "background"


class LineError(ValueError):
    """A line that cannot be used, and why."""


class ManifestError(ValueError):
    """A manifest with bad lines; the message lists them, the first fifty by number and reason."""

    def __init__(self, problems: Sequence[tuple[int, str]], lines: int) -> None:
        self.problems = list(problems)
        listed = [f"line {number}: {reason[:_LONG]}" for number, reason in self.problems[:_LISTED]]
        more = len(self.problems) - len(listed)
        if more:
            listed.append(f"and {more} more")
        super().__init__(f"{len(self.problems)} of {lines} lines cannot be used: " + "; ".join(listed))


@dataclass(frozen=True)
class Line:
    """One picture: `anomalous` is None without a label; `created` is a Unix time, or None.

    `mask_ref` is "" without a mask; `colors` names the classes that the mask's colours (`#RRGGBB`) show.
    """

    source_ref: str
    anomalous: bool | None
    created: float | None
    mask_ref: str
    colors: tuple[tuple[str, str], ...]
    text: str


def parse_line(text: str) -> Line:
    """Read one line. Raises `LineError` with the field that is wrong."""
    text = text.strip()
    if len(text) > MAX_LINE:
        raise LineError(f"it has {len(text):,} characters; at most {MAX_LINE:,} are allowed")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LineError(f"it is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise LineError('it must be an object: {"source-ref": "s3://...", ...}')
    reference = value.get("source-ref")
    if not isinstance(reference, str) or not reference:
        raise LineError("source-ref, the address of the picture, is missing")
    if len(reference) > _MAX_REF:
        raise LineError(f"source-ref is longer than {_MAX_REF} characters")
    anomalous, created = _label(value)
    mask_ref, colors = _mask(value)
    return Line(reference, anomalous, created, mask_ref, colors, text)


def parse(data: bytes, check: Callable[[Line], str | None] = lambda _line: None) -> list[Line]:
    """Read a manifest; `check` returns why a line that reads well cannot be used all the same.

    Empty lines are passed over. Raises `ManifestError` with every bad line, a repeated source-ref among them.
    """
    lines: list[Line] = []
    problems: list[tuple[int, str]] = []
    first: dict[str, int] = {}
    count = 0
    for number, raw in _numbered(data):
        count += 1
        try:
            line = parse_line(raw.decode())
            if line.source_ref in first:
                raise LineError(f"it repeats the source-ref of line {first[line.source_ref]}")
            first[line.source_ref] = number
            if wrong := check(line):
                raise LineError(wrong)
            lines.append(line)
        except (LineError, UnicodeDecodeError) as error:
            problems.append((number, str(error)))
    if problems:
        raise ManifestError(problems, count)
    return lines


def _numbered(data: bytes) -> Iterator[tuple[int, bytes]]:
    # Only line feeds end a line here: the characters that str.splitlines() also takes may stand in JSON.
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if raw.strip():
            yield number, raw


def _attributes(value: Mapping[str, Any], kind: str) -> list[tuple[str, Any, dict[str, Any]]]:
    """Return (name, value, metadata) of each attribute whose metadata has this type."""
    found = []
    for key, about in value.items():
        if key.endswith(_SUFFIX) and isinstance(about, dict) and about.get("type") == kind:
            name = key.removesuffix(_SUFFIX)
            if name not in value:
                raise LineError(f"{key} is there without {name}")
            found.append((name, value[name], about))
    return found


def _label(value: Mapping[str, Any]) -> tuple[bool | None, float | None]:
    labels = [item for item in _attributes(value, LABEL) if item[0] != DETECTED]
    if not labels:
        if "anomaly-label" in value:
            raise LineError(f"anomaly-label needs anomaly-label-metadata with the type {LABEL}")
        return None, None
    # A person's label has priority over a machine's, and the usual name over others.
    labels.sort(key=lambda item: (item[2].get("human-annotated") != "yes", item[0] != "anomaly-label"))
    name, number, about = labels[0]
    created = _time(about.get("creation-date"))
    if "class-name" in about:
        given = str(about["class-name"]).strip().lower()
        if given not in ("normal", "anomaly"):
            raise LineError(f"class-name of {name} is {about['class-name']!r}; it must be normal or anomaly")
        return given == "anomaly", created
    if number not in (0, 1, "0", "1"):
        raise LineError(f"{name} is {number!r} and its metadata has no class-name: normal or anomaly")
    return int(number) == 1, created


def _mask(value: Mapping[str, Any]) -> tuple[str, tuple[tuple[str, str], ...]]:
    masks = _attributes(value, MASK)
    if not masks:
        if "anomaly-mask-ref" in value:
            raise LineError(f"anomaly-mask-ref needs anomaly-mask-ref-metadata with the type {MASK}")
        return "", ()
    name, reference, about = min(masks, key=lambda item: item[0] != "anomaly-mask-ref")
    if not isinstance(reference, str) or not reference:
        raise LineError(f"{name} must be the address of a mask")
    listed = about.get("internal-color-map")
    if not isinstance(listed, dict):
        raise LineError(f"the metadata of {name} has no internal-color-map")
    colors = []
    for key, item in listed.items():
        title = item.get("class-name") if isinstance(item, dict) else None
        color = item.get("hex-color") if isinstance(item, dict) else None
        if (
            not isinstance(title, str)
            or not title
            or not isinstance(color, str)
            or not _COLOR.fullmatch(color)
        ):
            raise LineError(
                f"internal-color-map entry {key} of {name} must be "
                '{"class-name": "...", "hex-color": "#RRGGBB"}'
            )
        if title.lower() != _BLANK:
            colors.append((title, color.upper()))
    return reference, tuple(colors)


def _time(text: object) -> float | None:
    try:
        when = datetime.fromisoformat(str(text))
    except ValueError:
        return None  # the tools that write manifests also write dates as browsers print them
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def stamp(seconds: float) -> str:
    """Return a moment as manifests write it: ISO 8601 in UTC, with milliseconds."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def label_attributes(name: str, anomalous: bool, seconds: float, job: str, **about: Any) -> dict[str, Any]:
    """Return the attribute `name` with its metadata, for a picture that `job` labelled; 1 is an anomaly."""
    return {
        name: int(anomalous),
        name + _SUFFIX: {
            "job-name": job,
            "class-name": "anomaly" if anomalous else "normal",
            "human-annotated": "yes",
            "creation-date": stamp(seconds),
            "type": LABEL,
            **about,
        },
    }


def write_line(source_ref: str, anomalous: bool | None, seconds: float, job: str) -> str:
    """Return a line for a picture that `job` labelled at this moment (None: without a label)."""
    value: dict[str, Any] = {"source-ref": source_ref}
    if anomalous is not None:
        value |= label_attributes("anomaly-label", anomalous, seconds, job)
    return json.dumps(value)


def with_detection(line: str, anomalous: bool, confidence: float, seconds: float, job: str) -> str:
    """Return a line with a model's prediction for its picture, under `anomaly-label-detected`."""
    prediction = label_attributes(
        DETECTED, anomalous, seconds, job, confidence=round(confidence, 6), **{"human-annotated": "no"}
    )
    return json.dumps({**json.loads(line), **prediction})
