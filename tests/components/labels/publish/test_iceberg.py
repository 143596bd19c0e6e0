"""The Iceberg tables show what the lake shows, and what it showed before."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.catalog import Catalog, load_catalog

from brume import storage
from brume.aws.client import client
from brume.labels.model.lake import Lake
from brume.labels.pipeline import worker_tables
from brume.labels.pipeline.publish import iceberg
from tests.components.labels.lakes import answer, frame, put

ANN = answer("ann")
BO = answer("bo", "2024-03-01T10:30:00", job="boats/1 ü%", entries=None, content='{"label":"Boat"}')
FOG = [frame(0, {"vehicle_type": "van", "a:b": "1"}, Fog="thick")]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def catalog_of(lake: Lake) -> Catalog:
    return load_catalog(iceberg.CATALOG, type="sql", uri=f"sqlite:///{lake.uri}/_brume/iceberg/catalog.db")


def rows(lake: Lake, name: str, state: int | None = None) -> list[dict[str, Any]]:
    table = catalog_of(lake).load_table((iceberg.NAMESPACE, name))
    ids = [one.snapshot_id for one in table.snapshots()]
    found = table.scan(snapshot_id=None if state is None else ids[state]).to_arrow()
    return sorted(map(_plain, found.to_pylist()), key=str)


def lake_rows(lake: Lake, name: str) -> list[dict[str, Any]]:
    with lake.connect() as connection:
        found = connection.sql(f"FROM {name}").to_arrow_table()
        return sorted(map(_plain, found.to_pylist()), key=str)


def _plain(value: Any) -> Any:
    """Make a null of an empty list: when pyiceberg reads lists within structs it makes that of a null."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value] or None
    return value


def test_tables_read_back_equal_the_lakes_own_views(lake: Lake) -> None:
    put(lake, answers=[ANN, BO], findings=[{"kind": "jump", "score": 1.5, "detail": "it jumps"}])
    worker_tables.join(lake, "")
    done = iceberg.publish(lake)
    for name in ("answers", "workers", worker_tables.METRICS, "findings"):
        assert rows(lake, name) == lake_rows(lake, name) != []
    assert rows(lake, "labels") == []
    assert done.added == len(lake.snapshot().all_parts)
    by_job = catalog_of(lake).load_table(("labels", "answers")).scan("job = 'boats/1 ü%'")
    assert len(list(by_job.plan_files())) == 1


def test_an_update_doubles_nothing_and_the_state_before_can_be_read(lake: Lake) -> None:
    put(lake, answers=[ANN, BO])
    iceberg.publish(lake)
    before = rows(lake, "answers")
    again = iceberg.publish(lake)
    assert (again.created, again.changed, again.added) == (0, 0, 0)

    # One job again with attributes that nobody had, one taken back, one new.
    foggy = ANN | {"seconds": 5.0, "entries": FOG}
    put(lake, answers=[foggy, answer("cy", job="trucks")])
    done = iceberg.publish(lake)
    assert (done.changed, done.added, done.removed) == (1, 2, 2)
    assert rows(lake, "answers") == lake_rows(lake, "answers")
    assert [row["seconds"] for row in rows(lake, "answers")] == [5.0, 90.0]
    entry = next(row["entries"][0] for row in rows(lake, "answers") if row["worker"] == "ann")
    assert entry["frame-attributes"] == {"Fog": "thick", "quality": None}

    # Even when the lake has removed the parts of the state before.
    named = {part.path for part in lake.snapshot().all_parts}
    for file in (Path(lake.uri) / "answers").rglob("*.parquet"):
        if file.relative_to(lake.uri).as_posix() not in named:
            file.unlink()
    assert rows(lake, "answers", state=0) == before

    put(lake, answers=[])
    iceberg.publish(lake)
    assert rows(lake, "answers") == []


def test_states_older_than_five_days_are_let_go(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(lake.uri, "_brume", "iceberg", "answers", "data")
    for seconds in (1.0, 2.0, 3.0):
        put(lake, answers=[ANN | {"seconds": seconds}])
        iceberg.publish(lake)
    assert len(list(folder.rglob("*.parquet"))) == 3
    monkeypatch.setattr(iceberg, "KEPT", datetime.timedelta(seconds=-60))
    iceberg.publish(lake)
    assert len(list(folder.rglob("*.parquet"))) == 1
    assert [row["seconds"] for row in rows(lake, "answers")] == [3.0]
    assert len(catalog_of(lake).load_table(("labels", "answers")).snapshots()) == 1


def test_a_table_of_another_lake_is_not_touched(lake: Lake, tmp_path: Path) -> None:
    iceberg.publish(lake)
    uri = f"sqlite:///{lake.uri}/_brume/iceberg/catalog.db"
    with pytest.raises(
        iceberg.IcebergError, match=r"not of .*other: remove it, or publish to another namespace"
    ):
        iceberg.publish(Lake(str(tmp_path / "other")), {"type": "sql", "uri": uri})


def test_a_lake_in_s3_in_a_catalog_of_its_own(s3_server: str, tmp_path: Path) -> None:
    client("s3").create_bucket(Bucket="labels-iceberg")
    lake = Lake("s3://labels-iceberg/lake")
    with pytest.raises(iceberg.IcebergError, match="type=glue"):
        iceberg.publish(lake)
    put(lake, answers=[ANN])
    properties = {"type": "sql", "uri": f"sqlite:///{tmp_path}/catalog.db"}
    iceberg.publish(lake, properties)
    put(lake, answers=[ANN, BO])
    assert iceberg.publish(lake, properties).changed == 1
    reader = load_catalog(
        iceberg.CATALOG, **properties, **{"s3.endpoint": s3_server, "s3.region": "us-east-1"}
    )
    found = reader.load_table(("labels", "answers")).scan().to_arrow()
    assert sorted(found["worker"].to_pylist()) == ["ann", "bo"]
    assert storage.exists("s3://labels-iceberg/lake/_brume/iceberg/answers/data")
