"""Labels of any kind (a box, a line, a word) as columns.

Ground Truth spells keys in three ways: class-id in output files, classId in answers, class_id in manifests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from brume.labels.model.ingest.reading.arrow_columns import constant, struct, translate
from brume.labels.model.ingest.reading.records import Attributes, Records, Shape
from brume.labels.model.schema import POINTS, TEXT

CLASS = ("label", "class-name", "className", "class")
CLASS_ID = ("class-id", "classId", "class_id")
OBJECT_ID = ("object-id", "objectId", "object_id")
OBJECT_NAME = ("object-name", "objectName", "object_name")
ATTRIBUTES = ("label-category-attributes", "labelCategoryAttributes", "attributes")
START = ("startOffset", "start-offset", "start_offset")
END = ("endOffset", "end-offset", "end_offset")
_BOX = {"left", "top", "width", "height"}
KNOWN = frozenset(
    {*CLASS, *CLASS_ID, *OBJECT_ID, *OBJECT_NAME, *ATTRIBUTES, *START, *END, *_BOX}
    | {"vertices", "x", "y", "confidence"}
)


class LabelColumns:
    """Labels of several documents, end to end."""

    def __init__(
        self,
        records: Records,
        record: str,
        *,
        classes: Mapping[str, str],
        lines: str = "polyline",
        kinds: Sequence[str | None] | None = None,
    ) -> None:
        """Read labels, and count their keys as those of `record`.

        `classes` names the class ids of the job, `lines` is the kind of a label with vertices. `kinds` gives
        the kind of each label; None: by its keys.
        """
        self._records = records
        attributes = Attributes(records, *ATTRIBUTES)
        records.count_keys(record, KNOWN)
        attributes.count_keys(f"{record} attribute")
        self._attributes = attributes.struct()
        class_id = records.texts(*CLASS_ID)
        object_name = records.texts(*OBJECT_NAME)
        vertices = records.points("vertices")
        if "x" in records.keys and "y" in records.keys:
            x, y = records.numbers("x"), records.numbers("y")
            vertices = pc.coalesce(vertices, _single_points(x, y))
        self.columns: dict[str, pa.Array] = {
            "kind": _kinds(records, lines, kinds),
            "class": _class(records, class_id, object_name, classes),
            "class_id": class_id,
            "object_id": records.texts(*OBJECT_ID),
            "object_name": object_name,
            "left": records.numbers("left"),
            "top": records.numbers("top"),
            "width": records.numbers("width"),
            "height": records.numbers("height"),
            "vertices": vertices,
            "start": records.wholes(*START),
            "end": records.wholes(*END),
            "confidence": records.numbers("confidence"),
            "attributes": attributes.map(),
            "extra": records.further(KNOWN),
        }

    def __len__(self) -> int:
        return len(self._records)

    def struct(self) -> pa.Array:
        """Return the labels as structs named as in the files (`schema.frames_type`), attributes included."""
        names = ("height", "width", "top", "left", "class-id", "object-id", "object-name", "vertices")
        columns = {name: self.columns[name.replace("-", "_")] for name in names}
        if self._attributes is not None:
            columns["label-category-attributes"] = self._attributes
        return struct(columns)


def _kinds(records: Records, lines: str, given: Sequence[str | None] | None) -> pa.Array:
    by_shape = {shape: _kind(shape, lines) for shape in records.all_shapes}
    if given is not None:
        rows = zip(given, records.rows, strict=True)
        return pa.array([kind or by_shape[tuple(row)] for kind, row in rows], TEXT)
    if len(set(by_shape.values())) == 1:
        return constant(next(iter(by_shape.values())), len(records))
    return pa.array([by_shape[tuple(row)] for row in records.rows], TEXT)


def _kind(shape: Shape, lines: str) -> str | None:
    keys = set(shape)
    if keys & _BOX:
        return "box"
    if "vertices" in keys:
        return lines
    if {"x", "y"} <= keys:
        return "keypoint"
    if any(key.startswith("center") for key in keys):
        return "cuboid"
    if keys & {*START, *END}:
        return "entity"
    return "class" if keys & {*CLASS, *CLASS_ID} else None


def _class(
    records: Records, class_id: pa.Array, object_name: pa.Array, classes: Mapping[str, str]
) -> pa.Array:
    """Return the class: the label's own, that of its id, or from the object's name (Vehicle:1)."""
    found = []
    if any(name in records.keys for name in CLASS):
        found.append(records.texts(*CLASS))
    if classes and class_id.null_count < len(records):
        found.append(translate(class_id, lambda value: classes.get(value)))
    if not found or found[-1].null_count:
        found.append(translate(object_name, lambda value: value and (value.rpartition(":")[0] or None)))
    return pc.coalesce(*found) if len(found) > 1 else found[0]


def _single_points(x: pa.Array, y: pa.Array) -> pa.Array:
    places = [
        None if left is None or top is None else [{"x": left, "y": top, "z": None}]
        for left, top in zip(x.to_pylist(), y.to_pylist(), strict=True)
    ]
    return pa.array(places, POINTS)
