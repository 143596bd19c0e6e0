"""Read output manifests: the result for each data object, and the labels of stills.

A line is a JSON object: the data object (source-ref, or its text in source), and label attributes. A label
attribute is a key with `<key>-metadata` beside it. Chains of jobs (verification, adjustment) leave several in
a line; a job's own are those whose job-name is its name, or else the last one.
Format: https://docs.aws.amazon.com/sagemaker/latest/dg/sms-data-output.html
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from brume.labels.model.ingest.reading import json_parsing, label_finder
from brume.labels.model.ingest.reading.json_values import as_json, number, text
from brume.labels.model.ingest.reading.notes import Notes

_SUFFIX = "-metadata"
_SOURCES = ("source-ref", "source")
_TEXTS = (
    "type",
    "job-name",
    "human-annotated",
    "creation-date",
    "adjustment-status",
    "failure-reason",
    "class-name",
)
_KNOWN = {
    *_TEXTS,
    "class-map",
    "confidence",
    "confidence-map",
    "objects",
    "internal-color-map",
    "entities",
}
_MODALITIES = {"ObjectDetection": "BoundingBox", "TextSpan": "NamedEntityRecognition"}


@dataclass(frozen=True)
class Attribute:
    """One label attribute of one line; `name` is its key without -ref."""

    name: str
    value: Any
    metadata: dict[str, Any]

    @property
    def job(self) -> str:
        """The job that labelled it, "" where it is not given."""
        return (text(self.metadata.get("job-name")) or "").removeprefix("labeling-job/")

    @property
    def type(self) -> str:
        """The type of task, without its prefix groundtruth/."""
        return (text(self.metadata.get("type")) or "").removeprefix("groundtruth/")


@dataclass
class Line:
    """One line: `number` counts from 1, `item` is its data object; `rest` are keys that are no label."""

    number: int
    item: int
    source: str | None
    attributes: list[Attribute]
    rest: dict[str, Any]

    def own(self, job: str) -> list[Attribute]:
        """Return the label attributes that a job made."""
        return [self.attributes[index] for index in own([one.job for one in self.attributes], job)]


@dataclass
class Manifest:
    """The lines of a manifest, and the numbers of the data objects whose lines could not be read."""

    lines: list[Line] = field(default_factory=list)
    unread: list[int] = field(default_factory=list)

    def job(self) -> str:
        """Return the job that made it: the one of most lines' last attribute, "" where none is named."""
        named = Counter(line.attributes[-1].job for line in self.lines if line.attributes)
        named.pop("", None)
        return named.most_common(1)[0][0] if named else ""

    def type(self, job: str) -> str:
        """Return the type of the job's task, "" where it is not given."""
        found = Counter(one.type for line in self.lines for one in line.own(job) if one.type)
        return found.most_common(1)[0][0] if found else ""

    def classes(self, job: str) -> dict[str, str]:
        """Return the names of the job's class ids."""
        found: dict[str, str] = {}
        for line in self.lines:
            for one in line.own(job):
                for key, name in _object(one.metadata.get("class-map")).items():
                    found.setdefault(key, text(name) or "")
        return found


def own(jobs: Sequence[str], job: str) -> list[int]:
    """Return which of a line's label attributes a job made, given the job that each one names."""
    mine = [index for index, one in enumerate(jobs) if one and one.casefold() == job.casefold()]
    return mine or list(range(len(jobs)))[-1:]


def modality_of(task: str) -> str:
    """Return a type of task as folders call it: VideoObjectTracking for video-object-tracking."""
    name = "".join(word[:1].upper() + word[1:] for word in re.split(r"[-_/ ]", task))
    return _MODALITIES.get(name, name)


def parse(data: bytes, notes: Notes) -> Manifest:
    """Read a manifest; a line that cannot be read is noted with its number, and the rest goes on."""
    manifest = Manifest()
    for count, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not raw.strip():
            continue
        try:
            value = json_parsing.parse(raw, notes, count)
        except json_parsing.DocumentError as error:
            notes.reject("", f"the line cannot be read: {error}", error.remedy, count)
            manifest.unread.append(count - 1)
            continue
        if not isinstance(value, dict):
            notes.reject(
                "", f"{str(text(value))[:80]} is no line of a manifest", 'write {"source-ref": ...}', count
            )
            manifest.unread.append(count - 1)
            continue
        manifest.lines.append(_line(value, count, notes))
    return manifest


