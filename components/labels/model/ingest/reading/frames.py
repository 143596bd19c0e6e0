"""Read frames of sequences with their labels, from SeqLabel.json or a worker's answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from brume.labels.model.ingest.reading.arrow_columns import nested, spread, struct
from brume.labels.model.ingest.reading.json_values import text
from brume.labels.model.ingest.reading.label_columns import LabelColumns
from brume.labels.model.ingest.reading.notes import Notes
from brume.labels.model.ingest.reading.records import Attributes, Records
from brume.labels.model.schema import COUNT

FRAME_NO = ("frame-no", "frameNo", "frame_no")
ATTRIBUTES = ("frame-attributes", "frameAttributes", "frame_attributes")
ANNOTATIONS = ("annotations",)
_KNOWN = frozenset([*FRAME_NO, "frame", *ATTRIBUTES, *ANNOTATIONS])


class Frames:
    """The frames of several documents, end to end, and the labels in them."""

    def __init__(
        self,
        entries: Sequence[Any],
        notes: Sequence[Notes],
        record: str,
        *,
        classes: Mapping[str, str],
        lines: str = "polyline",
    ) -> None:
        """Read the list of frames of each document; what is no frame or no label is noted and left out.

        Keys are counted as those of "{record}frame", "{record}label" and their attributes.
        """
        kept = [_objects(each, note, "frames") for each, note in zip(entries, notes, strict=True)]
        self.counts = [len(each) for each in kept]  # frames of each document
        frames = Records(list(chain.from_iterable(kept)), self.counts, notes)
        attributes = Attributes(frames, *ATTRIBUTES)
        frames.count_keys(f"{record}frame", _KNOWN)
        attributes.count_keys(f"{record}frame attribute")
        listed = frames.values(*ANNOTATIONS)
        if not set(map(type, listed)) <= {list}:
            listed = [
                _objects([] if value is None else value, notes[frames.document(index)], "annotations")
                for index, value in enumerate(listed)
            ]
        rows: list[Any] = list(chain.from_iterable(listed))
        if not set(map(type, rows)) <= {dict}:
            listed = [
                _objects(value, notes[frames.document(index)], "annotations")
                for index, value in enumerate(listed)
            ]
            rows = list(chain.from_iterable(listed))
        self.label_counts = list(map(len, listed))  # labels of each frame
        bounds = np.concatenate([[0], np.cumsum(self.counts, dtype=np.int64)])
        before = np.concatenate([[0], np.cumsum(self.label_counts, dtype=np.int64)])
        self.document_labels = np.diff(before[bounds]).tolist()  # labels of each document
        self.marks = LabelColumns(
            Records(rows, self.document_labels, notes), f"{record}label", classes=classes, lines=lines
        )
        self._frame_no_text = frames.texts(*FRAME_NO)
        self._attributes = attributes.struct()
        self.columns: dict[str, pa.Array] = {
            "frame_no": frames.wholes(*FRAME_NO),
            "frame": frames.texts("frame"),
            "labels": pa.array(self.label_counts, COUNT),
            "attributes": attributes.map(),
            "extra": frames.further(_KNOWN),
        }

    def label_columns(self) -> dict[str, pa.Array]:
        """Return the columns of all labels, with the frame of each."""
        parent = spread(self.label_counts)
        return {
            "frame_no": self.columns["frame_no"].take(parent),
            "frame": self.columns["frame"].take(parent),
            **self.marks.columns,
        }

    def nested(self) -> pa.Array:
        """Return a row for each document: its frames with their labels, as `schema.frames_type` has them."""
        columns = {"frame-no": self._frame_no_text, "frame": self.columns["frame"]}
        if self._attributes is not None:
            columns["frame-attributes"] = self._attributes
        columns["annotations"] = nested(self.label_counts, self.marks.struct())
        return nested(self.counts, struct(columns))


def _objects(value: Any, notes: Notes, field: str) -> list[dict[str, Any]]:
    """Return the objects of a list; what is no list, or no object in it, is noted."""
    if not isinstance(value, list):
        notes.reject(field, f"{str(text(value))[:80]} is not a list", "correct it in the job's output")
        return []
    if set(map(type, value)) <= {dict}:
        return value
    for one in value:
        if not isinstance(one, dict):
            notes.reject(
                field,
                f"{str(text(one))[:80]} is not an object",
                "correct it in the job's output; the rest is read",
            )
    return [one for one in value if isinstance(one, dict)]
