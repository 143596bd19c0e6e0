"""QuickSight shows the dashboard's own views, and its data sets come to the dashboard's own figures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brume.aws.client import service_model
from brume.aws.wire import reading
from brume.labels.engine.sql.functions import called_macros
from brume.labels.engine.sql.plan import Context, plan
from brume.labels.model.schema import DATABASE, TABLES
from brume.labels.pipeline import dashboard
from brume.labels.pipeline.dashboard import chart_specs
from brume.labels.pipeline.dashboard.evaluate import Column, Evaluator, Measure, View
from brume.labels.pipeline.publish.quicksight import data_sets, definition
from brume.labels.pipeline.publish.quicksight.data_sets import DataSet
from brume.labels.pipeline.publish.quicksight.visuals import Fields, UnknownColumnError, identity, visual
from tests.components.labels.dashboard import tables
from tests.components.labels.dashboard.tables import effort


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    rows = effort()
    # A customer's words, of the kind that must not become part of an expression.
    rows["labels"][0]["attributes"] = {'it\'s {a} "name"': "100%"}
    with tables.connect(**rows) as made:
        yield made


@pytest.fixture(scope="module")
def made(connection: duckdb.DuckDBPyConnection) -> dashboard.Dashboard:
    return dashboard.build(connection)


@pytest.fixture(scope="module")
def found() -> dict[str, DataSet]:
    return data_sets.load(DATABASE)


@pytest.fixture(scope="module")
def defined(made: dashboard.Dashboard, found: dict[str, DataSet]) -> dict[str, Any]:
    arns = {name: f"arn:aws:quicksight:eu-west-1:123456789012:dataset/{name}" for name in found}
    return definition.build(made.board, found, arns, None)


def content(one: dict[str, Any]) -> dict[str, Any]:
    [found] = one.values()
    return dict(found)


def test_every_view_is_a_visual_in_its_section_with_its_title(
    made: dashboard.Dashboard, defined: dict[str, Any]
) -> None:
    overview, *sheets = defined["Sheets"]
    titles = [content(one)["Title"]["FormatText"]["PlainText"] for one in overview["Visuals"]]
    assert [title for title in titles if ":" not in title] == [one.title for one in made.board.headlines]
    assert [sheet["Name"] for sheet in sheets] == [section.title for section in made.board.sections]
    for sheet, section in zip(sheets, made.board.sections, strict=True):
        shown = [content(one)["Title"]["FormatText"]["PlainText"] for one in sheet["Visuals"]]
        assert shown == [view.title for view in section.views]
        placed = sheet["Layouts"][0]["Configuration"]["GridLayout"]["Elements"]
        assert [it["ElementId"] for it in placed] == [content(one)["VisualId"] for one in sheet["Visuals"]]
        cells = [
            (row, column)
            for it in placed
            for row in range(it["RowIndex"], it["RowIndex"] + it["RowSpan"])
            for column in range(it["ColumnIndex"], it["ColumnIndex"] + it["ColumnSpan"])
        ]
        assert len(cells) == len(set(cells)) and max(column for _, column in cells) < 36


def test_each_view_has_the_visual_that_its_chart_is(
    made: dashboard.Dashboard, defined: dict[str, Any]
) -> None:
    kinds = {
        content(one)["Title"]["FormatText"]["PlainText"]: (
            next(iter(one)),
            content(one).get("ChartConfiguration"),
        )
        for sheet in defined["Sheets"][1:]
        for one in sheet["Visuals"]
    }
    time = kinds["Time by worker and modality"]
    assert (time[0], time[1]["Orientation"], time[1]["BarsArrangement"]) == (
        "BarChartVisual",
        "HORIZONTAL",
        "STACKED",
    )
    assert time[1]["SortConfiguration"]["CategorySort"][0]["FieldSort"]["Direction"] == "DESC"
    most = next(view.most for view in made.board.views() if view.name == "time_by_worker")
    assert time[1]["SortConfiguration"]["CategoryItemsLimit"]["ItemsLimit"] == most
    over_time = kinds["Answers over time"][1]
    [when] = over_time["FieldWells"]["BarChartAggregatedFieldWells"]["Category"]
    assert over_time["Orientation"] == "VERTICAL" and when["DateDimensionField"]["DateGranularity"] in (
        "HOUR",
        "DAY",
    )
    assert {name for name, _ in kinds.values()} == {
        "BarChartVisual",
        "PieChartVisual",
        "TableVisual",
        "HistogramVisual",
        "HeatMapVisual",
    }
    assert kinds["Workers"][0] == "TableVisual" and kinds["Pace of answers"][0] == "HistogramVisual"
    shares = [
        one
        for name, one in kinds.values()
        if name == "BarChartVisual" and one["BarsArrangement"] == "STACKED_PERCENT"
    ]
    assert len(shares) == sum(view.name.startswith("job-") for view in made.board.views())


def test_filters_act_on_every_sheet_and_each_has_a_control_there(defined: dict[str, Any]) -> None:
    everywhere = {
        group["FilterGroupId"]: group
        for group in defined["FilterGroups"]
        if "AllSheets" in group["ScopeConfiguration"]
    }
    assert everywhere.keys() == {"by-job", "by-modality", "by-worker", "by-time"}
    assert {group["CrossDataset"] for group in everywhere.values()} == {"ALL_DATASETS"}
    sources = {content(one)["FilterId"] for group in everywhere.values() for one in group["Filters"]}
    for sheet in defined["Sheets"]:
        assert {content(one)["SourceFilterId"] for one in sheet["FilterControls"]} == sources


def test_a_view_of_one_attribute_sees_its_values_alone(
    made: dashboard.Dashboard, defined: dict[str, Any]
) -> None:
    own = {
        tuple(
            group["ScopeConfiguration"]["SelectedSheets"]["SheetVisualScopingConfigurations"][0]["VisualIds"]
        ): group
        for group in defined["FilterGroups"]
        if "SelectedSheets" in group["ScopeConfiguration"]
    }
    views = [view for view in made.board.views() if view.where]
    assert any("it's" in value for view in views for value in view.where.values())
    for view in views:
        choice = content(own[(identity(view.name),)]["Filters"][0])
        [value] = view.where.values()
        assert choice["Configuration"]["FilterListConfiguration"]["CategoryValues"] == [value]
    assert not [one for one in defined["CalculatedFields"] if "it's" in one["Expression"]]


def test_the_definition_fits_quicksights_model_and_names_only_what_is_there(
    defined: dict[str, Any], found: dict[str, DataSet]
) -> None:
    shape = service_model("quicksight").operation_model("CreateDashboard").input_shape
    reading.check(
        shape, {"AwsAccountId": "123456789012", "DashboardId": "x", "Name": "x", "Definition": defined}
    )
    columns = {(name, column) for name, one in found.items() for column in one.columns}
    own = {(one["DataSetIdentifier"], one["Name"]) for one in defined["CalculatedFields"]}
    assert not columns & own

    def walk(value: Any) -> Iterator[dict[str, Any]]:
        if isinstance(value, dict):
            if "ColumnName" in value:
                yield value
            for part in value.values():
                yield from walk(part)
        if isinstance(value, list):
            for part in value:
                yield from walk(part)

    used = {(one["DataSetIdentifier"], one["ColumnName"]) for one in walk(defined["Sheets"])}
    assert used <= columns | own and own <= used
    for one in defined["CalculatedFields"]:
        named = {(one["DataSetIdentifier"], name) for name in re.findall(r"\{([^}]*)\}", one["Expression"])}
        assert named and named <= columns
    ids = [content(one)["VisualId"] for sheet in defined["Sheets"] for one in sheet["Visuals"]]
    assert len(ids) == len(set(ids))


def test_a_view_of_what_no_data_set_has_names_it(found: dict[str, DataSet]) -> None:
    view = View("x", "X", "answers", (Column("shoe_size", "Shoes"),), (Measure("n", "Answers", "sum", "n"),))
    with pytest.raises(
        UnknownColumnError, match=r"no data set answers with a column shoe_size.*sets/answers\.sql"
    ):
        visual(view, Fields(found))


def test_a_chart_by_all_groups_in_one_joins_their_names(found: dict[str, DataSet]) -> None:
    pair = (Column("worker_a", "Worker"), Column("worker_b", "And"))
    view = View(
        "pairs",
        "Pairs",
        "agreement",
        pair,
        (Measure("units", "Compared", "sum", "units"),),
        chart=chart_specs.bars("names", "units", "compared"),
    )
    fields = Fields(found)
    wells = content(visual(view, fields))["ChartConfiguration"]["FieldWells"]["BarChartAggregatedFieldWells"]
    [category] = wells["Category"]
    column = category["CategoricalDimensionField"]["Column"]["ColumnName"]
    assert fields.calculated["agreement", column] == "concat({worker_a}, ' – ', {worker_b})"


@given(st.lists(st.text(min_size=1), min_size=2, max_size=2, unique=True))
def test_ids_are_of_letters_that_quicksight_takes_and_tell_views_apart(names: list[str]) -> None:
    first, second = (identity("value-label/" + name) for name in names)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", first) and first != second


_SQL = (
    (r"ifelse\(([^,]+), (\{\w+\}), 0\)", r"CASE WHEN \1 THEN \2 ELSE 0 END"),
    (r"distinct_count\((\{\w+\})\)", r"count(DISTINCT \1)"),
    (r"percentile\((\{\w+\}), 90\)", r"quantile_cont(\1, 0.9)"),
    (r"\{(\w+)\}", r'"\1"'),
)


def as_sql(expression: str) -> str:
    """Write an expression of QuickSight's language, as far as ours go, in DuckDB's."""
    for pattern, replacement in _SQL:
        expression = re.sub(pattern, replacement, expression)
    return expression


def figures(
    connection: duckdb.DuckDBPyConnection, found: dict[str, DataSet], view: View
) -> dict[tuple[Any, ...], list[Any]]:
    """Compute a view from its data set, whose query runs as Athena's engine runs it; groups are the keys."""
    query = plan(found[view.cube].sql, Context(DATABASE, set(TABLES))).query
    for head, body in called_macros(query):
        connection.execute(f"CREATE OR REPLACE TEMP MACRO {head} AS ({body})")
    groups = []
    for column in view.group:
        if column.name in ("hour", "day", "week"):
            groups.append(f"epoch(date_trunc('{column.name}', time)) // 3600")
        else:
            groups.append("epoch(time) // 3600" if column.name == "time" else f'"{column.name}"')
    measures = [as_sql(Fields(found).expression(view.cube, measure)) for measure in view.measures]
    where = " AND ".join([f'"{name}" = ?' for name in view.where] or ["true"])
    text = f"SELECT {', '.join([*groups, *measures])} FROM ({query}) WHERE {where} GROUP BY ALL"
    rows = connection.execute(text, list(view.where.values())).fetchall()
    return {row[: len(groups)]: list(row[len(groups) :]) for row in rows}