def _line(value: dict[str, Any], count: int, notes: Notes) -> Line:
    attributes = []
    rest = dict(value)
    for key, about in value.items():
        name = key.removesuffix(_SUFFIX)
        if name == key or not isinstance(about, dict):
            continue
        rest.pop(key)
        one = Attribute(name.removesuffix("-ref"), rest.pop(name, None), about)
        notes.keys.add_record("manifest", about, _KNOWN)
        attributes.append(one)
    source = next((text(rest.pop(key)) for key in _SOURCES if key in rest), None)
    if source is None:
        notes.reject(
            "source-ref", "the line names no data object", "add source-ref or source; it is kept", count
        )
    item = count - 1
    for one in attributes:
        numbered = (
            re.search(r"/output/(\d{1,9})/[^/]+\.json$", one.value) if isinstance(one.value, str) else None
        )
        item = int(numbered[1]) if numbered else item
    return Line(count, item, source, attributes, rest)


def labels(attribute: Attribute) -> list[label_finder.Label]:
    """Return the labels that an attribute of a still or a text holds, each with its kind.

    Image and text classification (one class or several), bounding boxes, polylines, polygons, keypoints,
    entities, and of a semantic segmentation the classes of its mask. A sequence's stand in its own file.
    """
    value, metadata = attribute.value, attribute.metadata
    names = _object(metadata.get("class-map"))
    if "internal-color-map" in metadata:
        return _mask(_object(metadata["internal-color-map"]))
    if isinstance(value, dict):
        confidences = metadata.get("objects", metadata.get("entities"))
        found = [(kind, dict(label)) for kind, label in label_finder.labels(value)]
        for index, (_, label) in enumerate(found):
            about = confidences[index] if isinstance(confidences, list) and index < len(confidences) else None
            confidence = about.get("confidence") if isinstance(about, dict) else None
            if confidence is not None:
                label.setdefault("confidence", confidence)
            identifier = text(label.get("class_id"))
            if identifier in names:
                label.setdefault("label", names[identifier])
        return found
    if isinstance(value, list):
        several = _object(metadata.get("confidence-map"))
        return [
            ("class", _class(each, names.get(text(each) or ""), several.get(text(each) or "")))
            for each in value
            if not isinstance(each, dict | list)
        ]
    if value is None or "class-name" not in metadata:
        return []
    return [("class", _class(value, metadata["class-name"], metadata.get("confidence")))]


def size(attribute: Attribute) -> tuple[float | None, float | None]:
    """Return width and height of the picture in pixels, where the label gives them."""
    listed = _object(attribute.value).get("image_size")
    first = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], dict) else {}
    return number(first.get("width")), number(first.get("height"))


def rows(line: Line) -> list[dict[str, Any]]:
    """Return the rows of the table `output_manifest` for a line, without its place.

    A key that is no label attribute has a row too, without type: nothing of a line is lost. So has a line
    with a data object alone.
    """
    further = [Attribute(key, value, {}) for key, value in line.rest.items()]
    made = []
    listed: list[Attribute | None] = [*line.attributes, *further]
    for one in listed or [None]:
        metadata = one.metadata if one else {}
        made.append(
            {
                "source-ref": line.source,
                "attribute": one.name if one else None,
                "ref": text(one.value) if one else None,
                **{name: text(metadata.get(name)) for name in _TEXTS},
                "class-map": [(key, text(name)) for key, name in _object(metadata.get("class-map")).items()],
                "confidence": number(metadata.get("confidence")),
                "metadata": as_json(metadata) if metadata else None,
                "item": line.item,
                "line": line.number,
            }
        )
    return made


def _class(identifier: Any, name: Any, confidence: Any) -> dict[str, Any]:
    label = {"class_id": text(identifier), "label": text(name)}
    return label if confidence is None else {**label, "confidence": confidence}


def _mask(colours: Mapping[str, Any]) -> list[label_finder.Label]:
    found: list[label_finder.Label] = []
    for key, about in colours.items():
        about = _object(about)
        name = text(about.get("class-name"))
        if name is not None and name.upper() == "BACKGROUND":
            continue
        label = {"class_id": key, "label": name}
        if "confidence" in about:
            label["confidence"] = about["confidence"]
        further = {one: value for one, value in about.items() if one not in ("class-name", "confidence")}
        found.append(("mask", {**label, "attributes": further}))
    return found


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
