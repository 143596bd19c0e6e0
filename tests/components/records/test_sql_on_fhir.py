"""The official tests of SQL on FHIR's ViewDefinitions, as their repository has them."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from brume.records.model.views.definition import compile_view
from brume.records.model.views.rows import rows

_DATA = Path(os.environ.get("BRUME_DATA") or Path(__file__).parents[4] / "shared" / "data")
FOLDER = _DATA / "records" / "sql-on-fhir-tests"
# Of the 123 shareable and the 11 experimental tests, those that fail, with the reason.
KNOWN: dict[str, str] = {}


class Case(NamedTuple):
    """One test of the suite, and the resources that it is about."""

    test: dict[str, Any]
    resources: list[dict[str, Any]]


def _cases() -> list[Any]:
    found = []
    for path in sorted(FOLDER.glob("*.json")):
        suite = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
        for test in suite.get("tests", ()):
            name = f"{path.stem}: {test['title']}"
            marks = [pytest.mark.xfail(reason=KNOWN[name], strict=True)] if name in KNOWN else []
            found.append(pytest.param(Case(test, suite["resources"]), id=name, marks=marks))
    return found


CASES = _cases()


def test_the_official_tests_are_there() -> None:
    if not CASES:
        pytest.skip(f"no official tests at {FOLDER}: set BRUME_DATA")
    tags = [tag for case in CASES for tag in case.values[0].test["tags"]]
    assert tags.count("shareable") == 123
    assert len(KNOWN) <= 13


@pytest.mark.parametrize("case", CASES)
def test_a_view_has_the_rows_that_the_suite_expects(case: Case) -> None:
    if case.test.get("expectError"):
        with pytest.raises(ValueError, match=r".+"):
            answer(case)
        return
    columns, found = answer(case)
    assert sorted(map(canonical, found)) == sorted(map(canonical, case.test["expect"]))
    if "expectColumns" in case.test:
        assert columns == case.test["expectColumns"]


def answer(case: Case) -> tuple[list[str], list[dict[str, Any]]]:
    view = compile_view(case.test["view"])
    names = [column.name for column in view.columns]
    resources = [one for one in case.resources if one["resourceType"] == view.resource]
    return names, [dict(zip(names, row, strict=True)) for one in resources for row in rows(view, one)]


def canonical(row: dict[str, Any]) -> str:
    """Return a row as a text; 5 and 5.0 are one number."""
    return json.dumps(row, sort_keys=True, default=float).replace(".0,", ",").replace(".0}", "}")
