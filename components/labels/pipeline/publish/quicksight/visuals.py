"""A view of the dashboard as a visual of QuickSight.

The view's chart is a Vega-Lite specification; its mark and channels say which visual it is: horizontal bars
and stacked ones, columns over time or over values, rings, heat maps. Points become a histogram of their
measure (QuickSight's scatter plots have no axis of time), a view without a chart a table. Measures are
calculated fields.

Source: the structures of Visual in QuickSight's API reference, and its functions of calculated fields.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from brume.labels.pipeline.dashboard.evaluate import Measure, Unit, View
from brume.labels.pipeline.publish.quicksight.data_sets import DataSet

Members = dict[str, Any]
_STEPS = {"hour": "HOUR", "day": "DAY", "week": "WEEK", "time": "MINUTE", "last": "MINUTE"}
# Columns of the dashboard's cubes that are sums by group there and single values here.
_SAME = {"least": "seconds", "middle": "seconds", "high": "seconds", "most": "seconds"}
_NAMES = "names"  # what the dashboard calls all groups of a row in one
_LIMIT = 1000  # categories, where a view does not say


class UnknownColumnError(ValueError):
    """A view that asks for what no data set has."""


@dataclass
class Fields:
    """The data sets, and the calculated fields that the visuals made so far need."""

    sets: Mapping[str, DataSet]
    calculated: dict[tuple[str, str], str] = field(default_factory=dict)  # expression by data set and name

    def column(self, cube: str, name: str) -> Members:
        """Return the identifier of a column. Raises `UnknownColumnError`."""
        self.kind(cube, name)
        return {"DataSetIdentifier": cube, "ColumnName": name}

    def kind(self, cube: str, name: str) -> str:
        """Return the type of a column. Raises `UnknownColumnError`."""
        if cube not in self.sets or name not in self.sets[cube].columns:
            raise UnknownColumnError(
                f"there is no data set {cube} with a column {name}: write it in data_sets/{cube}.sql"
            )
        return self.sets[cube].columns[name]

    def calculate(self, cube: str, title: str, expression: str) -> Members:
        """Return the identifier of a calculated field; the same expression of the same title is one field."""
        name, number = f"{cube}: {title}", 2
        while self.calculated.setdefault((cube, name), expression) != expression:
            name, number = f"{cube}: {title} ({number})", number + 1
        return {"DataSetIdentifier": cube, "ColumnName": name}

    def expression(self, cube: str, measure: Measure) -> str:
        """Return a measure in QuickSight's language."""

        def held(name: str) -> str:
            name = _SAME.get(name, name)
            self.kind(cube, name)
            return f"{{{name}}}"

        conditions = [f"{held(name)} = {_literal(value)}" for name, value in measure.where.items()]

        def total(column: str) -> str:
            if not conditions:
                return f"sum({held(column)})"
            return f"sum(ifelse({' AND '.join(conditions)}, {held(column)}, 0))"

        match measure.op:
            case "count":
                return total("one")
            case "sum" | "share":  # the visual makes shares of sums
                made = total(measure.column)
            case "ratio":
                made = f"{total(measure.column)} / {total(measure.over)}"
            case "distinct":
                return f"distinct_count({held(measure.column)})"
            case "p90":
                made = f"percentile({held(measure.column)}, 90)"
            case "min" | "max" | "median":
                made = f"{measure.op}({held(measure.column)})"
        return made if measure.scale == 1 else f"({made}) * {measure.scale:.12g}"


def visual(view: View, fields: Fields) -> Members:
    """Return the visual of a view; raises `UnknownColumnError`."""
    about = _about(view.name, view.title, view.about)
    if view.chart is None:
        return {"TableVisual": about | {"ChartConfiguration": _table(view, fields)}}
    layer = view.chart.get("layer", [view.chart])[0]
    channels = {**view.chart.get("encoding", {}), **layer["encoding"]}
    named = {channel: about_it["field"] for channel, about_it in channels.items() if "field" in about_it}
    match layer["mark"]["type"]:
        case "arc":
            return {"PieChartVisual": about | {"ChartConfiguration": _ring(view, named, fields)}}
        case "rect":
            return {"HeatMapVisual": about | {"ChartConfiguration": _heat(view, named, fields)}}
        case "point":
            return {"HistogramVisual": about | {"ChartConfiguration": _histogram(view, named, fields)}}
    whole = channels["x"].get("stack") == "normalize"
    return {"BarChartVisual": about | {"ChartConfiguration": _bars(view, named, whole, fields)}}


