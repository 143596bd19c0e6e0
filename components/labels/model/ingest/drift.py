"""Keys of records and their changes over time: the tables `keys` and `drift`.

Three comparisons, each about what a person should look at:
- jobs of a modality with each other, in the order of their batches: a key that later jobs have and earlier
  ones lack has appeared, the other way round it has vanished, with another type of value it has changed type.
  The customer's attributes are compared between jobs that share some: a job with others is another task;
- the files of a job with each other, in the order of its data objects, likewise;
- the present state with the one before, for jobs that were in both. What was found so stays in the table.
A key that no column holds has appeared against what AWS documents; its values are in the column `extra`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from brume.labels.model.ingest.reading.label_finder import plain

_MOST_JOBS = 10  # jobs in which one change is listed one by one
_FEWEST = 4  # files of a job before its first ones are compared with its last ones
_NOT_DRIFT = {"null"}
_SINCE = "since the last run: "
_SHAPE = {"left", "top", "width", "height", "vertices", "x", "y"}
ANSWERED = "answered "  # records in answers are called after those of consolidated annotations
Row = dict[str, Any]


def natural(text: str) -> tuple[Any, ...]:
    """Return a key that sorts batch-2 before batch-10."""
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text))


def keys_of(files: Iterable[Row]) -> list[Row]:
    """Return the rows of `keys`: the keys that files of each job have, in the files' order."""
    found: dict[tuple[str, str, str, str], Row] = {}
    for file in _ordered(files):
        for record, key, count, types, known in file["facts"]["keys"]:
            where = (file["modality"], file["job"], record, key)
            row = found.get(where)
            if row is None:
                row = found[where] = {
                    **dict(zip(("modality", "job", "record", "key"), where, strict=True)),
                    "type": set(),
                    "known": known,
                    "count": 0,
                    "first_file": file["file"],
                }
            row["type"].update(types.split("|"))
            row["count"] += count
    return [{**row, "type": "|".join(sorted(row["type"]))} for row in found.values()]


def drift_of(
    keys: Sequence[Row], files: Iterable[Row], before: Sequence[Row], noted: Sequence[Row]
) -> list[Row]:
    """Return the rows of `drift`: for each key of each job the plainest of what there is to say.

    `keys` and `before` are the rows of `keys` now and in the state before, `noted` those of `drift` then.
    """
    listed = _ordered(files)
    present = {_where(row) for row in keys}
    still = [
        row
        for row in noted
        if row["detail"].startswith(_SINCE) and (_where(row) in present) == (row["change"] != "vanished")
    ]
    found: dict[tuple[str, ...], Row] = {}
    within = _within_jobs(listed)
    reported = {(row["modality"], row["record"], row["key"]) for row in within}
    among = [
        row
        for row in _among_jobs(keys, listed)
        if row["change"] == "changed type" or (row["modality"], row["record"], row["key"]) not in reported
    ]
    for row in (*_unknown(keys), *within, *among):
        found.setdefault((*_where(row), "type" if row["change"] == "changed type" else ""), row)
    for row in (*_since(keys, before), *still):
        found.setdefault((*_where(row), _SINCE, row["change"]), row)
    for where in list(found):
        # What answers show, the labels made of them show too.
        consolidated = (*where[:2], where[2].removeprefix(ANSWERED), *where[3:])
        if consolidated != where and consolidated in found:
            del found[where]
    return sorted(found.values(), key=lambda row: (*_where(row), row["change"]))


def _where(row: Row) -> tuple[str, str, str, str]:
    return row["modality"], row["job"], row["record"], row["key"]


def _ordered(files: Iterable[Row]) -> list[Row]:
    """Return files in the order of their jobs' batches and levels, and of their data objects."""

    def order(file: Row) -> tuple[Any, ...]:
        facts = file["facts"]
        names = (facts["batch"], facts["level"], file["job"], file["file"])
        batch, level, job, name = map(natural, names)
        return batch, level, job, facts.get("item") or 0, name

    return sorted(files, key=order)


def _change(row: Row, change: str, detail: str) -> Row:
    return {
        **{name: row[name] for name in ("record", "key", "modality", "job", "count")},
        "change": change,
        "detail": detail,
        "file": row["first_file"],
    }


def _unknown(keys: Sequence[Row]) -> list[Row]:
    """Return the keys that no column holds, once for each modality."""
    found: dict[tuple[str, str, str], Row] = {}
    for row in keys:
        if not row["known"]:
            first = found.setdefault((row["modality"], row["record"], row["key"]), {**row, "count": 0})
            first["count"] += row["count"]
    return [
        _change(row, "appeared", "no column of the lake holds it: its values are kept in extra")
        for row in found.values()
    ]


def _types(row: Row) -> set[str]:
    return set(row["type"].split("|")) - _NOT_DRIFT


