"""ListPatients and GetTimeline: what happened to a patient, by date."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np

from brume.aws.engine.paging import Pager
from brume.aws.engine.service import Call
from brume.records.engine.console.common import invalid
from brume.records.engine.console.views import View, Views, concept_id
from brume.records.model import surrogate_dates
from brume.records.model.overview import timeline
from brume.records.model.overview.cohorts import age
from brume.records.model.overview.neighbourhood import NOTE, PATIENT
from brume.records.model.overview.tables import Patient
from brume.records.model.overview.timeline import Entry, Listed, Wanted

_MOST = 10**9
_OLDEST = 89  # years
_PATIENTS, _EVENTS = 50, 200  # of a page


class Timelines:
    """The operations about patients."""

    def __init__(self, views: Views) -> None:
        self._views = views

    def list_patients(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """ListPatients."""
        view, pager = self._views.of(call), Pager(request, call, default=_PATIENTS)
        after, text = pager.number(_MOST), request.get("Text") or ""
        found = _found(view, text, after, pager.size + 1)
        shown = found[: pager.size]
        self._views.showed(call, view, [f"Patient/{one.patient.id}" for one in shown], text)
        patients = [
            {
                **described(view, one.patient),
                "Notes": one.notes,
                "LastNote": view.date(one.last_note, one.patient.id) or None,
            }
            for one in shown
        ]
        more = len(found) > pager.size
        return {"Patients": patients, "NextToken": pager.token(str(after + pager.size)) if more else None}

    def get_timeline(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """GetTimeline."""
        view, pager = self._views.of(call), Pager(request, call, default=_EVENTS)
        patient, after = view.need_patient(request["PatientId"]), pager.number(_MOST)
        wanted = Wanted(
            request.get("Kinds") or (),
            _meant(view, patient, request, "Since", _first_day),
            _meant(view, patient, request, "Until", _last_day),
            request.get("Text") or "",
            view.days(patient.id),
        )
        entries, counts = timeline.timeline(
            view.overview, patient.id, wanted, after=after, size=pager.size + 1
        )
        shown = entries[: pager.size]
        documents = [f"Patient/{patient.id}", *(one.reference for one in shown)]
        self._views.showed(call, view, documents, wanted.text)
        more = len(entries) > pager.size
        return {
            "Patient": described(view, patient),
            "Events": [_event(view, patient, one) for one in shown],
            "Counts": [{"Kind": one.kind, "Year": one.year, "Events": one.events} for one in counts],
            "NextToken": pager.token(str(after + pager.size)) if more else None,
        }


def described(view: View, one: Patient) -> dict[str, Any]:
    """Return what is shown of every patient."""
    about = {"PatientId": view.shown(PATIENT, one.id), "Sex": one.sex or None}
    born = view.date(one.born, one.id)
    died = "true" if one.died == "true" else view.date(one.died, one.id)
    if not view.hides:
        return {**about, "Name": one.name or None, "Born": born or None, "Died": died or None}
    # Of an age above 89 the year of birth names a person (45 CFR 164.514(b)(2)(i)(C)).
    years = age(one, datetime.now(UTC).date())
    young = years is not None and years <= _OLDEST
    return {**about, "Name": None, "Born": born[:4] if young else None, "Died": died or None}


def _found(view: View, text: str, after: int, size: int) -> list[Listed]:
    """Return patients of a list by id as the request sees it, with a text in that id or the name."""
    if not view.hides:
        return timeline.patients(view.overview, view.among, text, after=after, size=size)
    patients = [view.overview.patients[number] for number in np.flatnonzero(view.among).tolist()]
    by_id = {view.shown(PATIENT, one.id): one.id for one in patients}
    chosen = [by_id[shown] for shown in sorted(by_id) if text.lower() in shown][after : after + size]
    listed = timeline.patients(view.overview, view.overview.members(chosen), size=size)
    return sorted(listed, key=lambda one: view.shown(PATIENT, one.patient.id))


def _meant(
    view: View, patient: Patient, request: dict[str, Any], member: str, whole: Callable[[str], str]
) -> str:
    """Return the time that a member of a request means: in its patient's own days. Raises `ServiceError`."""
    given = request.get(member) or ""
    if not given or not view.hides:
        return given
    found = surrogate_dates.moved(whole(given), -view.days(patient.id))
    if not found:
        raise invalid(f"{member}: {given} is no day, month or year")
    return found


def _first_day(text: str) -> str:
    """Return the first day of a year, a month or a day."""
    return f"{text}{'-01-01'[len(text) - 4 :]}"


def _last_day(text: str) -> str:
    """Return the last day of a year, a month or a day, "" for a month that there is not."""
    if len(text) == 10:
        return text
    year, month = int(text[:4]), int(text[5:7] or 12)
    if not (year and 1 <= month <= 12):
        return ""
    return f"{text[:4]}-{month:02}-{calendar.monthrange(year, month)[1]}"


def _event(view: View, patient: Patient, one: Entry) -> dict[str, Any]:
    title, reference = one.title, one.reference
    if view.hides:
        # Where there is no code, and for notes, the title is free text, which may name somebody.
        title = view.overview.displays.get((one.system, one.code)) or one.kind.capitalize()
        reference = view.shown(NOTE, reference) if one.kind == NOTE else ""
    return {
        "Kind": one.kind,
        "Date": view.date(one.date, patient.id) or None,
        "EndDate": view.date(one.end, patient.id) or None,
        "Title": title,
        "Status": one.status or None,
        "ConceptId": concept_id((one.system, one.code)) if one.code else None,
        "Reference": reference or None,
    }
