"""Lakes for tests, made of rows that name only the columns that matter."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from brume.labels.model.lake import Lake
from brume.labels.model.schema import TABLES, frames_type

Row = Mapping[str, Any]


def put(lake: Lake, **tables: Sequence[Row]) -> None:
    """Make the rows the whole content of each table; columns that a row does not name are null."""
    parts = []
    for name, rows in tables.items():
        spec = TABLES[name]
        partitions: dict[tuple[str, ...], list[Row]] = {}
        for row in rows:
            partitions.setdefault(tuple(row[key] for key in spec.partitions), []).append(row)
        for partition, some in partitions.items():
            parts.append(lake.write(name, _table(spec.schema, some), partition))
    lake.replace(list(tables), parts)


def frame(number: int, *boxes: Mapping[str, str], **attributes: str) -> dict[str, Any]:
    """Return a frame with the given attributes, and a box with those of each of `boxes`."""
    labels = [
        {
            "height": 10.0,
            "width": 20.0,
            "top": 1.0,
            "left": 2.0 + place,
            "class-id": "0",
            "object-id": f"o{place}",
            "object-name": f"Vehicle:{place + 1}",
            "vertices": None,
            "label-category-attributes": dict(box),
        }
        for place, box in enumerate(boxes)
    ]
    return {
        "frame-no": str(number),
        "frame": f"{number}.jpg",
        "frame-attributes": attributes,
        "annotations": labels,
    }


def answer(
    worker: str,
    submitted: str | None = "2024-03-01T09:30:00",
    *,
    job: str = "cars",
    item: int = 0,
    **more: Any,
) -> dict[str, Any]:
    """Return a row of `answers` with one frame and one box."""
    row = {
        "modality": "VideoObjectTracking",
        "batch": "batch-1",
        "level": "1",
        "job": job,
        "item": item,
        "iteration": 1,
        "answer": 0,
        "worker": worker,
        "worker_id": "private.eu-west-1.abc",
        "sub": worker,
        "provider": "Cognito",
        "issuer": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12",
        "submitted": submitted and datetime.datetime.fromisoformat(submitted).replace(tzinfo=datetime.UTC),
        "seconds": 90.0,
        "labels": 1,
        "frames": 1,
        "entries": [frame(0, {"vehicle_type": "car"}, quality="good")],
        "file": f"{job}/{item}.json",
    }
    return row | more


def _table(schema: pa.Schema, rows: Sequence[Row]) -> pa.Table:
    """Bring rows into the types of a schema; structs of attributes get the attributes that the rows have."""
    frames = [
        one
        for row in rows
        for key in ("entries", "tracking-annotations", "detection-annotations")
        for one in row.get(key) or ()
    ]
    on_frames = sorted({name for one in frames for name in one["frame-attributes"]})
    on_labels = sorted(
        {
            name
            for one in frames
            for label in one["annotations"]
            for name in label["label-category-attributes"]
        }
    )
    empty, full = frames_type((), ()), frames_type(on_frames, on_labels)
    fields = [column.with_type(full) if column.type == empty else column for column in schema]
    return pa.Table.from_pylist([dict(row) for row in rows], schema=pa.schema(fields))
