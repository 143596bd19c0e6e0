"""Views of resources: expressions, definitions, and their tables in Parquet, which `brume sql` asks."""

from __future__ import annotations

import contextlib
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brume.labels.model.lake import Lake as LabelsLake
from brume.records.model import ingest
from brume.records.model.lake import Lake
from brume.records.model.views import temporal
from brume.records.model.views.definition import compile_view
from brume.records.model.views.definitions import read_views, state
from brume.records.model.views.errors import ResourceError, ViewError
from brume.records.model.views.rows import rows
from brume.records.model.views.tables import write_tables
from tests.aws.lake import RESULTS, finished, served
from tests.aws.lake import rows as table
from tests.aws.serving import client_of
from tests.components.records.conftest import Export

PATIENT = {
    "resourceType": "Patient",
    "id": "p",
    "birthDate": "1970-06",
    "_birthDate": {"extension": [{"url": "why", "valueCode": "estimated"}]},
    "multipleBirthInteger": 2,
    "name": [{"family": "Ann", "given": ["B", "C"]}, {"family": "Dee"}],
    "extension": [{"url": "weight", "valueDecimal": Decimal("1.50")}],
    "managingOrganization": {"reference": "https://example.org/fhir/Organization/o/_history/2"},
    "period": {"start": "2020-01-01T23:30:00-05:00", "end": "2020-01-02T04:00:00Z"},
}


def value(path: str, resource: dict[str, Any] = PATIENT, **column: Any) -> Any:
    column = {"name": "x", "path": path, **column}
    view = compile_view({"resource": resource["resourceType"], "select": [{"column": [column]}]})
    ((found,),) = rows(view, resource)
    return found


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("Patient.name.first().given.last()", "C"),
        ("Observation.id", None),
        ("multipleBirth", "2"),
        ("multipleBirth.ofType(integer) + 1", 3),
        ("multipleBirth.ofType(boolean)", None),
        ("name.exists(family = 'Dee' and given.empty())", True),
        ("name.where(family.startsWith('D')).family", "Dee"),
        ("name.given.count() > 1", True),
        ("birthDate.extension('why').value.ofType(code)", "estimated"),
        ("extension('weight').value.ofType(decimal)", 1.5),
        ("extension('weight').value.ofType(decimal).lowBoundary() = 1.495", True),
        ("managingOrganization.getReferenceKey(Organization)", "o"),
        ("2 + 3 * 2 - -1", 9),
        ("7 / 0", None),
        ("1 = 1 and missing = 2", None),
        ("false and missing = 2", False),
        ("true xor false or missing", True),
        ("'a\\'\\u0062' = 'a\\'b'", True),
        ("period.start < period.end", False),
        ("birthDate < @1970-07-01", True),
        ("birthDate < @1970-06-15", None),
        ("birthDate = @1970-06-15", None),
        ("@2020-01-01T12:00:00Z = @2020-01-01T13:00:00+01:00", True),
        ("%resource.id = id // a remark", True),
    ],
)
def test_an_expression(path: str, expected: Any) -> None:
    assert value(path) == expected


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("name.", "it ends at column 6 where a name is needed"),
        ("name family", "column 6"),
        ("name[", "it ends"),
        ("name.resolve()", "no function resolve"),
        ("name.where()", "where\\(\\) takes 1 arguments, not 0"),
        ("value.ofType('Quantity')", "takes the name of a type"),
        ("value.ofType(Quantitty)", "Quantitty is no type"),
        ("%missing", "no constant %missing"),
        ("name = {}", "'{' at column 8"),
        ("@2020-13-99T", "no date"),
        ("+".join(["1"] * 200), "at most 300"),
    ],
)
def test_what_is_no_expression_of_views_is_named(path: str, wrong: str) -> None:
    with pytest.raises(ViewError, match=r"select\[0\].column\[0\].path: .*" + wrong):
        value(path)


