"""Find labels by their shape in manifests and answers, under any key.

A task's template is the customer's, and so is the name of its crowd element; what it yields has the shapes of
AWS's elements (crowd-bounding-box, crowd-image-classifier, crowd-entity-annotation, ...).
"""

from __future__ import annotations

import re
from typing import Any

from brume.labels.model.ingest.reading.json_values import text

_LISTS = {
    "annotations": None,  # of whatever kind its members are
    "boundingboxes": "box",
    "polylines": "polyline",
    "polygons": "polygon",
    "keypoints": "keypoint",
    "entities": "entity",
    "cuboids": "cuboid",
    "instances": "mask",
}
_FRAMES = {"trackingannotations", "detectionannotations"}
_DEEPEST = 6
Label = tuple[str | None, dict[str, Any]]


def plain(key: str) -> str:
    """Return a key without the dashes, underscores and capitals by which AWS's spellings of it differ."""
    return re.sub("[-_]", "", key).lower()


def entries(value: Any, depth: int = 4) -> list[Any] | None:
    """Return the frames of a worker's answer for a sequence; None where it is for something else."""
    if not isinstance(value, dict) or depth == 0:
        return None
    for key, one in value.items():
        if plain(key) in _FRAMES and isinstance(one, list):
            return one
        if plain(key) == "framedata" and isinstance(one, dict) and isinstance(one.get("entries"), list):
            return list(one["entries"])
    for one in value.values():
        if (found := entries(one, depth - 1)) is not None:
            return found
    return None


def without_entries(value: dict[str, Any], depth: int = 4) -> dict[str, Any]:
    """Return the content of an answer without its frames, which `entries` found."""
    left: dict[str, Any] = {}
    for key, one in value.items():
        if isinstance(one, list) and (plain(key) in _FRAMES or key == "entries"):
            continue
        inner = without_entries(one, depth - 1) if isinstance(one, dict) and depth > 1 else one
        if inner != {}:
            left[key] = inner
    return left


def labels(value: Any, depth: int = _DEEPEST) -> list[Label]:
    """Return the labels in a value, each with its kind (None: by its keys)."""
    if not isinstance(value, dict) or depth == 0:
        return []
    found: list[Label] = []
    names = {plain(key) for key in value}
    for key, one in value.items():
        name = plain(key)
        if name in _LISTS and isinstance(one, list):
            found += [(_LISTS[name], each) for each in one if isinstance(each, dict)]
        elif name == "labelmappings" and isinstance(one, dict):
            found += [("mask", {"label": each, "attributes": _object(about)}) for each, about in one.items()]
        elif name == "label" and isinstance(one, str | int | float):
            found.append(("class", {"label": text(one)}))
        elif name == "labels" and isinstance(one, list) and "entities" not in names:
            found += [("class", {"label": text(each)}) for each in one if not isinstance(each, dict | list)]
        elif isinstance(one, dict):
            found += labels(one, depth - 1)
    return found


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
