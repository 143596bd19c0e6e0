"""Read worker responses: every answer of a file, its worker, times and labels."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import pyarrow as pa

from brume.labels.model.ingest.reading import label_finder
from brume.labels.model.ingest.reading.arrow_columns import constant, each, maps
from brume.labels.model.ingest.reading.frames import Frames
from brume.labels.model.ingest.reading.json_values import as_json, number, text
from brume.labels.model.ingest.reading.label_columns import LabelColumns
from brume.labels.model.ingest.reading.notes import Notes
from brume.labels.model.ingest.reading.records import Records
from brume.labels.model.schema import COUNT, NUMBER, TABLES, TEXT, TIME

_KNOWN = {
    "acceptanceTime",
    "submissionTime",
    "timeSpentInSeconds",
    "workerId",
    "answerContent",
    "workerMetadata",
}
_IDENTITY = {"identityProviderType", "issuer", "sub"}
RECORD = "answered "  # before the names of the records in answers
_Reject = Callable[[str, str, str], None]  # takes a key, what is wrong with it, and the remedy


@dataclass
class Response:
    """One file: its JSON, its notes, and where it belongs."""

    value: dict[str, Any]
    notes: Notes
    file: str
    item: int
    iteration: int | None
    lines: Sequence[int]  # of the list of answers, and of each one; none where they are not known

    def reject(self, field: str, reason: str, remedy: str, answer: int | None = None) -> None:
        """Note a fault of an answer, or of the list of them."""
        place = 0 if answer is None else answer + 1
        line = self.lines[place] if place < len(self.lines) else None
        self.notes.reject(field, reason, remedy, line)


@dataclass
class _Answer:
    response: Response
    number: int
    content: Any
    frames: list[Any] | None
    row: dict[str, Any]


def read(
    responses: Sequence[Response],
    job: Mapping[str, str],
    *,
    classes: Mapping[str, str],
    lines: str,
) -> tuple[dict[str, pa.Table], list[dict[str, Any]]]:
    """Return the tables `answers` and `answer_labels` of some files of one job, and the facts of each file.

    `job` holds modality, batch, level and job; `classes` and `lines` are as for `LabelColumns`.
    """
    by_file = [_answers(response) for response in responses]
    found = [answer for answers in by_file for answer in answers]
    tables: dict[str, list[pa.Table]] = {"answers": [], "answer_labels": []}
    sequences = [answer for answer in found if answer.frames is not None]
    others = [answer for answer in found if answer.frames is None]
    if sequences:
        frames = Frames(
            [answer.frames for answer in sequences],
            [answer.response.notes for answer in sequences],
            RECORD,
            classes=classes,
            lines=lines,
        )
        tables["answers"].append(
            _answer_table(sequences, job, frames.document_labels, frames.counts, frames.nested())
        )
        tables["answer_labels"].append(
            _label_table(sequences, job, frames.document_labels, frames.label_columns())
        )
        tables["answer_labels"].append(_label_table(sequences, job, frames.counts, _frame_marks(frames)))
    if others:
        listed = [label_finder.labels(answer.content) for answer in others]
        counts = list(map(len, listed))
        marks = LabelColumns(
            Records(
                [label for labels in listed for _, label in labels],
                counts,
                [answer.response.notes for answer in others],
            ),
            f"{RECORD}label",
            classes=classes,
            lines=lines,
            kinds=[kind for labels in listed for kind, _ in labels],
        )
        tables["answers"].append(_answer_table(others, job, counts, [None] * len(others), None))
        tables["answer_labels"].append(_label_table(others, job, counts, marks.columns))
    joined = {
        name: pa.concat_tables(parts, promote_options="permissive") for name, parts in tables.items() if parts
    }
    return joined, [_facts(*pair) for pair in zip(responses, by_file, strict=True)]


def _facts(response: Response, answers: Sequence[_Answer]) -> dict[str, Any]:
    submitted = sorted(answer.row["submitted"] for answer in answers if answer.row["submitted"])
    return {
        "item": response.item,
        "answers": len(answers),
        "workers": sorted({answer.row["worker"] for answer in answers}),
        "size": next(filter(None, (_size(answer.content) for answer in answers)), None),
        "submitted": [moment.isoformat() for moment in (submitted[:1] + submitted[-1:])],
    }


def _size(content: Any, depth: int = 4) -> list[float | None] | None:
    """Return width and height of the picture that was shown, where an answer gives them."""
    if not isinstance(content, dict) or depth == 0:
        return None
    shown = content.get("inputImageProperties")
    if isinstance(shown, dict):
        return [number(shown.get("width")), number(shown.get("height"))]
    return next(filter(None, (_size(one, depth - 1) for one in content.values())), None)


def _answers(response: Response) -> list[_Answer]:
    value, notes = response.value, response.notes
    notes.keys.add_record("answers", value, {"answers"})
    further = {key: one for key, one in value.items() if key != "answers"}
    listed = value.get("answers")
    if not isinstance(listed, list):
        wrong = f"{str(text(listed))[:80]} is not a list"
        response.reject("answers", wrong, "correct it in the job's output")
        listed = []
    elif not listed:
        response.reject("answers", "the file holds no answer", "nothing to do if nobody answered")
    found = []
    for index, one in enumerate(listed):
        if isinstance(one, dict):
            found.append(_answer(response, index, one, further))
        else:
            response.reject(
                f"answers[{index}]",
                f"{str(text(one))[:80]} is not an object",
                "correct it in the job's output; the rest is read",
                index,
            )
    return found


def _answer(response: Response, index: int, one: dict[str, Any], further: dict[str, Any]) -> _Answer:
    notes = response.notes
    notes.keys.add_record("answer", one, _KNOWN)
    content = one.get("answerContent")
    if isinstance(content, str):  # some tasks hand it over as JSON in a string
        with contextlib.suppress(ValueError):
            content = orjson.loads(content)
    if isinstance(content, dict):
        notes.keys.add_record("answer content", content, content)
    frames = label_finder.entries(content)
    left = (
        content if frames is None or not isinstance(content, dict) else label_finder.without_entries(content)
    )
    worker_id = text(one.get("workerId")) or None
    metadata = one.get("workerMetadata")
    identity = metadata.get("identityData") if isinstance(metadata, dict) else None
    identity = identity if isinstance(identity, dict) else {}
    sub = text(identity.get("sub")) or None
    worker = sub or worker_id or "unknown"

    def reject(key: str, reason: str, remedy: str) -> None:
        response.reject(f"answers[{index}].{key}", reason, remedy, index)

    if sub is None:
        reject("workerMetadata", "it does not say who the worker is", f"kept as worker {worker[:80]}")
    accepted = _moment(one, "acceptanceTime", reject)
    submitted = _moment(one, "submissionTime", reject)
    extra = {key: as_json(value) for key, value in {**further, **one}.items() if key not in _KNOWN}
    if metadata is not None and (
        not identity or set(identity) - _IDENTITY or set(metadata) - {"identityData"}
    ):
        extra["workerMetadata"] = as_json(metadata)
    row = {
        "worker": worker,
        "worker_id": worker_id,
        "sub": sub,
        "provider": text(identity.get("identityProviderType")),
        "issuer": text(identity.get("issuer")),
        "accepted": accepted,
        "submitted": submitted,
        "seconds": _seconds(one, accepted, submitted, reject),
        "content": as_json(left) if left not in (None, {}) else None,
        "extra": extra,
    }
    return _Answer(response, index, content, frames, row)


def _seconds(
    one: Mapping[str, Any], accepted: datetime | None, submitted: datetime | None, reject: _Reject
) -> float | None:
    spent = number(one.get("timeSpentInSeconds"))
    given = one.get("timeSpentInSeconds")
    if given is not None and (spent is None or spent < 0):
        reject(
            "timeSpentInSeconds",
            f"{str(text(given))[:80]} is no time",
            "the answer is kept; its time is what lies between acceptance and submission",
        )
        spent = None
    between = (submitted - accepted).total_seconds() if accepted and submitted else None
    if between is not None and between < 0:
        reject(
            "submissionTime",
            f"it was submitted {-between:,.1f} s before it was accepted",
            "the answer is kept; its time is timeSpentInSeconds",
        )
        between = None
    return between if spent is None else spent


def _moment(one: Mapping[str, Any], key: str, reject: _Reject) -> datetime | None:
    found = moment(one.get(key))
    if found is None:
        given = "it is missing" if one.get(key) is None else f"{str(text(one[key]))[:80]} is no moment"
        reject(key, given, "write it as 2026-01-31T12:00:00.000Z; the answer is kept")
    return found


def moment(value: Any) -> datetime | None:
    """Return a moment in UTC: ISO 8601, or seconds (or milliseconds) since the epoch; None for else."""
    try:
        if isinstance(value, str):
            found = datetime.fromisoformat(value.strip())
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found = datetime.fromtimestamp(value / 1000 if abs(value) > 1e11 else value, UTC)
        else:
            return None
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return found if 1970 <= found.year < 2200 else None


def _answer_table(
    found: Sequence[_Answer],
    job: Mapping[str, str],
    labels: Sequence[int],
    frames: Sequence[int | None],
    entries: pa.Array | None,
) -> pa.Table:
    schema = TABLES["answers"].schema
    count = len(found)
    columns = {
        **{name: constant(value, count) for name, value in job.items()},
        "item": pa.array([answer.response.item for answer in found], COUNT),
        "iteration": pa.array([answer.response.iteration for answer in found], COUNT),
        "answer": pa.array([answer.number for answer in found], COUNT),
        **{
            name: pa.array([answer.row[name] for answer in found], TEXT)
            for name in ("worker", "worker_id", "sub", "provider", "issuer", "content")
        },
        "accepted": pa.array([answer.row["accepted"] for answer in found], TIME),
        "submitted": pa.array([answer.row["submitted"] for answer in found], TIME),
        "seconds": pa.array([answer.row["seconds"] for answer in found], NUMBER),
        "labels": pa.array(labels, COUNT),
        "frames": pa.array(frames, COUNT),
        "entries": pa.nulls(count, schema.field("entries").type) if entries is None else entries,
        "extra": maps([answer.row["extra"] for answer in found]),
        "file": pa.array([answer.response.file for answer in found], TEXT),
    }
    for answer in found:
        answer.response.notes.rows += 1
    return pa.table({name: columns[name] for name in schema.names})


def _label_table(
    found: Sequence[_Answer], job: Mapping[str, str], counts: Sequence[int], columns: Mapping[str, pa.Array]
) -> pa.Table:
    schema = TABLES["answer_labels"].schema
    total = sum(counts)
    whole = {
        **{name: constant(value, total) for name, value in job.items()},
        "item": each([answer.response.item for answer in found], counts, COUNT),
        "answer": each([answer.number for answer in found], counts, COUNT),
        "worker": each([answer.row["worker"] for answer in found], counts),
        "file": each([answer.response.file for answer in found], counts),
        **columns,
    }
    for answer, count in zip(found, counts, strict=True):
        answer.response.notes.rows += count
    return pa.table(
        {name: whole.get(name, constant(None, total, schema.field(name).type)) for name in schema.names}
    )


def _frame_marks(frames: Frames) -> dict[str, pa.Array]:
    """Return the frames themselves as rows of kind frame, for their attributes."""
    names = ("frame_no", "frame", "attributes", "extra")
    return {**{name: frames.columns[name] for name in names}, "kind": constant("frame", sum(frames.counts))}
