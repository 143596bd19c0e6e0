"""People find the standing queries in Athena's console, here in the engine that speaks its API."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from brume.aws.client import client
from brume.aws.engine.catalog import Settings
from brume.labels.engine import engine
from brume.labels.model.queries import Query
from brume.labels.pipeline.publish import named_queries
from tests.aws.serving import KEY, serve_engine

SLIP = Query("boxes", "Boxes, as they stood.", "SELECT a,,b FROM labels", True)
JOBS = Query("jobs", "Every job.", "SELECT * FROM jobs", False)


@pytest.fixture
def athena(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("BRUME_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY.secret)
    with serve_engine(engine.create(Settings(tmp_path / "data"))) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_ATHENA", url)
        client("athena").create_work_group(Name="reports")
        yield client("athena")


def saved(athena: Any) -> dict[str, dict[str, str]]:
    pages = athena.get_paginator("list_named_queries").paginate(WorkGroup="reports")
    ids = [one for page in pages for one in page["NamedQueryIds"]]
    found = [athena.get_named_query(NamedQueryId=one)["NamedQuery"] for one in ids]
    return {one["Name"]: one for one in found if one["Database"] == "smgt-gluedatabase"}


def test_queries_are_saved_once_and_kept_up_to_date(athena: Any) -> None:
    done = named_queries.save([SLIP, JOBS], "reports")
    assert (done.created, done.updated) == (2, 0)
    assert saved(athena)["boxes"]["QueryString"] == "SELECT a,b FROM labels"
    done = named_queries.save([SLIP, JOBS], "reports")
    assert (done.created, done.updated) == (0, 0)
    done = named_queries.save([dataclasses.replace(JOBS, sql="SELECT job FROM jobs")], "reports")
    assert (done.created, done.updated) == (0, 1)
    assert saved(athena)["jobs"]["QueryString"] == "SELECT job FROM jobs"


def test_what_somebody_else_saved_stays_as_it_is(athena: Any) -> None:
    own = {"Name": "jobs", "Database": "smgt-gluedatabase", "QueryString": "SELECT 1", "WorkGroup": "reports"}
    athena.create_named_query(**own)
    # As many others that one answer does not hold them.
    for number in range(60):
        athena.create_named_query(**own | {"Name": f"q{number}"})
    done = named_queries.save([JOBS], "reports")
    assert (done.created, done.updated) == (0, 0)
    assert saved(athena)["jobs"]["QueryString"] == "SELECT 1"


def test_a_workgroup_that_is_not_there_is_named(athena: Any) -> None:
    with pytest.raises(named_queries.NamedQueryError, match="workgroup nobodys"):
        named_queries.save([JOBS], "nobodys")