@pytest.mark.parametrize(
    ("path", "column", "wrong"),
    [
        ("name.family", {}, "column x: there are 2 values: use first"),
        ("name.family.first() > 1", {}, "compares"),
        ("name.family + 'x'", {}, "takes one value and there are 2"),
        ("name[id]", {}, "whole number"),
        ("name.family.first()", {"type": "integer"}, "a value is no integer"),
        ("multipleBirth.ofType(integer) * 2000000000", {"type": "integer"}, "a value is no integer"),
    ],
)
def test_what_a_resource_cannot_answer_is_named_without_its_values(
    path: str, column: dict[str, Any], wrong: str
) -> None:
    with pytest.raises(ResourceError, match=wrong) as caught:
        value(path, **column)
    assert "Ann" not in str(caught.value) and "Dee" not in str(caught.value)


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"resource": "Pateint"}, "'Pateint' is no resource type"),
        ({"select": []}, "select: a view needs one"),
        ({"select": [{"colunm": []}]}, r"select\[0\]: 'colunm' is unknown"),
        ({"select": [{}]}, "needs column, select or unionAll"),
        ({"select": [{"column": [{"name": "1a", "path": "id"}]}]}, "'1a' must be a letter"),
        ({"select": [{"column": [{"name": "a", "path": "id"}, {"name": "A", "path": "id"}]}]}, "several"),
        ({"select": [{"forEach": "name", "repeat": ["x"], "column": []}]}, "exclude each other"),
        (
            {"constant": [{"name": "c", "valueInteger": "x"}]},
            r"constant\[0\].valueInteger: 'x' is no integer",
        ),
        ({"constant": [{"name": "c", "valueCode": "x"}] * 2}, "several constants"),
        ({"where": [{"path": 1}]}, r"where\[0\].path: it must be an expression"),
    ],
)
def test_a_definition_that_is_wrong_is_named(changed: dict[str, Any], wrong: str) -> None:
    view = {"resource": "Patient", "select": [{"column": [{"name": "id", "path": "id"}]}]}
    with pytest.raises(ViewError, match=wrong):
        compile_view(view | changed)


@given(st.datetimes(), st.datetimes(), st.integers(-14, 14), st.integers(4, 19))
def test_an_order_of_dates_is_one_of_their_boundaries(one: Any, other: Any, zone: int, size: int) -> None:
    texts = [
        f"{each.isoformat(timespec='seconds')}{'-' if zone < 0 else '+'}{abs(zone):02}:00"
        for each in (one, other)
    ]
    cut = {4: 4, 7: 7, 10: 10}.get(size)
    left, right = texts[0][:cut] if cut else texts[0], texts[1]
    moments = [temporal.moment(left), temporal.moment(right)]
    assert moments[0] and moments[1]
    order = temporal.compare(moments[0], moments[1])
    first, last = (temporal.boundary(left, "dateTime", last=end) for end in (False, True))
    assert first and last and first[: len(left[:10])] <= last[: len(left[:10])]
    if not cut:
        assert order == (one.replace(microsecond=0) > other.replace(microsecond=0)) - (
            one.replace(microsecond=0) < other.replace(microsecond=0)
        )
    elif left == right[:cut]:
        assert order is None  # the rest decides, and one does not state it
    else:
        assert order == (left > right[:cut]) - (left < right[:cut])


def test_an_expression_cannot_crash_the_compiler() -> None:
    @given(st.text("name.()[]'%@=<>+-*/ 01\\`$this,", max_size=40))
    def check(text: str) -> None:
        with contextlib.suppress(ViewError, ResourceError):
            value(text)

    check()


