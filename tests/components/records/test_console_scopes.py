"""Whoever's patients a key may see, no view of the lake has anything of another one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brume.aws.engine.service import Call, ServiceError
from brume.aws.engine.store import Store
from brume.records.engine.access.audit import Audit
from brume.records.engine.access.scopes import Scopes
from brume.records.engine.console.cohorts import Cohorts
from brume.records.engine.console.graphs import Graphs
from brume.records.engine.console.shown_counts import ShownCounts
from brume.records.engine.console.timelines import Timelines
from brume.records.engine.console.views import Views
from brume.records.engine.lake_reader import LakeReader
from brume.records.engine.tables import SCHEMA
from brume.records.model.deidentify import Deidentifier
from brume.records.model.rights import Rights, Role
from tests.components.records.overviews import ASTHMA, DIABETES, METFORMIN, PATIENTS, lake_of, name

Ask = Callable[[Role, set[str]], dict[str, Callable[[dict[str, Any]], Any]]]
IDS = re.compile(r"\bp\d\d\b|Planted\d\d")


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Return the operations by name, for a role and patients."""
    folder: Path = tmp_path_factory.mktemp("scopes")
    store, reader = Store("", folder, SCHEMA), LakeReader(lake_of(folder).uri)
    number = iter(range(10**6))

    def operations(role: Role, patients: set[str]) -> dict[str, Callable[[dict[str, Any]], Any]]:
        # An account of its own: what others were shown does not count.
        account, scopes = f"{next(number):012}", Scopes({"KEY": Rights(role, frozenset(patients))})
        hidden = Deidentifier(b"secret", lambda _text, _names: ())
        views, counts = Views(reader, scopes, Audit(store), hidden), ShownCounts(store)
        resources = (Timelines(views), Graphs(views, counts), Cohorts(views, counts))

        def bound(method: Callable[..., Any], operation: str) -> Callable[[dict[str, Any]], Any]:
            call = Call("r", account, "eu-west-1", "KEY", "brumerecords", operation, b"pages")
            return lambda request: method(request, call)

        return {
            method: bound(getattr(one, method), method)
            for one in resources
            for method in dir(one)
            if not method.startswith("_")
        }

    yield operations
    store.close()


def requests() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield requests that together ask for everything."""
    yield "list_patients", {"MaxResults": 500}
    for number in range(PATIENTS):
        yield "get_timeline", {"PatientId": name(number)}
    for number in range(0, PATIENTS, 7):
        yield "get_graph", {"Kind": "PATIENT", "Id": name(number)}
    for note in ("n", "orphan"):
        yield "get_graph", {"Kind": "NOTE", "Id": f"DocumentReference/{note}/0"}
    for code in (DIABETES, ASTHMA, METFORMIN):
        concept = "|".join(code)
        yield "get_graph", {"Kind": "CONCEPT", "Id": concept}
        yield "find_concepts", {"Text": code[1]}
        yield "count_cohort", {"Include": [{"ConceptIds": [concept]}]}
        yield "export_cohort", {"Include": [{"ConceptIds": [concept]}]}
        yield "list_concept_pairs", {"ConceptId": concept}
    yield "export_cohort", {}


@settings(max_examples=6, deadline=None)
@given(
    st.sampled_from([Role.CLINICIAN, Role.RESEARCHER]),
    st.sets(st.integers(0, PATIENTS - 1), min_size=1, max_size=30),
)
def test_no_view_has_anything_of_another_patient(asked: Ask, role: Role, numbers: set[int]) -> None:
    patients = {name(number) for number in numbers}
    may = set()
    if role == Role.CLINICIAN:
        may = patients | {f"Planted{number:02}" for number in numbers}
    operations, answered, found = asked(role, patients), set(), set()
    for operation, request in requests():
        try:
            answer = operations[operation](dict(request))
        except ServiceError as error:
            assert error.code in ("ResourceNotFoundException", "AccessDeniedException")
            continue
        answered.add(operation)
        found |= set(IDS.findall(json.dumps(answer)))
        if operation == "count_cohort" and answer["Patients"] is not None:
            assert 11 <= answer["Patients"] <= len(patients)
    assert found == may
    assert answered >= set(operations) - {"export_cohort", "get_graph", "get_timeline"}
