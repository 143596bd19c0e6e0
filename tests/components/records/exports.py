"""Small exports, and what a lake holds of them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from brume.records.model.lake import Lake
from brume.records.model.resources import Resources

Json = dict[str, Any]


def write(folder: Path, files: Mapping[str, Sequence[Json] | bytes | str]) -> str:
    """Write files of resources, a line for each, or of bytes; returns the folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif isinstance(content, str):
            path.write_text(content, encoding="utf-8")
        else:
            path.write_text("".join(json.dumps(one) + "\n" for one in content))
    return str(folder)


def patient(identity: str = "p", **more: Any) -> Json:
    return {"resourceType": "Patient", "id": identity, **more}


def document(identity: str, text: str | bytes = "A note.", **more: Any) -> Json:
    data = text.encode() if isinstance(text, str) else text
    attachment = {"contentType": "text/plain", "data": base64.b64encode(data).decode()}
    return {
        "resourceType": "DocumentReference",
        "id": identity,
        "subject": {"reference": "Patient/p"},
        "content": [{"attachment": attachment}],
        **more,
    }


def attached(identity: str, *attachments: Any, **more: Any) -> Json:
    return document(identity, content=[{"attachment": one} for one in attachments], **more)


def held(lake: Lake) -> dict[str, Json]:
    """Return the resources that hold, by TYPE/ID."""
    with Resources(lake) as resources:
        return {one.reference: dict(one.value) for one in resources.of()}


def notes(lake: Lake) -> dict[str, Json]:
    """Return the rows of notes by id."""
    return {row["id"]: row for row in lake.table("notes").to_pylist()}


def rejects(lake: Lake) -> list[tuple[str, int | None]]:
    """Return file and line of what was set aside; the line is None where the whole file is meant."""
    found = ((row["file"], row["line"]) for row in lake.table("rejects").to_pylist())
    return sorted(found, key=lambda place: (place[0], place[1] or 0))


def content(lake: Lake) -> dict[str, list[str]]:
    """Return all rows of a lake but for times of reading and of change, in an order of their own."""
    tables: dict[str, list[str]] = {}
    for name in lake.tables:
        rows = lake.table(name).to_pylist()
        kept = [{key: value for key, value in row.items() if key not in ("read", "version")} for row in rows]
        tables[name] = sorted(json.dumps(row, default=str, sort_keys=True) for row in kept)
    return tables
