"""Attributes of labels and frames with their values, and the frames of each value.

Attributes are the customer's: they are found, never named here. One with few values keeps them; one of many
numbers becomes a histogram; one of many words keeps the most frequent. The class of a label, and the number
of labels in a frame, are attributes like the others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import duckdb
import pyarrow as pa

from brume.labels.pipeline.dashboard.duckdb_queries import columns, put, run

CLASS, PER_FRAME = "class", "labels in the frame"
_FEW = 12  # values that are all shown
_FEW_NUMBERS = 40  # whole numbers that each get a column
_BINS = 20
_MOST_ATTRIBUTES = 24
_WORDY = 200  # different texts that make an attribute a remark rather than a choice
OTHER = "other values"

Record = Literal["label", "frame"]


@dataclass(frozen=True)
class Attribute:
    """An attribute of labels or of frames; `values` in the order in which they are shown."""

    key: str  # unique on the page
    record: Record
    name: str  # as the customer wrote it; "" for what is no attribute of the data
    title: str
    numeric: bool
    values: tuple[str, ...]


@dataclass(frozen=True)
class Values:
    """The cubes `values` (by task) and `ranges` (by item), and the values all of whose ranges are there."""

    attributes: Sequence[Attribute]
    values: Mapping[str, Sequence[Any]]
    ranges: Mapping[str, Sequence[Any]]
    complete: frozenset[tuple[str, str]]
    notes: Sequence[str]


def count_values(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `brume_values`: how often each value stands in each frame of each item of `brume_items`."""
    run(
        connection,
        f"""
        CREATE OR REPLACE TEMP TABLE brume_values AS
        WITH of_labels AS (
          SELECT i.id AS item, l.frame_no, l.class, l.attributes FROM labels l
          JOIN brume_items i ON i.modality = l.modality AND i.job_name = l.job AND i.item = l.item),
        of_frames AS (
          SELECT i.id AS item, f.frame_no, f.labels, f.attributes FROM frames f
          JOIN brume_items i ON i.modality = f.modality AND i.job_name = f.job AND i.item = f.item),
        pairs AS (
          SELECT item, frame_no, 'label/' || entry.key AS attribute, entry.value AS value
          FROM (SELECT item, frame_no, unnest(map_entries(attributes)) AS entry FROM of_labels)
          WHERE entry.key <> 'hex-color'  -- how the tool paints a class
          UNION ALL SELECT item, frame_no, '{CLASS}', class FROM of_labels
          UNION ALL
          SELECT item, frame_no, 'frame/' || entry.key, entry.value
          FROM (SELECT item, frame_no, unnest(map_entries(attributes)) AS entry FROM of_frames)
          UNION ALL SELECT item, frame_no, '{PER_FRAME}', labels::VARCHAR FROM of_frames)
        SELECT item, attribute, value, frame_no, count(*)::INTEGER AS n FROM pairs
        WHERE value IS NOT NULL AND value <> '' GROUP BY ALL
        """,  # noqa: S608 - constants of our own
    )


def build_values(connection: duckdb.DuckDBPyConnection, most_characters: int) -> Values:
    """Count values by task and list frames by item; needs `brume_values` and `brume_members`."""
    attributes, shown, notes = _choose(connection)
    table = pa.table(
        {
            "attribute": pa.array([row[0] for row in shown], pa.string()),
            "value": pa.array([row[1] for row in shown], pa.string()),
            "shown": pa.array([row[2] for row in shown], pa.string()),
        }
    )
    put(connection, "brume_shown", table)
    values = columns(
        connection,
        """
        SELECT m.task, v.attribute, s.shown AS value, sum(v.n * m.weight)::DOUBLE AS n
        FROM brume_values v JOIN brume_shown s USING (attribute, value)
        JOIN brume_members m ON m.item = v.item
        GROUP BY ALL ORDER BY v.attribute, m.task, value
        """,
    )
    ranges, complete = _ranges(connection, most_characters)
    return Values(attributes, values, ranges, complete, notes)


def _choose(
    connection: duckdb.DuckDBPyConnection,
) -> tuple[list[Attribute], list[tuple[str, str, str]], list[str]]:
    """Return the attributes, each with its shown values, and what is shown for each (attribute, value)."""
    profile = run(
        connection,
        """
        SELECT attribute, list(value ORDER BY n DESC, value) AS found, bool_and(number IS NOT NULL) AS numeric
        FROM (SELECT attribute, value, sum(n) AS n, try_cast(value AS DOUBLE) AS number
              FROM brume_values GROUP BY ALL)
        GROUP BY attribute ORDER BY attribute = $1 DESC, attribute = $2 DESC, sum(n) DESC, attribute
        """,
        [CLASS, PER_FRAME],
    )
    attributes: list[Attribute] = []
    shown: list[tuple[str, str, str]] = []
    notes: list[str] = []
    for key, found, numeric in profile:
        record: Record = "frame" if key.startswith("frame/") or key == PER_FRAME else "label"
        name = key.partition("/")[2]
        title = _title(name or ("Class" if key == CLASS else "Labels in a frame"))
        if not numeric and len(found) > _WORDY:
            notes.append(
                f'The {record} attribute "{name or key}" has {len(found):,} different values: it is '
                f'left out. Its values: brume sql "{_values_sql(record, name)}"'
            )
            continue
        if len(attributes) == _MOST_ATTRIBUTES:
            notes.append(f"Only the {_MOST_ATTRIBUTES} most used attributes have a figure of their own.")
            break
        names = _numbers(found) if numeric else _words(found)
        order = list(dict.fromkeys(names.values()))
        # Values that another attribute has too keep their order, and with it their colours.
        order = next((list(it.values) for it in attributes if {*it.values} == {*order}), order)
        numeric = numeric and len(found) > 2
        attributes.append(
            Attribute(key, record, name, title, numeric, tuple(_filled(order) if numeric else order))
        )
        shown += [(key, value, text) for value, text in names.items()]
    return attributes, shown, notes


