"""A small labelling effort, as tables of a lake: two modalities, four jobs, six workers, some faults."""

from __future__ import annotations

import datetime
import itertools
import random
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from brume.labels.model.schema import DATABASE, TABLES

START = datetime.datetime(2026, 3, 2, 8, tzinfo=datetime.UTC)
TRACKING, PICTURES = "VideoObjectTracking", "ImageClassification"
NAMES = ("Ana Lima", "Björn Ek", "Chidi Obi", "Dana Levi", "Emre Can", "=HYPERLINK(0)")


def connect(**tables: Sequence[Mapping[str, Any]]) -> duckdb.DuckDBPyConnection:
    """Return a connection like that of a lake: all tables by their schema, empty where no rows are given."""
    connection = duckdb.connect()
    connection.execute(f'CREATE SCHEMA "{DATABASE}"')
    connection.execute(f'USE memory."{DATABASE}"')
    for name, table in TABLES.items():
        rows = [{column: row.get(column) for column in table.schema.names} for row in tables.get(name, ())]
        connection.register("given", pa.Table.from_pylist(rows, table.schema))
        connection.execute(f'CREATE TABLE "{name}" AS SELECT * FROM given')
        connection.unregister("given")
    return connection


def effort(*, job: str = "crossing", seed: int = 1) -> dict[str, list[dict[str, Any]]]:
    """Return rows of all tables that the dashboard reads; `job` is the name of the first job."""
    chance = random.Random(seed)
    subs = [f"0000000{n}-aaaa-bbbb-cccc-dddddddddddd" for n in range(len(NAMES))]
    made: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    made["workers"] = [
        {"worker": sub, "name": name, "email": f"w{n}@example.org", "team": "north" if n % 2 else "south"}
        for n, (sub, name) in enumerate(zip(subs, NAMES, strict=True))
    ]
    jobs = [(TRACKING, job, 4), (TRACKING, "bridge", 3), (PICTURES, "signs", 12), (TRACKING, "harbour", 1)]
    clock = itertools.count()
    for modality, name, items in jobs:
        where = {"modality": modality, "job": name, "batch": "batch-1", "level": "1"}
        for item in range(items):
            place = {**where, "item": item}
            file = f"{modality}/batch-1-1-{name}/output/{name}/annotations/{item}/SeqLabel.json"
            state = {("harbour", 0): "failed", ("signs", 11): "expired", ("bridge", 2): "missing"}.get(
                (name, item)
            )
            if state is None:
                _label(made, place, file, chance)
            frames = 20 if modality == TRACKING and state is None else 0
            count = sum(row["job"] == name and row["item"] == item for row in made["labels"])
            made["items"].append(
                {
                    **place,
                    "state": state or "labelled",
                    "labels": count,
                    "frames": frames,
                    "file": file,
                    "source": f"s3://in/{name}/{item}",
                }
            )
            if state is None:
                for answer, sub in enumerate(chance.sample(subs, 2)):
                    _answer(
                        made,
                        place,
                        answer,
                        sub,
                        START + datetime.timedelta(hours=3 * next(clock)),
                        count,
                        chance,
                    )
        status = {"harbour": "Failed", "bridge": "InProgress"}.get(name, "Completed")
        made["jobs"].append(
            {
                **where,
                "type": modality,
                "status": status,
                "items": items,
                "reason": "no access to the input" if status == "Failed" else None,
            }
        )
    _judge(made, subs, job)
    return made


def _label(
    made: dict[str, list[dict[str, Any]]], place: dict[str, Any], file: str, chance: random.Random
) -> None:
    if place["modality"] == PICTURES:
        made["labels"].append(
            {
                **place,
                "kind": "class",
                "class": chance.choice(["stop", "yield"]),
                "attributes": [],
                "file": file,
            }
        )
        return
    for number in range(20):
        cars = chance.randint(0, 4)
        attributes = [("quality", "clear" if number < 15 else "blurred")]
        made["frames"].append(
            {**place, "frame_no": number, "labels": cars, "attributes": attributes, "file": file}
        )
        for car in range(cars):
            attributes = [
                ("vehicle_type", chance.choice(["car", "van", "bus", "truck", "tram"])),
                ("moving", "yes" if car else "no"),
            ]
            made["labels"].append(
                {
                    **place,
                    "frame_no": number,
                    "kind": "box",
                    "class": "Vehicle",
                    "object_id": f"o{car}",
                    "attributes": attributes,
                    "file": file,
                }
            )


