"""The lake: one state or the next, never a mixture; every table there; nothing left behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import duckdb
import pyarrow as pa
import pytest

from brume import storage
from brume.labels.model.lake import Lake
from brume.labels.model.schema import DATABASE, TABLES, frames_type
from brume.lake import lake as lakes
from brume.lake.lake import ConflictError, Part
from brume.lake.parquet_files import LakeError
from brume.lake.sql import identifier


@pytest.fixture(scope="module")
def s3(s3_server: str) -> Iterator[str]:
    boto3.client("s3", endpoint_url=s3_server).create_bucket(Bucket="lakes")
    yield "s3://lakes"


@pytest.fixture(params=["local", "s3"])
def lake(request: pytest.FixtureRequest, tmp_path: Path, s3: str) -> Lake:
    if request.param == "local":
        return Lake(str(tmp_path / "it's a [lake]"))
    return Lake(f"{s3}/{request.node.name}")


@pytest.fixture
def local(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def rows(table: str, *values: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(values), schema=TABLES[table].schema)


def put(lake: Lake, *files: str, job: str = "cars") -> list[Part]:
    return [lake.write("labels", rows("labels", {"file": file}), ("Video", job)) for file in files]


def files_of(lake: Lake) -> set[str]:
    found = lake.connect().execute("SELECT file FROM labels").fetchall()
    return {file for (file,) in found}


def parquet_files(lake: Lake) -> int:
    return sum(entry.uri.endswith(".parquet") for entry in storage.list_files(lake.uri))


def test_a_commit_adds_and_takes_out(lake: Lake) -> None:
    assert lake.snapshot().number == 0
    first = lake.commit(lake.snapshot(), add=put(lake, "a", "b"), remove=[])
    second = lake.commit(first, add=put(lake, "c"), remove=first.parts("labels")[:1])
    assert (second.number, files_of(lake)) == (2, {"b", "c"})
    assert lake.snapshot() == second
    assert second.tables() == ["labels"]


def test_what_is_written_is_seen_only_when_committed(lake: Lake) -> None:
    parts = put(lake, "a")
    assert files_of(lake) == set()
    lake.discard(parts)
    assert parquet_files(lake) == 0


def test_of_two_commits_on_one_state_the_second_is_refused(lake: Lake) -> None:
    before = lake.snapshot()
    lake.commit(before, add=put(lake, "winner"), remove=[])
    with pytest.raises(ConflictError, match="another run has committed"):
        lake.commit(before, add=put(lake, "loser"), remove=[])
    assert files_of(lake) == {"winner"}


def test_many_at_once_lose_nothing(lake: Lake) -> None:
    """Each adds a part to whatever state there is; every part has to be there at the end."""

    def add(number: int) -> None:
        parts = put(lake, str(number))
        while True:
            try:
                lake.commit(lake.snapshot(), add=parts, remove=[])
                return
            except ConflictError:
                continue

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lake.snapshot().number == 8
    assert files_of(lake) == {str(number) for number in range(8)}


def test_a_table_is_replaced_whatever_happens_to_others(local: Lake) -> None:
    local.commit(local.snapshot(), add=put(local, "a"), remove=[])
    for names in (["x", "y"], ["z"]):
        data = rows("workers", *({"worker": name} for name in names))
        local.replace(["workers"], [local.write("workers", data)])
    assert local.table("workers", columns=["worker"]).to_pylist() == [{"worker": "z"}]
    assert files_of(local) == {"a"}


def test_a_reader_of_the_state_before_still_reads(local: Lake) -> None:
    first = local.commit(local.snapshot(), add=put(local, "a"), remove=[])
    reader = local.connect(first)
    local.commit(first, add=put(local, "b"), remove=first.parts("labels"))
    assert reader.execute("SELECT file FROM labels").fetchall() == [("a",)]
    assert local.connect(first).execute("SELECT file FROM labels").fetchall() == [("a",)]


def test_parts_taken_out_are_removed_after_an_hour(local: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    state = local.commit(local.snapshot(), add=put(local, "a"), remove=[])
    state = local.commit(state, add=put(local, "b"), remove=state.parts("labels"))
    assert parquet_files(local) == 2
    monkeypatch.setattr(lakes, "KEPT_SECONDS", -1)
    state = local.commit(state, add=put(local, "c"), remove=[])
    assert parquet_files(local) == 2
    assert files_of(local) == {"b", "c"}


def test_remains_of_a_run_that_died_are_removed_after_a_day(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(lake, "of a run that died")
    state = lake.commit(lake.snapshot(), add=put(lake, "a"), remove=[])
    assert parquet_files(lake) == 2  # it might be of a run that still works
    monkeypatch.setattr(lakes, "ORPHAN_SECONDS", -10)
    lake.commit(state, add=put(lake, "b"), remove=[])
    assert parquet_files(lake) == 2
    assert files_of(lake) == {"a", "b"}


def test_every_table_is_there_with_its_columns(tmp_path: Path) -> None:
    connection = Lake(str(tmp_path)).connect()
    for name, table in TABLES.items():
        found = connection.execute(f"SELECT * FROM {identifier(DATABASE)}.{identifier(name)}")
        assert [column[0] for column in found.description or ()] == table.schema.names
        assert found.fetchall() == []


def test_an_empty_table_has_the_types_of_a_full_one(tmp_path: Path) -> None:
    def types(connection: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
        return [
            connection.execute(f"DESCRIBE {identifier(name)}").fetchall()
            for name in TABLES  # type: ignore[misc]
        ]

    lake = Lake(str(tmp_path))
    empty = types(lake.connect())
    parts = [
        lake.write(name, rows(name, {}), ("",) * len(table.partitions)) for name, table in TABLES.items()
    ]
    lake.commit(lake.snapshot(), add=parts, remove=[])
    assert types(lake.connect()) == empty


def test_manifests_of_a_modality_have_the_name_that_the_original_gave_them(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    parts = [
        lake.write("output_manifest", rows("output_manifest", {"item": item}), (modality, "cars"))
        for item, modality in enumerate(["VideoObjectTracking", "VideoObjectTrackingAudit"])
    ]
    lake.commit(lake.snapshot(), add=parts, remove=[])
    query = f"SELECT item FROM {identifier(DATABASE)}.output_manifest_videoobjecttrackingaudit"
    assert lake.connect().execute(query).fetchall() == [(1,)]


def test_parts_with_other_attributes_are_one_table(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    empty = rows("annotations_batch_manifests", {})
    parts = []
    for names in (["moving"], [], ["Moving", "type"]):
        label = {"top": 1.0, "label-category-attributes": dict.fromkeys(names, "yes")}
        frames = pa.array([[{"frame-no": "0", "annotations": [label]}]], frames_type([], names))
        table = empty.set_column(0, "tracking-annotations", frames)
        parts.append(lake.write("annotations_batch_manifests", table, ("Video", "cars")))
    lake.commit(lake.snapshot(), add=parts, remove=[])
    query = """SELECT a."label-category-attributes".moving, a."label-category-attributes".type
               FROM annotations_batch_manifests, unnest("tracking-annotations") AS t(f),
                    unnest(f.annotations) AS u(a) ORDER BY ALL"""
    assert lake.connect().execute(query).fetchall() == [("yes", "yes"), ("yes", None), (None, None)]


@pytest.mark.parametrize(
    "job", ["", "..", "a/b=c d", "100 % *?[x]'\"\\", "ä\n漢字", "x" * 400, "~" * 200, "job=cars"]
)
def test_a_job_may_be_called_anything(tmp_path: Path, job: str) -> None:
    lake = Lake(str(tmp_path / "lake"))
    lake.commit(lake.snapshot(), add=put(lake, "file", job=job), remove=[])
    assert files_of(lake) == {"file"}
    assert {path.name for path in tmp_path.iterdir()} == {"lake"}


def test_jobs_whose_names_begin_alike_have_folders_of_their_own(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    paths = {put(lake, "file", job="x" * 300 + end)[0].path.rsplit("/", 1)[0] for end in "ab"}
    assert len(paths) == 2


def test_data_that_does_not_fit_is_refused_by_its_column(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    good = rows("workers", {"worker": "w"})
    with pytest.raises(LakeError, match="email"):
        lake.write("workers", good.drop_columns("email"))
    with pytest.raises(LakeError, match=r"workers\.team is string, not int64"):
        lake.write("workers", good.set_column(3, "team", pa.array([1])))
    with pytest.raises(LakeError, match="no table 'people'"):
        lake.write("people", good)
    with pytest.raises(LakeError, match="modality, job"):
        lake.write("labels", rows("labels", {}))
    assert parquet_files(lake) == 0


def test_a_state_that_cannot_be_read_says_what_to_do(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    storage.write_bytes(str(tmp_path / "_brume/snapshot.json"), b'{"format": 99}')
    with pytest.raises(LakeError, match=r"format 99.*another folder"):
        lake.snapshot()
    storage.write_bytes(str(tmp_path / "_brume/snapshot.json"), b"[")
    with pytest.raises(LakeError, match=r"snapshot\.json is no state.*remove the folder"):
        lake.snapshot()


def test_a_remote_part_is_fetched_once(s3: str, tmp_path: Path) -> None:
    lake = Lake(f"{s3}/fetched")
    (part,) = put(lake, "a")
    state = lake.commit(lake.snapshot(), add=[part], remove=[])
    copy = lake.fetch(part, tmp_path)
    written = copy.stat().st_mtime_ns
    lake.connect(state, scratch=tmp_path)
    assert lake.fetch(part, tmp_path).stat().st_mtime_ns == written
