"""States of jobs and their data objects: the tables `items` and `jobs`.

A job's status is SageMaker's (a file with the response of DescribeLabelingJob); where there is no such file,
a job without an output manifest is Incomplete. A data object is labelled if its manifest line holds a label,
failed or expired if the line holds a reason for that, and missing if the job knows of it and the manifest has
no line; without a manifest, a file of consolidated annotations makes it labelled.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from brume.labels.model.ingest.reading.answers import moment
from brume.labels.model.ingest.reading.manifests import own
from brume.labels.model.schema import TABLES

_STATUS = {"Initializing": "InProgress", "Stopping": "Stopped"}
_EXPIRED = ("expire", "timed out", "timeout", "time limit")
_COUNTERS = ("TotalLabeled", "FailedNonRetryableError", "Unlabeled")
MANIFEST_COLUMNS = (
    "source-ref",
    "attribute",
    "ref",
    "type",
    "job-name",
    "human-annotated",
    "creation-date",
    "adjustment-status",
    "failure-reason",
    "metadata",
    "item",
    "file",
    "line",
)
Row = dict[str, Any]


def items_of(
    job: Mapping[str, str], lines: Sequence[Row], files: Sequence[Row], described: Row | None
) -> list[Row]:
    """Return the rows of `items` of one job, in the order of their numbers.

    `job` holds modality, batch, level and job, `lines` the rows of its output manifests, `files` the rows of
    the table `files`, `described` the answer of DescribeLabelingJob.
    """
    found: dict[int, Row] = {}
    for number, some in _by_line(lines):
        row = _item(job, number, some)
        before = found.get(number)
        if before is None or (row["created"] or datetime.min) >= (before["created"] or datetime.min):
            found[number] = row
    has_manifest = any(file["kind"] == "manifest" for file in files)
    for file in files:
        facts, kind = file["facts"], file["kind"]
        if kind == "manifest":
            for number, (labels, width, height) in facts["stills"].items():
                if int(number) in found:
                    found[int(number)].update(labels=labels, width=width, height=height)
            for number in facts["unread"]:
                found.setdefault(number, _missing(job, number, "its line in the manifest cannot be read"))
    for file in files:
        facts, kind = file["facts"], file["kind"]
        number = facts.get("item")
        if number is None:
            continue
        if kind == "sequence":
            reason = "it has annotations, but no line in an output manifest"
            row = found.setdefault(number, _missing(job, number, reason))
            if not has_manifest:  # its file is all that there is to say that it was labelled
                row.update(state="labelled", reason=None)
            row.update(labels=facts["labels"], frames=facts["frames"])
        elif kind == "answers":
            row = found.setdefault(number, _missing(job, number, "it was answered, but not consolidated"))
            if facts.get("size") and row["width"] is None:
                row["width"], row["height"] = facts["size"]
        elif kind == "unreadable" and facts["expected"] == "sequence":
            row = found.setdefault(number, _missing(job, number, None))
            row["reason"] = "its annotations cannot be read"
    for number in range(_announced(described)):
        found.setdefault(number, _missing(job, number, "the job has not come to it"))
    return [found[number] for number in sorted(found)]


def job_of(
    job: Mapping[str, str],
    items: Sequence[Row],
    files: Sequence[Row],
    described: Row | None,
    described_in: str | None,
) -> Row:
    """Return the row of `jobs` of one job, of its rows of `items` and what else these were made of."""
    states = Counter(item["state"] for item in items)
    answers = [file["facts"] for file in files if file["kind"] == "answers"]
    submitted = sorted(when for facts in answers for text in facts["submitted"] if (when := moment(text)))
    has_manifest = any(file["kind"] == "manifest" for file in files)
    types = Counter(item["type"] for item in items if item["type"])
    created = [item["created"] for item in items if item["created"]]
    description = described or {}
    status = str(description.get("LabelingJobStatus") or ("Completed" if has_manifest else "Incomplete"))
    reason = description.get("FailureReason")
    if reason is None and not has_manifest and described is None:
        reason = "there is no output manifest"
    return {
        **job,
        "type": types.most_common(1)[0][0] if types else None,
        "status": _STATUS.get(status, status),
        "reason": None if reason is None else str(reason),
        "items": len(items),
        **{state: states[state] for state in ("labelled", "failed", "expired", "missing")},
        "labels": sum(item["labels"] or 0 for item in items),
        "frames": sum(item["frames"] or 0 for item in items),
        "answers": sum(facts["answers"] for facts in answers),
        "workers": len({worker for facts in answers for worker in facts["workers"]}),
        "created": moment(description.get("CreationTime")) or min(created, default=None),
        "first_submitted": submitted[0] if submitted else None,
        "last_submitted": submitted[-1] if submitted else None,
        "file": described_in,
    }


def newest_description(files: Iterable[Row]) -> tuple[Row | None, str | None]:
    """Return DescribeLabelingJob's last response and its file; None where there is none."""
    described = [file for file in files if file["kind"] == "description"]
    if not described:
        return None, None
    newest = max(
        described, key=lambda file: (str(moment(file["facts"].get("LastModifiedTime")) or ""), file["file"])
    )
    return newest["facts"], newest["file"]


def items_table(rows: Sequence[Row]) -> pa.Table:
    """Return rows of `items` as a table."""
    return pa.Table.from_pylist(list(rows), schema=TABLES["items"].schema)


def _by_line(lines: Sequence[Row]) -> Iterable[tuple[int, list[Row]]]:
    grouped: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for row in lines:
        grouped[row["file"], row["line"]].append(row)
    for some in grouped.values():
        yield some[0]["item"], some


def _item(job: Mapping[str, str], number: int, rows: Sequence[Row]) -> Row:
    attributes = [row for row in rows if row["metadata"] is not None]
    jobs = [(row["job-name"] or "").removeprefix("labeling-job/") for row in attributes]
    mine = [attributes[index] for index in own(jobs, job["job"])]
    item = {**_missing(job, number, "its line in the manifest has no label"), "source": rows[0]["source-ref"]}
    item.update(file=rows[0]["file"], line=rows[0]["line"])
    if not mine:
        return item
    last = mine[-1]
    failure = next((row["failure-reason"] for row in mine if row["failure-reason"] is not None), None)
    if failure is not None:
        expired = any(word in failure.lower() for word in _EXPIRED)
        item.update(state="expired" if expired else "failed", reason=failure)
    elif any(row["ref"] is not None for row in mine):
        item.update(state="labelled", reason=None)
    human = last["human-annotated"]
    item.update(
        attribute=last["attribute"],
        type=last["type"],
        created=moment(last["creation-date"]),
        human=None if human is None else human.lower() in ("yes", "true"),
        adjustment=last["adjustment-status"],
    )
    return item


def _missing(job: Mapping[str, str], number: int, reason: str | None) -> Row:
    empty = dict.fromkeys(TABLES["items"].schema.names)
    return {**empty, **job, "item": number, "state": "missing", "reason": reason, "labels": 0, "frames": 0}


def _announced(described: Row | None) -> int:
    """Return how many data objects a job has by its own count."""
    counters = (described or {}).get("LabelCounters")
    if not isinstance(counters, dict):
        return 0
    counts = [counters.get(name) for name in _COUNTERS]
    total = sum(count for count in counts if isinstance(count, int) and count > 0)
    return total if total < 10**7 else 0