def test_data_sets_come_to_the_figures_of_the_dashboard(
    connection: duckdb.DuckDBPyConnection, made: dashboard.Dashboard, found: dict[str, DataSet]
) -> None:
    page = Evaluator(made.cubes.tables)
    compared = set()
    for view in made.board.views():
        if view.plain or (view.cube == "values" and made_numeric(made, view)):
            continue
        expected = {tuple(row[column.name] for column in view.group): row for row in page.rows(view)}
        computed = figures(connection, found, view)
        assert set(computed) == set(expected), view.name
        for key, values in computed.items():
            for measure, value in zip(view.measures, values, strict=True):
                if measure.op != "share":
                    wanted = expected[key][measure.name]
                    assert value == pytest.approx(wanted, rel=1e-3, abs=0.05), (view.name, key, measure.name)
                    compared.add((view.cube, measure.op))
    assert {cube for cube, _ in compared} == {
        "tasks",
        "answers",
        "label_time",
        "values",
        "findings",
        "quality",
        "agreement",
        "audit",
    }
    assert {op for _, op in compared} == {"sum", "count", "distinct", "min", "max", "median", "p90", "ratio"}


def made_numeric(made: dashboard.Dashboard, view: View) -> bool:
    """Tell whether the dashboard shows classes of numbers, where QuickSight has each number."""
    [key] = view.where.values()
    return next(one.numeric for one in made.cubes.attributes if one.key == key)
