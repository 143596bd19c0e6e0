"""ListPatients and GetTimeline: what happened to a patient, by date."""

from __future__ import annotations

from typing import Any

from brume.aws.engine.paging import Pager
from brume.aws.engine.service import Call
from brume.records.engine.console.views import View, Views, concept_id
from brume.records.model.overview import timeline
from brume.records.model.overview.events import NOTE
from brume.records.model.overview.tables import Patient
from brume.records.model.overview.timeline import Entry, Wanted

_MOST = 10**9
_PATIENTS, _EVENTS = 50, 200  # of a page


class Timelines:
    """The operations about patients."""

    def __init__(self, views: Views) -> None:
        self._views = views

    def list_patients(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """ListPatients."""
        view, pager = self._views.of(call), Pager(request, call, default=_PATIENTS)
        after, text = pager.number(_MOST), request.get("Text") or ""
        found = timeline.patients(
            view.overview,
            view.among,
            text,
            names=not view.scope.deidentified,
            after=after,
            size=pager.size + 1,
        )
        shown = found[: pager.size]
        self._views.showed(call, view, [f"Patient/{one.patient.id}" for one in shown], text)
        patients = [
            {
                **described(view, one.patient),
                "Notes": one.notes,
                "LastNote": view.date(one.last_note) or None,
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
            view.date(request.get("Since") or ""),
            view.date(request.get("Until") or ""),
            request.get("Text") or "",
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
            "Events": [_event(view, one) for one in shown],
            "Counts": [{"Kind": one.kind, "Year": one.year, "Events": one.events} for one in counts],
            "NextToken": pager.token(str(after + pager.size)) if more else None,
        }


def described(view: View, one: Patient) -> dict[str, Any]:
    """Return what is shown of every patient."""
    return {
        "PatientId": one.id,
        "Name": view.name(one) or None,
        "Sex": one.sex or None,
        "Born": view.date(one.born) or None,
        "Died": view.date(one.died) or None,
    }


def _event(view: View, one: Entry) -> dict[str, Any]:
    # The title of a note is free text, which may name somebody.
    hidden = view.scope.deidentified and one.kind == NOTE
    return {
        "Kind": one.kind,
        "Date": view.date(one.date) or None,
        "EndDate": view.date(one.end) or None,
        "Title": "Note" if hidden else one.title,
        "Status": one.status or None,
        "ConceptId": concept_id((one.system, one.code)) if one.code else None,
        "Reference": one.reference,
    }