def _values_sql(record: str, name: str) -> str:
    column = "class" if not name else f"attributes['{name.replace(chr(39), chr(39) * 2)}']"
    return f"SELECT {column}, count(*) FROM {record}s GROUP BY 1 ORDER BY 2 DESC"  # noqa: S608 - shown, not run


def _title(name: str) -> str:
    text = name.replace("_", " ").replace("-", " ").strip() or name
    return text[:1].upper() + text[1:]


def _words(found: Sequence[str]) -> dict[str, str]:
    if len(found) <= _FEW:
        return {value: value for value in found}
    return {value: value if rank < _FEW - 1 else OTHER for rank, value in enumerate(found)}


def _numbers(found: Sequence[str]) -> dict[str, str]:
    numbers = {value: float(value) for value in found}
    finite = [number for number in numbers.values() if math.isfinite(number)]
    if not finite or len(finite) < len(numbers):
        return _words(found)
    low, high = min(finite), max(finite)
    whole = all(number.is_integer() for number in finite)
    if len(found) <= _FEW or (whole and high - low < _FEW_NUMBERS):
        return {value: f"{number:.15g}" for value, number in numbers.items()}
    power = 10.0 ** math.floor(math.log10((high - low) / _BINS))
    width = next(power * step for step in (1, 2, 5, 10) if power * step * _BINS >= high - low)
    width = max(width, 1.0) if whole else width

    def bin_of(number: float) -> str:
        start = math.floor(number / width + 1e-9) * width
        return f"{start:.10g} – {start + width - (1 if whole else 0):.10g}"

    return {value: bin_of(number) for value, number in numbers.items()}


def _filled(order: Sequence[str]) -> list[str]:
    """Return numbers or bins in their order, with the whole numbers that none of them is."""
    if all(value.lstrip("-").isdigit() for value in order):
        numbers = [int(value) for value in order]
        if max(numbers) - min(numbers) < _FEW_NUMBERS:
            return [str(number) for number in range(min(numbers), max(numbers) + 1)]
    return sorted(order, key=lambda text: float(text.split(" – ")[0]))


def _ranges(
    connection: duckdb.DuckDBPyConnection, most_characters: int
) -> tuple[Mapping[str, Sequence[Any]], frozenset[tuple[str, str]]]:
    """List the frames of each item and value as ranges ("0-34,67-90"), rare values first.

    A value has the ranges of all of its items or of none, so that what is shown is never a part unawares.
    """
    run(
        connection,
        """
        CREATE OR REPLACE TEMP TABLE brume_ranges AS
        WITH one AS (
          SELECT v.item, v.attribute, s.shown AS value, v.frame_no, sum(v.n) AS n
          FROM brume_values v JOIN brume_shown s USING (attribute, value) GROUP BY ALL),
        runs AS (
          SELECT *, frame_no
            - row_number() OVER (PARTITION BY item, attribute, value ORDER BY frame_no) AS run
          FROM one),
        spans AS (
          SELECT item, attribute, value, min(frame_no) AS a, max(frame_no) AS b, sum(n) AS n
          FROM runs GROUP BY item, attribute, value, run)
        SELECT item, attribute, value, sum(n)::BIGINT AS n,
          coalesce(string_agg(CASE WHEN a = b THEN a::VARCHAR ELSE a || '-' || b END, ',' ORDER BY a), '')
            AS frames
        FROM spans GROUP BY item, attribute, value
        """,
    )
    run(
        connection,
        """
        CREATE OR REPLACE TEMP TABLE brume_complete AS SELECT attribute, value FROM (
          SELECT attribute, value,
            sum(sum(length(frames) + 8)) OVER (ORDER BY sum(n), attribute, value) AS used
          FROM brume_ranges GROUP BY attribute, value)
        WHERE used <= ?
        """,
        [most_characters],
    )
    found = columns(
        connection,
        """
        SELECT item AS item_row, attribute, value, n, frames
        FROM brume_ranges JOIN brume_complete USING (attribute, value) ORDER BY attribute, value, item
        """,
    )
    complete = run(connection, "FROM brume_complete")
    return found, frozenset((attribute, value) for attribute, value in complete)
