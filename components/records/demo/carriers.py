"""How a generated note stands in its resource: eleven ways that real exports have."""

from __future__ import annotations

import base64
import html
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from brume.records.demo.note_text import Person
from brume.records.demo.people import RECORD, conditional, identity

LOINC = "http://loinc.org"
ADDENDUM = "Addendum: reviewed, no change.\n"
Resource = dict[str, Any]


@dataclass(frozen=True)
class Held:
    """A resource that holds notes, and what its attachments name: Binary resources, files of the export."""

    resource: Resource
    binaries: tuple[Resource, ...] = ()
    files: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Setting:
    """The note to hold: its person, text, date, and the number of its author."""

    id: str
    person: Person
    text: str
    date: str
    author: int


def plain(at: Setting) -> Held:
    """UTF-8, as data of the attachment."""
    return _document(at, [_data(at.text.encode(), "text/plain; charset=utf-8")])


def latin(at: Setting) -> Held:
    """Windows-1252, declared as ISO-8859-1."""
    return _document(at, [_data(at.text.encode("cp1252"), "text/plain; charset=iso-8859-1")])


def wrapped(at: Setting) -> Held:
    """Base64 with a line break after 76 characters, and a content type without a charset."""
    attachment = _data(at.text.encode(), "text/plain")
    attachment["data"] = "\r\n".join(textwrap.wrap(attachment["data"], 76))
    return _document(at, [attachment])


def page(at: Setting) -> Held:
    """HTML, with a style that is no text."""
    lines = "".join(f"<p>{html.escape(line)}</p>\n" for line in at.text.splitlines() if line)
    data = f"<html><head><style>p {{margin: 0}}</style></head><body>\n{lines}</body></html>".encode()
    return _document(at, [_data(data, "text/html")])


def rich(at: Setting) -> Held:
    """RTF, whose characters beyond ASCII are escaped."""
    return _document(at, [_data(rtf(at.text), "application/rtf")])


def two(at: Setting) -> Held:
    """The text, and an addendum as a second content."""
    addendum = _data(ADDENDUM.encode(), "text/plain")
    return _document(at, [_data(at.text.encode(), "text/plain"), addendum])


def binary(at: Setting) -> Held:
    """The url of a Binary resource on a server."""
    name = identity(at.id, "Binary")
    resource = {"resourceType": "Binary", "id": name, **_data(at.text.encode(), "text/plain")}
    url = f"https://ehr.example/fhir/Binary/{name}"
    return Held(_document(at, [{"contentType": "text/plain", "url": url}]).resource, (resource,))


def contained(at: Setting) -> Held:
    """The url of a Binary within the resource."""
    held = _document(at, [{"contentType": "text/plain", "url": "#note"}])
    inner = {"resourceType": "Binary", "id": "note", **_data(at.text.encode(), "text/plain")}
    return Held({**held.resource, "contained": [inner]})


def file(at: Setting) -> Held:
    """The url of a file of the export."""
    name = f"attachments/{at.id}.txt"
    attachment = {"contentType": "text/plain; charset=utf-8", "url": name}
    return Held(_document(at, [attachment]).resource, files={name: at.text.encode()})


def person_by_record(at: Setting) -> Held:
    """UTF-8, of a patient whom a conditional reference names."""
    held = plain(at)
    reference = {"reference": f"Patient?identifier={RECORD}|{at.person.record}"}
    return Held({**held.resource, "subject": reference})


def report(at: Setting) -> Held:
    """A DiagnosticReport's presented form, the second kind of resource that holds notes."""
    return Held(
        {
            "resourceType": "DiagnosticReport",
            "id": at.id,
            "status": "final",
            "code": {"coding": [{"system": LOINC, "code": "18748-4", "display": "Diagnostic imaging study"}]},
            "subject": {"reference": f"Patient/{at.person.id}"},
            "effectiveDateTime": at.date,
            "resultsInterpreter": [{"reference": conditional(at.author)}],
            "presentedForm": [_data(at.text.encode(), "text/plain; charset=utf-8")],
        }
    )


CARRIERS: tuple[Callable[[Setting], Held], ...] = (
    *(plain, latin, wrapped, page, rich, two, binary, contained, file, person_by_record, report),
)


def rtf(text: str) -> bytes:
    """Return a text as RTF: one paragraph for each line."""
    escaped = "".join(
        f"\\u{ord(one)}?" if ord(one) > 126 else f"\\{one}" if one in "\\{}" else one for one in text
    )
    return ("{\\rtf1\\ansi\\ansicpg1252\\deff0 " + escaped.replace("\n", "\\par\n") + "}").encode("ascii")


def _document(at: Setting, attachments: list[Resource]) -> Held:
    kinds = [("34117-2", "History and physical note"), ("11506-3", "Progress note")]
    code, display = kinds[at.author % 2]
    return Held(
        {
            "resourceType": "DocumentReference",
            "id": at.id,
            "status": ("current", "superseded")[at.author % 2],
            "type": {"coding": [{"system": LOINC, "code": code, "display": display}]},
            "subject": {"reference": f"Patient/{at.person.id}"},
            "date": f"{at.date}T09:30:00Z",
            "author": [{"reference": conditional(at.author)}],
            "content": [{"attachment": attachment} for attachment in attachments],
        }
    )


def _data(data: bytes, kind: str) -> Resource:
    return {"contentType": kind, "data": base64.b64encode(data).decode()}