def test_folders_of_definitions(tmp_path: Path) -> None:
    with pytest.raises(ViewError, match=r"no \*\.json"):
        read_views(str(tmp_path))
    view = {"name": "a", "resource": "Patient", "select": [{"column": [{"name": "id", "path": "id"}]}]}
    (tmp_path / "one.json").write_text(json.dumps(view))
    assert [each.name for each in read_views(str(tmp_path))] == ["a"]
    before = state(str(tmp_path))
    (tmp_path / "two.json").write_text(json.dumps(view | {"name": "A"}))
    assert state(str(tmp_path)) != before
    with pytest.raises(ViewError, match=r"two.json: name: another view is called A too"):
        read_views(str(tmp_path))
    (tmp_path / "two.json").write_text(json.dumps(view | {"name": "x y"}))
    with pytest.raises(ViewError, match=r"two.json: name: a view needs one"):
        read_views(str(tmp_path))
    (tmp_path / "two.json").write_text("{")
    with pytest.raises(ViewError, match=r"two.json: it is no JSON"):
        read_views(str(tmp_path))


def test_tables_of_the_examples(export: Export, tmp_path: Path) -> None:
    written = write_tables(export.lake, read_views("examples"), str(tmp_path / "views"))
    assert written.rejects == []
    with export.lake.connect() as connection:
        counts = dict(connection.execute("SELECT type, count(*) FROM present GROUP BY 1").fetchall())
    assert written.rows["patient"] == counts["Patient"] == 24
    assert written.rows["encounter"] == 0  # the table is there all the same
    sql = f"""
        SELECT p.gender, count(DISTINCT c.id) FROM '{tmp_path}/views/condition_code/*.parquet' c
        JOIN '{tmp_path}/views/patient/*.parquet' p ON p.id = c.patient GROUP BY 1
    """
    assert sum(count for _, count in duckdb.sql(sql).fetchall()) == counts["Condition"]
    names = duckdb.sql(f"DESCRIBE SELECT * FROM '{tmp_path}/views/encounter/*.parquet'").fetchall()
    assert {name: kind for name, kind, *_ in names}["reasons"] == "VARCHAR[]"


def test_references_by_identifier_are_keys_too_and_what_does_not_fit_is_set_aside(
    lake: Lake, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    of = {"system": "urn:x", "value": "7"}
    lines = [
        {"resourceType": "Patient", "id": "p1", "identifier": [of]},
        {"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient?identifier=urn:x|7"}},
        {"resourceType": "Condition", "id": "c2", "subject": {"reference": "Patient/p1"}, "note": [{}, {}]},
    ]
    (source / "all.ndjson").write_text("\n".join(map(json.dumps, lines)))
    ingest.run(str(source), lake, processes=1)
    columns = [
        {"name": "patient", "path": "subject.getReferenceKey(Patient)", "type": "string"},
        {"name": "note", "path": "note"},
    ]
    view = compile_view({"name": "c", "resource": "Condition", "select": [{"column": columns}]})
    written = write_tables(lake, [view], str(tmp_path / "views"))
    assert duckdb.sql(f"SELECT * FROM '{tmp_path}/views/c/*.parquet'").fetchall() == [("p1", None)]
    assert [(one.item, one.reason) for one in written.rejects] == [
        ("all.ndjson, line 3 (c)", "column note: there are 2 values: use first(), forEach or collection")
    ]


def test_athena_asks_the_tables(export: Export, tmp_path: Path) -> None:
    write_tables(export.lake, read_views("examples"), str(tmp_path / "views"))
    with served(tmp_path, LabelsLake(str(tmp_path / "views"))) as url:
        athena = client_of(url, "athena")
        tables = athena.list_table_metadata(CatalogName="AwsDataCatalog", DatabaseName="smgt-gluedatabase")[
            "TableMetadataList"
        ]
        assert {one["Name"]: one["Parameters"]["comment"] for one in tables}[
            "patient"
        ] == "one row of Patient"
        assert len(tables) == 5
        sql = "SELECT count(*), count_if(cardinality(given) > 0) FROM patient"
        done = finished(athena, sql, ResultConfiguration=RESULTS)
        assert table(athena, done)[1] == ["24", "24"]
