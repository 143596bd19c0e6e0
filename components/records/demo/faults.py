"""Faults of files that real exports have, each with what is true of it."""

from __future__ import annotations

import base64
from typing import Any

import orjson

from brume.records.demo.people import identity
from brume.records.demo.truth import Truth

_LOG = b"2024-08-06T14:12:57Z INFO export: part written\n"
Resource = dict[str, Any]


def break_files(lines: dict[str, list[bytes]], truth: Truth) -> dict[str, bytes]:
    """Return the files of an export, with faults; their lines are given by name, one resource in each.

    What is set aside, mended, deleted or replaced is noted in `truth`, and so is what then holds.
    """
    files = {name: list(some) for name, some in lines.items()}
    _break_patients(files, truth)
    _break_conditions(files, truth)
    _break_medications(files, truth)
    _break_documents(files, truth)
    found = {name: b"".join(some) for name, some in files.items()}
    name = "Patient-0.ndjson"
    found[name] = b"\xef\xbb\xbf" + found[name]
    truth.repairs.append((name, "a byte-order mark", 1))
    found["log.ndjson"] = b'{"eventId": "kickoff"}\n{"eventId": "status_complete"}\n'
    truth.rejects += [("log.ndjson", 1), ("log.ndjson", 2)]
    found["README.md"] = b"An export for tests.\n"
    return found


def _break_patients(files: dict[str, list[bytes]], truth: Truth) -> None:
    """Empty lines, and, where a name has such letters, a name in Windows' bytes."""
    lines = files["Patient-0.ndjson"]
    lines[2:2] = [b"\n", b"  \r\n"]
    truth.repairs.append(("Patient-0.ndjson", "an empty line", 2))
    at = next((number for number, line in enumerate(lines) if not line.isascii()), None)
    if at is not None:
        lines[at] = lines[at].decode().encode("cp1252")
        truth.repairs.append(("Patient-0.ndjson", "bytes that are no UTF-8, read as Windows-1252", 1))


def _break_conditions(files: dict[str, list[bytes]], truth: Truth) -> None:
    """A resource over several lines, one of another type, lines of a log, and a resource that is cut off."""
    name = "Condition-0.ndjson"
    lines = files[name]
    spread = orjson.dumps(orjson.loads(lines[1]), option=orjson.OPT_INDENT_2) + b"\n"
    allergy = {"resourceType": "AllergyIntolerance", "id": identity("Allergy"), "patient": {"reference": ""}}
    allergy["patient"] = orjson.loads(lines[0])["subject"]
    lines[:2] = [lines[0], spread, orjson.dumps(allergy) + b"\n", _LOG]
    truth.resources["AllergyIntolerance"] = 1
    truth.repairs.append((name, "a resource over several lines", 1))
    truth.repairs.append((name, "a resource of another type than the file's name states", 1))
    log = 2 + spread.count(b"\n") + 1
    truth.rejects.append((name, log))
    cut = lines[-1][: len(lines[-1]) // 2]
    truth.rejects.append((name, b"".join(lines).count(b"\n") + 1))
    lines.append(cut)


def _break_medications(files: dict[str, list[bytes]], truth: Truth) -> None:
    """Two resources on a line."""
    lines = files["MedicationRequest-0.ndjson"]
    lines[0] = lines[0].rstrip(b"\n")
    truth.repairs.append(("MedicationRequest-0.ndjson", "several resources on a line", 1))


def _break_documents(files: dict[str, list[bytes]], truth: Truth) -> None:
    """Deleted and replaced documents, and attachments that cannot be read."""
    name = "DocumentReference-1.ndjson"
    whole = orjson.loads(files[name][0])
    deleted = {**whole, "id": identity("deleted document")}
    entry = {"request": {"method": "DELETE", "url": f"DocumentReference/{deleted['id']}"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    files[name].append(orjson.dumps(deleted) + b"\n")
    files["deleted/Bundle-0.ndjson"] = [orjson.dumps(bundle) + b"\n"]
    truth.deleted.append(f"DocumentReference/{deleted['id']}")
    old = {**whole, "meta": {"versionId": "0", "lastUpdated": "2001-01-01T00:00:00Z"}}
    old["content"] = [_attachment("text/plain", b"An older version of this note.\n")]
    files["DocumentReference-2.ndjson"].append(orjson.dumps(old) + b"\n")
    files[name][0] = (
        orjson.dumps({**whole, "meta": {"versionId": "1", "lastUpdated": "2024-01-01T00:00:00Z"}}) + b"\n"
    )
    truth.replaced.append(f"DocumentReference/{whole['id']}")
    broken = _attachment("text/plain", b"text")
    broken["attachment"]["data"] = "this is no base64!"
    contents = {
        "pdf": _attachment("application/pdf", b"%PDF-1.7 not read\n"),
        "base64": broken,
        "nowhere": {"attachment": {"contentType": "text/plain", "url": "attachments/../../outside.txt"}},
        "empty": {"attachment": {"contentType": "text/plain"}},
    }
    for key, content in contents.items():
        document = {**whole, "id": identity("unread", key), "content": [content]}
        files["DocumentReference-0.ndjson"].append(orjson.dumps(document) + b"\n")
        truth.note_rejects.append(f"DocumentReference/{document['id']}/0")
    truth.resources["DocumentReference"] += len(contents)


def _attachment(kind: str, data: bytes) -> Resource:
    return {"attachment": {"contentType": kind, "data": base64.b64encode(data).decode()}}