def _answer(
    made: dict[str, list[dict[str, Any]]],
    place: dict[str, Any],
    answer: int,
    sub: str,
    submitted: datetime.datetime,
    labels: int,
    chance: random.Random,
) -> None:
    file = f"{place['modality']}/{place['job']}/worker-response/{place['item']}.json"
    seconds = round(chance.uniform(20, 4000), 1)
    row = {
        **place,
        "answer": answer,
        "worker": sub,
        "sub": sub,
        "worker_id": f"w-{sub}",
        "submitted": submitted,
        "seconds": seconds,
        "labels": labels,
        "file": file,
    }
    made["answers"].append(row)
    pace = "too fast" if seconds < 300 else "usual"
    made["answer_quality"].append(
        {**row, "pace": pace, "agreement": round(chance.uniform(0.5, 1), 3), "rejects": chance.randint(0, 2)}
    )


def _judge(made: dict[str, list[dict[str, Any]]], subs: list[str], job: str) -> None:
    at = {"modality": TRACKING, "job": job}
    made["findings"] = [
        {
            **at,
            "kind": "jump",
            "score": 9.5,
            "item": 1,
            "frame_no": 3,
            "frame_end": 4,
            "object": "Vehicle:1",
            "detail": "The box moves by 410 pixels in one frame; 12 are usual.",
            "file": "a.json",
        },
        {
            **at,
            "kind": "too fast",
            "score": 4.0,
            "item": 0,
            "worker": subs[0],
            "detail": f"{NAMES[0]} took 21 s; 15 min are usual.",
            "file": "b.json",
        },
    ]
    made["quality_jobs"] = [
        {**at, "measure": "agreement", "subject": "", "value": 0.83, "units": 4},
        {**at, "measure": "cohen_kappa", "subject": "class", "value": 0.71, "units": 40},
        {**at, "measure": "alpha", "subject": "moving", "value": 0.4, "units": 40},
    ]
    pairs = sorted(
        {
            tuple(sorted((a["worker"], b["worker"])))
            for a, b in itertools.combinations(made["answers"], 2)
            if a["job"] == b["job"] == job and a["item"] == b["item"]
        }
    )
    made["quality_agreement"] = [
        {
            **at,
            "worker_a": a,
            "worker_b": b,
            "measure": "agreement",
            "subject": "",
            "value": 0.5 + n / 20,
            "units": n + 1,
        }
        for n, (a, b) in enumerate(pairs)
    ]
    made["quality_audit"] = [
        {
            **at,
            "audit_job": "audit",
            "worker": sub,
            "subject": subject,
            "audited": 20,
            "confirmed": 20 - n,
            "moved": n,
            "relabelled": 0,
            "removed": 0,
            "added": 0,
        }
        for n, sub in enumerate(subs[:3])
        for subject in ("Vehicle", "moving = yes")
    ]
    made["quality_label_time"] = [
        {**at, "worker": sub, "kind": "box", "class": "Vehicle", "labels": 10 * n, "seconds": 500.0 * n}
        for n, sub in enumerate(subs, 1)
    ]
    made["rejects"] = [
        {
            **at,
            "file": "x/output.manifest",
            "line": 7,
            "field": "source-ref",
            "reason": "is not JSON",
            "remedy": "Write the line anew.",
        }
    ]
    made["drift"] = [
        {
            **at,
            "record": "label",
            "key": "colour",
            "change": "appeared",
            "detail": "in 3 of 40 records",
            "file": "y.json",
            "count": 3,
        }
    ]
