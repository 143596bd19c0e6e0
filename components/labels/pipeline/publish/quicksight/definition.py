"""The dashboard as the definition of a QuickSight analysis: sheets, visuals, filters."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence

from brume.labels.pipeline.dashboard.evaluate import View
from brume.labels.pipeline.dashboard.views import Board, Headline
from brume.labels.pipeline.publish.quicksight import visuals
from brume.labels.pipeline.publish.quicksight.data_sets import DataSet
from brume.labels.pipeline.publish.quicksight.visuals import Fields, Members, identity

_COLUMNS = 36  # of a sheet's grid
_WIDTHS = {"third": 12, "half": 18, "full": 36}
_NUMBERS = 6  # headline numbers beside each other
_ROWS = 12  # height of a visual
_OVERVIEW = "overview"
_FILTERED = "answers"  # the data set that has every column of the filters; QuickSight maps them to the others


def build(
    board: Board, sets: Mapping[str, DataSet], arns: Mapping[str, str], first: datetime.datetime | None
) -> Members:
    """Return the definition of a board over data sets, whose ARNs are given by name.

    `first` is the time of the first answer, where the time filter begins. Raises `UnknownColumnError` for a
    view that asks for what the data sets do not have.
    """
    fields = Fields(sets)
    sheets = [_sheet(_OVERVIEW, "Overview", "", list(_numbers(board.headlines, fields)))]
    groups = _filters(first)
    for section in board.sections:
        shown = [(visuals.visual(view, fields), _WIDTHS[view.width]) for view in section.views]
        sheets.append(_sheet(section.name, section.title, section.lead, shown))
        for view in section.views:
            groups += _only(view, fields, identity(section.name))
    return {
        "DataSetIdentifierDeclarations": [
            {"Identifier": name, "DataSetArn": arns[name]} for name in sorted(sets)
        ],
        "Sheets": sheets,
        "CalculatedFields": [
            {"DataSetIdentifier": cube, "Name": name, "Expression": expression}
            for (cube, name), expression in fields.calculated.items()
        ],
        "FilterGroups": groups,
        "Options": {"Timezone": "UTC", "WeekStart": "MONDAY"},
    }


def _numbers(headlines: Sequence[Headline], fields: Fields) -> Iterator[tuple[Members, int]]:
    """Yield each headline number and, as numbers of their own, the remarks under it."""
    width = _COLUMNS // _NUMBERS
    for headline in headlines:
        main = headline.main
        yield (
            visuals.figure(f"headline-{headline.name}", headline.title, main.cube, main.measure, fields),
            width,
        )
        for place, part in enumerate(headline.details):
            title = f"{headline.title}: {part.text.replace('{}', '').strip(' :') or part.measure.title}"
            name = f"headline-{headline.name}-{place}"
            yield visuals.figure(name, title, part.cube, part.measure, fields), width


def _sheet(name: str, title: str, lead: str, shown: Sequence[tuple[Members, int]]) -> Members:
    sheet = identity(name)
    controls = [
        {
            "CrossSheet": {
                "FilterControlId": identity(sheet, "control", about),
                "SourceFilterId": f"filter-{about}",
            }
        }
        for about in _FILTERS
    ]
    made: Members = {
        "SheetId": sheet,
        "Name": title,
        "ContentType": "INTERACTIVE",
        "Visuals": [one for one, _ in shown],
        "FilterControls": controls,
        "Layouts": [{"Configuration": {"GridLayout": {"Elements": _layout(shown)}}}],
    }
    return made | ({"Description": lead} if lead else {})


def _layout(shown: Sequence[tuple[Members, int]]) -> list[Members]:
    """Set visuals side by side while they fit into a row."""
    elements: list[Members] = []
    column = row = 0
    for one, width in shown:
        height = _ROWS if width > _COLUMNS // _NUMBERS else _ROWS // 2
        if column + width > _COLUMNS:
            column, row = 0, row + height
        elements.append(
            {
                "ElementId": visuals.id_of(one),
                "ElementType": "VISUAL",
                "ColumnIndex": column,
                "ColumnSpan": width,
                "RowIndex": row,
                "RowSpan": height,
            }
        )
        column += width
    return elements


_FILTERS = {"job": "Job", "modality": "Modality", "worker": "Worker", "time": "Time (UTC)"}


def _filters(first: datetime.datetime | None) -> list[Members]:
    """Return the filters that act on every visual of every sheet."""
    return [
        {
            "FilterGroupId": f"by-{name}",
            "CrossDataset": "ALL_DATASETS",
            "Status": "ENABLED",
            "ScopeConfiguration": {"AllSheets": {}},
            "Filters": [_time(title, first) if name == "time" else _choice(name, title)],
        }
        for name, title in _FILTERS.items()
    ]


def _choice(name: str, title: str) -> Members:
    return {
        "CategoryFilter": {
            "FilterId": f"filter-{name}",
            "Column": {"DataSetIdentifier": _FILTERED, "ColumnName": name},
            "Configuration": {
                "FilterListConfiguration": {
                    "MatchOperator": "CONTAINS",
                    "SelectAllOptions": "FILTER_ALL_VALUES",
                }
            },
            "DefaultFilterControlConfiguration": {
                "Title": title,
                "ControlOptions": {"DefaultDropdownOptions": {"Type": "MULTI_SELECT"}},
            },
        }
    }


def _time(title: str, first: datetime.datetime | None) -> Members:
    """Filter from the day of the first answer to the end of today; what has no time is kept."""
    start = (first or datetime.datetime(2017, 11, 29, tzinfo=datetime.UTC)).replace(  # SageMaker's first day
        hour=0, minute=0, second=0, microsecond=0
    )
    return {
        "TimeRangeFilter": {
            "FilterId": "filter-time",
            "Column": {"DataSetIdentifier": _FILTERED, "ColumnName": "time"},
            "IncludeMinimum": True,
            "IncludeMaximum": True,
            "RangeMinimumValue": {"StaticValue": start},
            "RangeMaximumValue": {
                "RollingDate": {
                    "DataSetIdentifier": _FILTERED,
                    "Expression": "addDateTime(1, 'DD', truncDate('DD', now()))",
                }
            },
            "NullOption": "ALL_VALUES",
            "TimeGranularity": "MINUTE",
            "DefaultFilterControlConfiguration": {
                "Title": title,
                "ControlOptions": {"DefaultDateTimePickerOptions": {"Type": "DATE_RANGE"}},
            },
        }
    }


def _only(view: View, fields: Fields, sheet: str) -> list[Members]:
    """Return the filters by which a visual sees only the rows that its view is of."""
    scope = {"SheetId": sheet, "Scope": "SELECTED_VISUALS", "VisualIds": [identity(view.name)]}
    return [
        {
            "FilterGroupId": identity("only", view.name, name),
            "CrossDataset": "SINGLE_DATASET",
            "Status": "ENABLED",
            "ScopeConfiguration": {"SelectedSheets": {"SheetVisualScopingConfigurations": [scope]}},
            "Filters": [
                {
                    "CategoryFilter": {
                        "FilterId": identity("only", view.name, name, "filter"),
                        "Column": fields.column(view.cube, name),
                        "Configuration": {
                            "FilterListConfiguration": {
                                "MatchOperator": "CONTAINS",
                                "CategoryValues": [value],
                            }
                        },
                    }
                }
            ],
        }
        for name, value in view.where.items()
    ]
