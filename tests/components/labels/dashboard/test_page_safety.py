"""The page keeps names of users from running, and names of masked workers from showing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from brume.labels.pipeline.dashboard import Dashboard
from tests.components.conftest import open_in
from tests.components.labels.dashboard import tables
from tests.components.labels.dashboard.conftest import HOSTILE, drawn

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def hostile(masked: Dashboard, _browser: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A page with hostile names and masked workers."""
    page = drawn(open_in(_browser, tmp_path_factory.mktemp("page") / "page.html", masked.html))
    yield page
    page.close()


def test_names_of_users_are_shown_and_never_run(hostile: Any) -> None:
    assert hostile.value("document.title") == f"{HOSTILE} · Brume"
    assert hostile.value("document.querySelector('h1').textContent") == HOSTILE
    names = hostile.value("[...document.querySelectorAll('#pick-jobs label')].map(e => e.textContent)")
    assert HOSTILE in names
    row = "board.cards.find(card => card.view.name === 'jobs')"
    hostile.value(f"{row}.table.open({row}.rows.findIndex(row => row.job.includes('img')))")
    assert HOSTILE in hostile.value("document.getElementById('behind-title').textContent")
    assert hostile.value("document.querySelectorAll('img').length") == 0
    assert hostile.errors == []


def test_workers_can_stand_behind_pseudonyms(hostile: Any) -> None:
    data = hostile.value("JSON.stringify(board.data) + document.documentElement.textContent")
    for person in tables.effort()["workers"]:
        for secret in (person["name"], person["email"], person["worker"]):
            assert secret not in data
    assert re.search(r"Worker [2-9A-Z]{5} took 21 s", data)
