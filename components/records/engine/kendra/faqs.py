"""The operations on FAQs: questions with answers that their owner wrote, in CSV or JSON.

Formats: Kendra's developer guide, "Adding frequently asked questions (FAQs) to an index". In CSV_WITH_HEADER
the values of a list are separated by semicolons.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sqlalchemy import Connection

from brume.aws.engine.service import Call
from brume.records.engine.kendra import fields, metadata, rows
from brume.records.engine.kendra.fields import Fields
from brume.records.engine.kendra.metadata import MetadataError
from brume.records.engine.kendra.source_files import FileError, FileKind, SourceFiles, contents
from brume.records.model.search.document import Document

_KIND = "faq"
_QUESTION, _ANSWER, _URI = "_question", "_answer", "_source_uri"


class Faqs:
    """The operations on FAQs."""

    def __init__(self, files: Callable[[FileKind], SourceFiles], changed: Callable[[str], None]) -> None:
        self._files = files(FileKind(_KIND, "FAQ", "S3Path", _read, changed))

    def create_faq(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Begin to read a file of questions and answers."""
        return self._files.create(request, call)

    def describe_faq(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Describe an FAQ."""
        made = self._files.describe(request, call)
        del made["FileSizeBytes"]
        return {"FileFormat": "CSV", **made}

    def list_faqs(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """List the FAQs of an index, the newest first."""
        return self._files.list_all(request, call)

    def delete_faq(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Delete an FAQ with its questions."""
        self._files.remove(request, call)
        return {}


def documents(db: Connection, index: str) -> list[Document]:
    """Return the questions of an index as documents: the question is the title, the answer the text."""
    found = []
    for identity, content in contents(db, index, _KIND):
        for number, one in enumerate(content):
            attributes = {**one["attributes"], "_faq_id": identity}
            name = f"{identity}-{number}"
            found.append(rows.document(name, one["answer"], one["question"], attributes, one["access"], []))
    return found


def _read(text: str, given: Mapping[str, Any], known: Fields) -> tuple[Any, int]:
    form = given.get("FileFormat") or "CSV"
    made = []
    for where, entry in _json(text) if form == "JSON" else _csv(text, known, header=form != "CSV"):
        try:
            made.append(_kept(entry, known))
        except MetadataError as error:
            raise FileError(f"{where}: {error}") from error
    if not made:
        raise FileError("the file has no question")
    return made, len(made)


def _kept(entry: Mapping[str, Any], known: Fields) -> dict[str, Any]:
    """Return what is kept of a question in the form of the JSON file. Raises `MetadataError`."""
    for member in ("Question", "Answer"):
        if not metadata.text(member, entry.get(member)).strip():
            raise MetadataError(f"{member} is empty")
    attributes = entry.get("Attributes") or {}
    if not isinstance(attributes, dict):
        raise MetadataError("Attributes is no object")
    values = {name: metadata.value(name, value, known) for name, value in attributes.items()}
    access = metadata.grants(entry.get("AccessControlList") or [])
    return {
        "question": entry["Question"].strip(),
        "answer": entry["Answer"].strip(),
        "attributes": fields.kept(values),
        "access": [access] if access else [],
    }


def _json(text: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        given = json.loads(text)
    except ValueError as error:
        raise FileError("the file is no JSON") from error
    listed = given.get("FaqDocuments") if isinstance(given, dict) else None
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise FileError('the file is not of the form {"SchemaVersion": 1, "FaqDocuments": [{...}]}')
    for number, one in enumerate(listed, 1):
        yield f"question {number}", one


def _csv(text: str, known: Fields, *, header: bool) -> Iterator[tuple[str, Mapping[str, Any]]]:
    lines = csv.reader(io.StringIO(text), strict=True)
    names = [_QUESTION, _ANSWER, _URI]
    try:
        if header:
            names = [name.strip() for name in next(lines, [])]
            if not {_QUESTION, _ANSWER} <= set(names):
                raise FileError(f"the first line needs the columns {_QUESTION} and {_ANSWER}")
        for row in lines:
            if not any(cell.strip() for cell in row):
                continue
            where = f"line {lines.line_num}"
            if len(row) > len(names):
                raise FileError(f"{where}: it has {len(row)} columns, not up to {len(names)}")
            cells = dict(zip(names, row, strict=False))
            entry = {"Question": cells.pop(_QUESTION, ""), "Answer": cells.pop(_ANSWER, "")}
            yield where, {**entry, "Attributes": _attributes(cells, known)}
    except csv.Error as error:
        raise FileError(f"line {lines.line_num}: it is no CSV: {error}") from error


def _attributes(cells: Mapping[str, str], known: Fields) -> dict[str, Any]:
    """Return the attributes of a line, as JSON has them; an empty cell is none."""
    made: dict[str, Any] = {}
    for name, cell in cells.items():
        kind = known[name]["Type"] if name in known else ""
        text = cell.strip()
        if kind == "LONG_VALUE" and text.lstrip("-").isdecimal():
            made[name] = int(text)
        elif kind == "STRING_LIST_VALUE":
            made[name] = [part.strip() for part in text.split(";") if part.strip()]
        elif text:
            made[name] = text
    return {name: value for name, value in made.items() if value != []}
