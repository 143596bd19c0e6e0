"""The durable queue and the kept pictures."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from brume_edge.kept_pictures import KeptPictures
from brume_edge.part import Answer, Decision
from brume_edge.store import PartRecord, QueuedPicture, Store, StoreError, StoreFullError
from hypothesis import given, settings
from hypothesis import strategies as st

GOOD, BAD = Answer(False, 0.9), Answer(True, 0.7)


def part(number: int, age: float = 0.0) -> PartRecord:
    return PartRecord(number, f"token-{number}", time.time() - age)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path, 10_000)
    yield store
    store.close()


def test_each_commit_is_flushed_to_the_disk(store: Store) -> None:
    def pragmas(base: sqlite3.Connection) -> list[object]:
        return [base.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]

    assert store.submit(pragmas).result() == ["wal", 2]  # 2 is FULL


def test_a_part_has_one_decision_and_one_answer(store: Store) -> None:
    store.begin(part(1))
    store.add_picture(part(1), b"picture")
    assert store.decide(part(1), Decision(True, "bundle", 0.7), BAD).result()
    assert not store.decide(part(1), Decision(False, "service", 0.9), None).result()
    assert store.queued == 1
    assert store.deliver(1, GOOD).result()
    assert not store.deliver(1, BAD).result()
    assert (store.queued, store.queued_bytes) == (0, 0)
    counts = store.counts()
    assert (counts["rejected"], counts["delivered"], counts["disagreements"]) == (1, 1, 1)


def test_what_is_left_is_given_oldest_first_but_for_parts_on_the_line(store: Store) -> None:
    for number in (1, 2, 3):
        store.add_picture(part(number), b"%d" % number)
    assert store.decide(part(2), Decision(True, "bundle", 0.7), BAD).result()
    queued = store.oldest({1})
    assert queued is not None
    assert (queued.number, queued.picture, queued.decision, queued.local) == (2, b"2", "reject", BAD)
    assert store.oldest({1, 2, 3}) is None


def test_a_second_process_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="in use"):
        Store(tmp_path, 1)


def test_after_a_sudden_end_parts_on_the_line_are_missed_and_stay_queued(tmp_path: Path) -> None:
    store = Store(tmp_path, 10_000)
    store.add_picture(part(1), b"picture")
    store.begin(part(2))
    store.decide(part(2), Decision(True, "bundle", 0.7), BAD).result()
    store.close()  # as after a kill: what was committed is there
    store = Store(tmp_path, 10_000)
    assert (store.next_number, store.queued, store.queued_bytes) == (3, 1, 7)
    assert store.recover().result() == (1, 1)
    assert store.recover().result() == (0, 0)
    assert not store.decide(part(1), Decision(True, "service", 1.0), None).result(), "decided twice"
    queued = store.oldest(())
    assert queued is not None and queued.decision == "missed"
    assert store.counts()["pushes_unknown"] == 1
    store.close()


def test_beyond_its_budget_the_queue_takes_no_picture_and_continues(store: Store) -> None:
    store.add_picture(part(1), b"\0" * 9_000).result()
    with pytest.raises(StoreFullError):
        store.add_picture(part(2), b"\0" * 2_000).result()
    assert store.decide(part(2), Decision(False, "bundle", 0.9), GOOD).result()
    store.deliver(1, GOOD).result()
    store.add_picture(part(3), b"\0" * 2_000).result()


def test_a_full_disk_spoils_only_what_has_no_room(tmp_path: Path) -> None:
    asked: list[int] = []
    store = Store(tmp_path, 10**9, lambda size: bool(asked.append(size)))
    store.submit(lambda base: base.execute("PRAGMA max_page_count=40").fetchall()).result()
    results = [store.add_picture(part(number), b"\0" * 60_000) for number in (1, 2, 3)]
    decided = [store.decide(part(number), Decision(False, "bundle", 0.9), GOOD) for number in (1, 2, 3)]
    assert [result.exception() is None for result in results] == [True, True, False]
    assert all(result.result() for result in decided)
    assert asked, "room is made before something is given up"
    assert store.queued == 2
    store.close()


def test_a_damaged_file_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "queue.db").write_bytes(b"not a database" * 100)
    store = Store(tmp_path, 1000)
    assert store.damaged is not None and store.damaged.read_bytes().startswith(b"not a database")
    store.begin(part(1)).result()
    store.close()


def test_forgotten_parts_stay_in_the_counts(store: Store) -> None:
    for number, age in ((1, 100.0), (2, 100.0), (3, 0.0), (4, 100.0)):
        store.decide(part(number, age), Decision(number == 1, "bundle", 0.9), GOOD)
        store.add_picture(part(number, age), b"picture").result()
        if number != 4:  # 4 is old, but not delivered
            store.deliver(number, GOOD).result()
    before = store.counts()
    assert store.forget(time.time() - 50).result() == 2
    assert store.counts() == store.counts() | before
    store.deliver(4, GOOD).result()
    assert store.forget(time.time() + 50).result() == 1, "the newest stays: numbers go on from it"
    assert store.submit(lambda base: base.execute("SELECT number FROM parts").fetchall()).result() == [(4,)]
    assert store.counts()["parts"] == 4


def queued(number: int, confidence: float, size: int = 100) -> QueuedPicture:
    return QueuedPicture(
        number, f"{number:032x}", 1.7e9 + number, b"\xff" * size, "pass", None, Answer(False, confidence)
    )


@given(st.lists(st.tuples(st.floats(0, 0.79), st.integers(1, 3000)), max_size=15))
@settings(max_examples=25, deadline=None)
def test_kept_pictures_never_exceed_the_budget_and_the_surest_go_first(
    tmp_path_factory: pytest.TempPathFactory, pictures: list[tuple[float, int]]
) -> None:
    folder = tmp_path_factory.mktemp("keep")
    keep = KeptPictures(folder, budget=5000, below=0.8)
    for number, (confidence, size) in enumerate(pictures):
        keep.consider(queued(number, confidence, size), None)
        assert sum(path.stat().st_size for path in folder.iterdir()) <= 5000
    again = KeptPictures(folder, budget=5000, below=0.8)
    assert list(again._kept) == sorted(keep._kept)
    small = [confidence for confidence, size in pictures if size <= 1000]
    if len(pictures) > 0 and len(small) == len(pictures):
        left = {int(path.stem.split("-")[1]) for path in folder.glob("*.json")}
        assert min(range(len(pictures)), key=lambda n: (pictures[n][0], -n)) in left, "the least sure is kept"


def test_what_is_kept_and_what_is_deleted(tmp_path: Path) -> None:
    keep = KeptPictures(tmp_path, budget=10_000, below=0.8, address="s3://bucket/line-1/")
    assert not keep.consider(queued(1, 0.95), Answer(False, 0.99))
    assert keep.consider(queued(2, 0.95), Answer(False, 0.7)), "the service is not sure"
    assert keep.consider(queued(3, 0.95), Answer(True, 0.95)), "service and bundle differ"
    assert keep.consider(queued(4, 0.5), None)
    line = json.loads(next(tmp_path.glob("*-000000003-*.json")).read_text())
    assert line["source-ref"].startswith("s3://bucket/line-1/")
    assert line["anomaly-label"] == 1
    assert line["anomaly-label-metadata"]["class-name"] == "anomaly"
    assert line["anomaly-label-metadata"]["human-annotated"] == "no"
    assert keep.release(1)
    assert [path.stem.split("-")[1] for path in sorted(tmp_path.glob("*.json"))] == ["000000003", "000000004"]
    (tmp_path / "cut.jpg").write_bytes(b"half a picture")  # the power went
    (tmp_path / "cut.json").write_bytes(b"{")
    KeptPictures(tmp_path, budget=10_000, below=0.8)
    assert not list(tmp_path.glob("cut*"))