def figure(name: str, title: str, cube: str, measure: Measure, fields: Fields) -> Members:
    """Return a visual of one headline number."""
    values = {"Values": [_measured(name, cube, measure, title, fields)]}
    return {"KPIVisual": _about(name, title) | {"ChartConfiguration": {"FieldWells": values}}}


def identity(*parts: str) -> str:
    """Return an id in the letters that QuickSight takes; others get a hash as suffix."""
    words = "-".join(parts).replace(" ", "-")
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", words).strip("-")
    if words == plain and len(plain) <= 100:
        return plain
    return f"{plain[:100]}-{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:8]}"


def id_of(made: Mapping[str, Any]) -> str:
    """Return the id of a visual."""
    [content] = made.values()
    return str(content["VisualId"])


def _about(name: str, title: str, subtitle: str = "") -> Members:
    made: Members = {
        "VisualId": identity(name),
        "Title": {"Visibility": "VISIBLE", "FormatText": {"PlainText": title[:512]}},
        "VisualContentAltText": title[:512],
    }
    if subtitle:
        made["Subtitle"] = {"Visibility": "VISIBLE", "FormatText": {"PlainText": subtitle[:1024]}}
    return made


def _bars(view: View, named: Mapping[str, str], whole: bool, fields: Fields) -> Members:
    upright = view.measures and named["y"] in {measure.name for measure in view.measures}
    category, value = (named["x"], named["y"]) if upright else (named["y"], named["x"])
    category = category.removesuffix("_start")
    wells = {
        "Category": [_dimension(view, category, fields, numeric=bool(upright))],
        "Values": [_value(view, value, fields)],
        "Colors": [_dimension(view, named["color"], fields)] if "color" in named else [],
    }
    return {
        "FieldWells": {"BarChartAggregatedFieldWells": wells},
        "SortConfiguration": {
            "CategorySort": _sorted(view, category),
            "CategoryItemsLimit": _limit(view),
        },
        "Orientation": "VERTICAL" if upright else "HORIZONTAL",
        "BarsArrangement": "STACKED_PERCENT" if whole else "STACKED",
        "CategoryLabelOptions": _label(_title_of(view, category)),
        "ValueLabelOptions": _label(_measure(view, value).title),
        "ColorLabelOptions": _label(_title_of(view, named["color"]) if "color" in named else ""),
        "DataLabels": {
            "Visibility": "VISIBLE" if "color" not in named else "HIDDEN",
            "Overlap": "DISABLE_OVERLAP",
        },
    }


def _ring(view: View, named: Mapping[str, str], fields: Fields) -> Members:
    wells = {
        "Category": [_dimension(view, named["color"], fields)],
        "Values": [_value(view, named["theta"], fields)],
    }
    return {
        "FieldWells": {"PieChartAggregatedFieldWells": wells},
        "DonutOptions": {"ArcOptions": {"ArcThickness": "MEDIUM"}},
        "DataLabels": {"Visibility": "VISIBLE", "LabelContent": "VALUE_AND_PERCENT"},
    }


def _heat(view: View, named: Mapping[str, str], fields: Fields) -> Members:
    wells = {
        "Rows": [_dimension(view, named["y"], fields)],
        "Columns": [_dimension(view, named["x"], fields)],
        "Values": [_value(view, named["color"], fields)],
    }
    return {"FieldWells": {"HeatMapAggregatedFieldWells": wells}, "DataLabels": {"Visibility": "VISIBLE"}}


def _histogram(view: View, named: Mapping[str, str], fields: Fields) -> Members:
    measure = _measure(view, named["y"])
    expression = f"{{{measure.column}}}" + (f" / {{{measure.over}}}" if measure.op == "ratio" else "")
    for name in filter(None, (measure.column, measure.over)):
        fields.kind(view.cube, name)
    column = fields.calculate(view.cube, f"{measure.title}, each", expression)
    value = {"NumericalMeasureField": {"FieldId": _field(view.name, measure.name), "Column": column}}
    return {
        "FieldWells": {"HistogramAggregatedFieldWells": {"Values": [value]}},
        "BinOptions": {"SelectedBinType": "BIN_COUNT", "BinCount": {"Value": 40}},
        "XAxisLabelOptions": _label(measure.title),
    }


