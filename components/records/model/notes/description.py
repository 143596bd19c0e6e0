"""What a resource states about its notes: patient, kind, date, status, author, encounter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from brume.records.model.resources import Resource, Resources


def describe(resource: Resource, resources: Resources) -> dict[str, str]:
    """Return the columns of the table `notes` that all notes of a resource share, "" where it has none."""
    value = resource.value
    report = resource.type == "DiagnosticReport"
    kind = _concept(value.get("code" if report else "type"))
    return {
        "patient": resources.patient_of(resource),
        "title": _text(value.get("description")) or kind,
        "kind": kind,
        "date": _first(_dates(value, report)),
        "status": _text(value.get("status")),
        "author": _author(resource, resources),
        "encounter": _encounter(resource, resources),
        "version": resource.version,
    }


def _dates(value: Mapping[str, Any], report: bool) -> Iterator[Any]:
    names = ("effectiveDateTime", "effectiveInstant", "issued") if report else ("date", "created", "indexed")
    yield from (value.get(name) for name in names)
    period = value.get("effectivePeriod") if report else _object(value.get("context")).get("period")
    yield _object(period).get("start")


def _author(resource: Resource, resources: Resources) -> str:
    """Return the first author's name: what the reference displays, or that of the person it names."""
    for name in ("resultsInterpreter", "performer", "author", "authenticator"):  # of either type
        given = resource.value.get(name)
        for one in given if isinstance(given, list) else [given]:
            shown = _text(_object(one).get("display"))
            if shown or (shown := _name(resource, one, resources)):
                return shown
    return ""


def _name(resource: Resource, reference: Any, resources: Resources) -> str:
    if isinstance(reference, Mapping) and _text(reference.get("reference")).startswith("#"):
        contained = resource.value.get("contained")
        for one in contained if isinstance(contained, list) else ():
            if isinstance(one, dict) and f"#{one.get('id')}" == reference["reference"]:
                return person_name(one)
        return ""
    wanted = resources.resolve(reference, resource)
    found = resources.named(wanted) if wanted else None
    return person_name(found.value) if found else ""


def person_name(value: Mapping[str, Any]) -> str:
    """Return the name of a Patient, Practitioner, RelatedPerson, Organization or Device, "" without one."""
    given = value.get("name", value.get("deviceName"))
    for one in given if isinstance(given, list) else [given]:
        if isinstance(one, str):
            return one
        parts = _object(one)
        if _text(parts.get("text")) or isinstance(parts.get("name"), str):
            return _text(parts.get("text")) or str(parts["name"])
        words: list[Any] = []
        for name in ("prefix", "given", "family"):
            some = parts.get(name)
            words += some if isinstance(some, list) else [some]
        if shown := " ".join(word for word in words if isinstance(word, str)):
            return shown
    return ""


def _encounter(resource: Resource, resources: Resources) -> str:
    given = resource.value.get("encounter")
    if resource.type == "DocumentReference":
        given = _object(resource.value.get("context")).get("encounter")
    for one in given if isinstance(given, list) else [given]:
        kind, _, identity = resources.resolve(one, resource).partition("/")
        if kind == "Encounter":
            return identity
    return ""


def _concept(value: Any) -> str:
    """Return what a CodeableConcept is called: its text, or the first display, or the first code."""
    concept = _object(value)
    codings = concept.get("coding")
    listed = [_object(one) for one in (codings if isinstance(codings, list) else [])]
    shown = [_text(concept.get("text")), *(_text(one.get("display")) for one in listed)]
    return _first([*shown, *(_text(one.get("code")) for one in listed)])


def _first(values: Iterator[Any] | list[str]) -> str:
    return next((value for value in values if isinstance(value, str) and value), "")


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