def _among_jobs(keys: Sequence[Row], files: Iterable[Row]) -> list[Row]:
    order = {job: number for number, job in enumerate(dict.fromkeys(file["job"] for file in files))}
    by_record: dict[tuple[str, str], dict[str, dict[str, Row]]] = defaultdict(lambda: defaultdict(dict))
    for row in keys:
        # Spellings that are read alike are one key; the customer's attributes stand for themselves.
        key = row["key"] if _is_customers(row["record"]) else plain(row["key"])
        by_record[row["modality"], row["record"]][row["job"]].setdefault(key, row)
    found = []
    for (_, record), jobs in by_record.items():
        names = sorted(jobs, key=lambda job: order[job])
        for key in dict.fromkeys(key for name in names for key in jobs[name]):
            alike = names
            if _is_customers(record):
                others = {one for name in names if key in jobs[name] for one in jobs[name]} - {key}
                alike = [name for name in names if key in jobs[name] or others & jobs[name].keys()]
            may_lack = key in _SHAPE or record == "manifest"  # by the kind of task
            found += _along([(name, jobs[name]) for name in alike], key, may_lack)
    return found


def _is_customers(record: str) -> bool:
    return record.endswith(" attribute") or record == "answer content"


def _along(jobs: Sequence[tuple[str, dict[str, Row]]], key: str, may_lack: bool) -> list[Row]:
    """Return how a key changes along jobs, each with its keys: a row for each of the first that differ."""
    having = [(index, name, keys[key]) for index, (name, keys) in enumerate(jobs) if key in keys]
    lacking = [name for name, keys in jobs if key not in keys]
    (begin, begun_in, first), (end, _, last) = having[0], having[-1]
    found = []
    where = f"in {_names([name for _, name, _ in having])}, not in {_names(lacking)}"
    if begin > 0 and first["known"] and not may_lack:
        found += [_change(row, "appeared", where) for _, _, row in having[:_MOST_JOBS]]
    elif end < len(jobs) - 1 and last["known"] and not may_lack:
        for name, keys in jobs[end + 1 :][:_MOST_JOBS]:
            there = {**last, "job": name, "first_file": next(iter(keys.values()))["first_file"]}
            found.append(_change(there, "vanished", where))
    usual = _types(first)
    others = [(name, row) for _, name, row in having if _types(row) and _types(row) != usual]
    for name, row in others[:_MOST_JOBS] if usual else ():
        detail = f"{' and '.join(sorted(usual))} in {begun_in}, {' and '.join(sorted(_types(row)))} in {name}"
        found.append(_change(row, "changed type", detail))
    if len(usual) > 1:
        found.append(_change(first, "changed type", f"{' and '.join(sorted(usual))} in {begun_in}"))
    return found


def _names(jobs: Sequence[str]) -> str:
    return ", ".join(jobs[:3]) + (f" and {len(jobs) - 3} more" if len(jobs) > 3 else "")


def _within_jobs(files: Iterable[Row]) -> list[Row]:
    """Return keys that only the second half of a job's files has, or only the first."""
    by_record: dict[tuple[str, str, str], list[tuple[str, dict[str, list[Any]]]]] = defaultdict(list)
    for file in files:
        keys: dict[str, dict[str, list[Any]]] = defaultdict(dict)
        for record, key, *about in file["facts"]["keys"]:
            keys[record][key] = about
        for record, here in keys.items():
            by_record[file["modality"], file["job"], record].append((file["file"], here))
    found = []
    for (modality, job, record), listed in by_record.items():
        if len(listed) < _FEWEST:
            continue
        half = len(listed) // 2
        for key in dict.fromkeys(key for _, here in listed for key in here):
            having = [index for index, (_, here) in enumerate(listed) if key in here]
            first, last = having[0], having[-1]
            about = {
                "record": record,
                "key": key,
                "modality": modality,
                "job": job,
                "count": sum(listed[index][1][key][0] for index in having),
            }
            many = f"of {len(listed)} files of the job"
            if first >= half:
                detail = f"first in number {first + 1} {many}, in {len(having)} of them"
                found.append(_change({**about, "first_file": listed[first][0]}, "appeared", detail))
            elif last < half:
                detail = f"last in number {last + 1} {many}, in {len(having)} of them"
                found.append(_change({**about, "first_file": listed[last][0]}, "vanished", detail))
    return found


def _since(keys: Sequence[Row], before: Sequence[Row]) -> list[Row]:
    def by_key(rows: Sequence[Row]) -> dict[tuple[str, str, str, str], Row]:
        return {(row["modality"], row["job"], row["record"], row["key"]): row for row in rows}

    now, then = by_key(keys), by_key(before)
    in_both = {where[:3] for where in now} & {where[:3] for where in then}
    found = []
    for where, row in now.items():
        if where[:3] not in in_both:
            continue
        if where not in then:
            found.append(_change(row, "appeared", f"{_SINCE}it is new in the job"))
        elif added := _types(row) - _types(then[where]):
            detail = f"{_SINCE}{then[where]['type']} before, now also {' and '.join(sorted(added))}"
            found.append(_change(row, "changed type", detail))
    for where, row in then.items():
        if where[:3] in in_both and where not in now:
            found.append(_change(row, "vanished", f"{_SINCE}no file of the job has it any more"))
    return found
