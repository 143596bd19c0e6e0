"""Pseudonyms: stable, without meaning, and nowhere beside the names."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from brume.labels.pipeline.dashboard.pseudonyms import key_of, people

KEY = b"a key"


def row(number: int) -> dict[str, str | None]:
    return {
        "worker": f"sub-{number}",
        "name": f"Person {number}",
        "email": f"p{number}@example.org",
        "team": None,
    }


@given(st.sets(st.integers(0, 500), min_size=1, max_size=40), st.sets(st.integers(0, 500), max_size=40))
def test_a_pseudonym_stays_while_workers_come_and_go(first: set[int], others: set[int]) -> None:
    before = {it.worker: it.shown for it in people(map(row, first), key=KEY, hidden=()).workers}
    after = {it.worker: it.shown for it in people(map(row, first | others), key=KEY, hidden=()).workers}
    assert before.items() <= after.items()
    assert len(set(after.values())) == len(after)


def test_without_the_key_a_pseudonym_cannot_be_made() -> None:
    one, other = (people([row(1)], key=key, hidden=()).workers[0].shown for key in (b"1", b"2"))
    assert one != other


def test_free_text_loses_names_emails_and_ids() -> None:
    known = people([row(1), row(12)], key=KEY, hidden=["private.eu.42"])
    one, twelve = (next(it.shown for it in known.workers if it.worker == f"sub-{n}") for n in (1, 12))
    text = known.clean("Person 12 (p12@example.org, SUB-12) and person 1; kept as private.eu.42, Personal")
    assert text == f"{twelve} ({twelve}, {twelve}) and {one}; kept as a worker, Personal"


def test_workers_of_one_name_are_distinguished() -> None:
    known = people([{**row(n), "name": "Ana"} for n in (1, 2)], key=None, hidden=())
    assert [it.shown for it in known.workers] == ["Ana (sub-1)", "Ana (sub-2)"]


def test_the_key_lies_with_the_lake_and_stays(tmp_path: Path) -> None:
    key = key_of(str(tmp_path))
    assert len(key) == 64
    assert key_of(str(tmp_path)) == key
    assert key_of(str(tmp_path / "other")) != key