def _table(view: View, fields: Fields) -> Members:
    titles = [(column.name, column.title) for column in view.group]
    titles += [(measure.name, measure.title) for measure in view.measures]
    options = [{"FieldId": _field(view.name, name), "CustomLabel": title} for name, title in titles if title]
    if view.plain:
        columns = [
            {"FieldId": _field(view.name, column.name), "Column": fields.column(view.cube, column.name)}
            for column in view.group
        ]
        wells: Members = {"TableUnaggregatedFieldWells": {"Values": columns}}
    else:
        groups = [_dimension(view, column.name, fields) for column in view.group]
        values = [_value(view, measure.name, fields) for measure in view.measures]
        wells = {"TableAggregatedFieldWells": {"GroupBy": groups, "Values": values}}
    made: Members = {"FieldWells": wells, "FieldOptions": {"SelectedFieldOptions": options}}
    if view.order:
        made["SortConfiguration"] = {"RowSort": _sorted(view, "")}
    return made


def _dimension(view: View, name: str, fields: Fields, *, numeric: bool = False) -> Members:
    if name == _NAMES:
        joined = "concat(" + ", ' – ', ".join(f"{{{column.name}}}" for column in view.group) + ")"
        column = fields.calculate(view.cube, _title_of(view, name), joined)
        return {"CategoricalDimensionField": {"FieldId": _field(view.name, name), "Column": column}}
    source = "time" if name in _STEPS and name != "last" else name
    if numeric and name == "value":
        source = "number"  # the same as a number: columns over values stand in its order
    kind = fields.kind(view.cube, source)
    made: Members = {"FieldId": _field(view.name, name), "Column": fields.column(view.cube, source)}
    if kind == "DATETIME":
        return {"DateDimensionField": made | {"DateGranularity": _STEPS[name]}}
    return {"CategoricalDimensionField" if kind == "STRING" else "NumericalDimensionField": made}


def _value(view: View, name: str, fields: Fields) -> Members:
    measure = _measure(view, name)
    return _measured(view.name, view.cube, measure, measure.title, fields)


def _measured(owner: str, cube: str, measure: Measure, title: str, fields: Fields) -> Members:
    column = fields.calculate(cube, title, fields.expression(cube, measure))
    made: Members = {"FieldId": _field(owner, measure.name), "Column": column}
    if measure.unit in _FORMATS:
        made["FormatConfiguration"] = {"FormatConfiguration": _FORMATS[measure.unit]}
    return {"NumericalMeasureField": made}


def _number(decimals: int, suffix: str = "") -> Members:
    made: Members = {"DecimalPlacesConfiguration": {"DecimalPlaces": decimals}}
    return {"NumberDisplayFormatConfiguration": made | ({"Suffix": suffix} if suffix else {})}


_FORMATS: Mapping[Unit, Members] = {
    "count": _number(0),
    "hours": _number(1, " h"),
    "seconds": _number(1, " s"),
    "number": _number(1),
    "score": _number(2),
    "share": {"PercentageDisplayFormatConfiguration": {"DecimalPlacesConfiguration": {"DecimalPlaces": 1}}},
}


def _measure(view: View, name: str) -> Measure:
    return next(measure for measure in view.measures if measure.name == name)


def _title_of(view: View, name: str) -> str:
    titles = {column.name: column.title for column in view.group}
    return titles[name] if name != _NAMES else " – ".join(titles.values())


def _sorted(view: View, category: str) -> list[Members]:
    """Sort as the view does, else by the category."""
    name = view.order.lstrip("-") or category
    direction = "DESC" if view.order.startswith("-") else "ASC"
    return [{"FieldSort": {"FieldId": _field(view.name, name), "Direction": direction}}]


def _limit(view: View) -> Members:
    return {"ItemsLimit": view.most or _LIMIT, "OtherCategories": "EXCLUDE"}


def _label(title: str) -> Members:
    return {"AxisLabelOptions": [{"CustomLabel": title}]} if title else {"Visibility": "HIDDEN"}


def _field(owner: str, name: str) -> str:
    return f"{identity(owner)}.{name}"


def _literal(value: str) -> str:
    """Write a text of ours in an expression; the customer's words are filters, never expressions."""
    if not re.fullmatch(r"[\w ]+", value):
        raise ValueError(f"{value!r} cannot stand in an expression")
    return f"'{value}'"
