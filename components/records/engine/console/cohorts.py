"""FindConcepts, CountCohort, ExportCohort and ListConceptPairs: what groups of patients have."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import numpy as np

from brume.aws.engine.service import Call
from brume.records.engine.access.scopes import denied
from brume.records.engine.console.common import invalid
from brume.records.engine.console.shown_counts import ShownCounts
from brume.records.engine.console.timelines import described
from brume.records.engine.console.views import View, Views, code_of, concept_id
from brume.records.model.graph.cooccurrence import LEAST
from brume.records.model.overview import concepts, pairs
from brume.records.model.overview.cohorts import EVER, Cohort, Criterion, select
from brume.records.model.overview.disclosure import Disclosure, union
from brume.records.model.overview.tables import Code, Members
from brume.records.model.rights import Role

_CONCEPTS, _PAIRS = 20, 50  # of an answer
_RELATIONS = {"CONDITION": pairs.CONDITION, "DRUG": pairs.DRUG}
_STATEMENTS = {
    "HAS": "hasCondition",
    "HAD": "hadCondition",
    "FINDING": "hasFinding",
    "TAKES": "takes",
    "UNDERWENT": "underwent",
    "FAMILY_HISTORY": "hasFamilyHistoryOf",
}
_COLUMNS = ("PatientId", "Name", "Sex", "Born", "Died")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet computes what begins so


class Cohorts:
    """The operations about groups of patients."""

    def __init__(self, views: Views, counts: ShownCounts) -> None:
        self._views, self._counts = views, counts

    def find_concepts(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """FindConcepts: without counts, which would be shown of each concept alone."""
        view = self._views.of(call)
        size = request.get("MaxResults") or _CONCEPTS
        found = islice(concepts.find(view.overview, view.among, request["Text"]), size)
        return {
            "Concepts": [
                {"ConceptId": concept_id(one.code), "Display": one.display, "Group": one.group.upper()}
                for one in found
            ]
        }

    def count_cohort(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """CountCohort."""
        view, cohort = self._views.of(call), _cohort(request)
        with self._counts.of(call, view) as known:
            members = _members(view, cohort)
            shown = known.may_show(members)
            if shown:
                known.add(members, cohort)
            answer = {
                "Patients": int(np.count_nonzero(members)) if shown else None,
                "Suppressed": not shown,
                "Least": LEAST,
                "BySex": _cells(view, known, cohort.by_sex()) if shown else [],
                "ByAge": _cells(view, known, cohort.by_age()) if shown else [],
            }
        self._views.showed(call, view, query=_written(request))
        return answer

    def export_cohort(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """ExportCohort."""
        view, cohort = self._views.of(call), _cohort(request)
        scope = view.scope
        if view.hides or scope.role not in (Role.FULL, Role.CLINICIAN):
            raise denied(f"The role {scope.role} of this access key exports no lists of patients")
        numbers = np.flatnonzero(_members(view, cohort)).tolist()
        patients = [view.overview.patients[number] for number in numbers]
        self._views.showed(call, view, [f"Patient/{one.id}" for one in patients], _written(request))
        return {"Patients": len(patients), "Csv": _csv([described(view, one) for one in patients])}

    def list_concept_pairs(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """ListConceptPairs."""
        view = self._views.of(call)
        relations = (_RELATIONS["CONDITION"], _RELATIONS[request.get("Second") or "CONDITION"])
        focus = code_of(request["ConceptId"]) if request.get("ConceptId") else None
        size = request.get("MaxResults") or _PAIRS
        with self._counts.of(call, view) as known:
            found = list(islice(pairs.pairs(view.overview, view.among, known, relations, focus), size))
            everyone = int(np.count_nonzero(view.among))
        self._views.showed(call, view, query=request.get("ConceptId") or "")
        return {
            "Patients": everyone if everyone >= LEAST else None,
            "Least": LEAST,
            "Pairs": [
                {
                    "First": _concept(view, one.one),
                    "Second": _concept(view, one.other),
                    "FirstPatients": one.patients[0],
                    "SecondPatients": one.patients[1],
                    "Patients": one.both,
                    "Lift": one.lift,
                }
                for one in found
            ],
        }


def _concept(view: View, code: Code) -> dict[str, Any]:
    return {"ConceptId": concept_id(code), "Display": view.overview.displays.get(code) or code[1]}


def _cohort(request: Mapping[str, Any]) -> Cohort:
    """Return the cohort of a request. Raises `ServiceError`."""
    lower, upper = request.get("FromAge"), request.get("ToAge")
    if lower is not None and upper is not None and lower > upper:
        raise invalid(f"FromAge {lower} is over ToAge {upper}")
    sexes = tuple(sorted({one.lower() for one in request.get("Sexes") or ()}))
    return Cohort(_criteria(request, "Include"), _criteria(request, "Exclude"), sexes, lower, upper)


def _criteria(request: Mapping[str, Any], member: str) -> tuple[Criterion, ...]:
    return tuple(
        Criterion(
            tuple(code_of(concept) for concept in one["ConceptIds"]),
            tuple(_STATEMENTS[name] for name in one.get("Statements") or ()) or EVER,
        )
        for one in request.get(member) or ()
    )


def _members(view: View, cohort: Cohort) -> Members:
    return select(view.overview, cohort, view.among, datetime.now(UTC).date())


def _cells(view: View, known: Disclosure, parts: Mapping[str, Cohort]) -> list[dict[str, Any]]:
    """Return the cells of a breakdown: those that may not be shown are without a count."""
    members = {name: _members(view, cohort) for name, cohort in parts.items()}
    shown = known.shown(members)
    for name in shown:
        known.add(members[name], parts[name])
    hidden = [name for name in parts if name not in shown]
    if hidden and shown:  # what is left is known too
        known.add(union([members[name] for name in hidden]), *(parts[name] for name in hidden))
    return [
        {
            "Value": name,
            "Patients": int(np.count_nonzero(members[name])) if name in shown else None,
            "Suppressed": name not in shown,
        }
        for name in parts
    ]


def _csv(rows: list[dict[str, Any]]) -> str:
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\r\n")
    table.writerow(_COLUMNS)
    for row in rows:
        texts = [str(row[name] or "") for name in _COLUMNS]
        table.writerow([f"'{text}" if text.startswith(_FORMULA) else text for text in texts])
    return out.getvalue()


def _written(request: Mapping[str, Any]) -> str:
    return json.dumps(request, sort_keys=True)
