"""Types of columns, and columns that several tables share."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pyarrow as pa

from brume.lake.tables import COUNT, NUMBER, TEXT

DATABASE = "smgt-gluedatabase"  # the original's name: its queries spell it out
TEXTS = pa.map_(TEXT, TEXT)
POINTS = pa.list_(pa.struct([("x", NUMBER), ("y", NUMBER), ("z", NUMBER)]))


def frames_type(frame_attributes: Sequence[str], label_attributes: Sequence[str]) -> pa.DataType:
    """Return the type of a sequence's frames with their annotations, as Glue finds it in SeqLabel.json.

    list<struct<frame-no, frame, frame-attributes: struct<...>, annotations: list<struct<...>>>>; a struct
    without attributes is left out, Parquet has none.
    """
    label = [
        ("height", NUMBER),
        ("width", NUMBER),
        ("top", NUMBER),
        ("left", NUMBER),
        ("class-id", TEXT),
        ("object-id", TEXT),
        ("object-name", TEXT),
        ("vertices", POINTS),
    ]
    if label_attributes:
        label.append(("label-category-attributes", pa.struct([(name, TEXT) for name in label_attributes])))
    frame = [("frame-no", TEXT), ("frame", TEXT)]
    if frame_attributes:
        frame.append(("frame-attributes", pa.struct([(name, TEXT) for name in frame_attributes])))
    return pa.list_(pa.struct([*frame, ("annotations", pa.list_(pa.struct(label)))]))


def manifest_table(modality: str) -> str:
    """Return the name that Glue's crawler gave the original's table of a modality's output manifests."""
    return "output_manifest_" + re.sub(r"\W", "_", modality.lower(), flags=re.ASCII)


JOB_COLUMNS = [("modality", TEXT), ("batch", TEXT), ("level", TEXT), ("job", TEXT)]
FILE_COLUMNS = [("file", TEXT), ("line", COUNT)]
LABEL_COLUMNS = [
    ("frame_no", COUNT),  # null outside of sequences
    ("frame", TEXT),
    ("kind", TEXT),  # box, polyline, polygon, keypoint, cuboid, class, entity, mask; frame (answers alone)
    ("class", TEXT),
    ("class_id", TEXT),
    ("object_id", TEXT),
    ("object_name", TEXT),
    ("left", NUMBER),  # pixels
    ("top", NUMBER),
    ("width", NUMBER),
    ("height", NUMBER),
    ("vertices", POINTS),
    ("start", COUNT),  # characters, of an entity
    ("end", COUNT),
    ("confidence", NUMBER),
    ("attributes", TEXTS),
    ("extra", TEXTS),  # keys that no column holds, values as JSON
]
