"""The engine's state: what outlives it, and what is dropped."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from brume.aws.engine.catalog import EngineError, Settings
from brume.labels.engine import engine
from brume.labels.model.lake import Lake
from tests.aws.lake import fill, finished, rows, served
from tests.aws.serving import client_of


def test_state_outlives_the_engine_and_what_ran_has_failed(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    fill(lake)
    with served(tmp_path, lake) as url:
        athena = client_of(url, "athena")
        done = finished(athena, "SELECT 1")["QueryExecutionId"]
        cut = finished(athena, "SELECT 2")["QueryExecutionId"]
    stray = tmp_path / "data" / "results" / f"{cut}.csv"
    assert stray.exists()
    with sqlite3.connect(tmp_path / "data" / "state.db") as state:  # as a killed engine would leave it
        state.execute("UPDATE athena_executions SET state = 'RUNNING', completed = NULL WHERE id = ?", [cut])
    with served(tmp_path, lake) as url:
        athena = client_of(url, "athena")
        assert rows(athena, athena.get_query_execution(QueryExecutionId=done)["QueryExecution"]) == [
            ["_col0"],
            ["1"],
        ]
        status = athena.get_query_execution(QueryExecutionId=cut)["QueryExecution"]["Status"]
        assert status["State"] == "FAILED"
        assert "the engine was stopped" in status["StateChangeReason"]
        assert not stray.exists()


def test_old_executions_and_large_results_are_dropped(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    with served(tmp_path, lake, executions=3, results=3000) as url:
        athena = client_of(url, "athena")
        made = [
            finished(athena, f"SELECT rpad('{number}', 1000, 'x')")["QueryExecutionId"] for number in range(5)
        ]
        kept = athena.list_query_executions()["QueryExecutionIds"]
        assert kept == made[:1:-1]
        assert athena.get_query_results(QueryExecutionId=made[4])
        with pytest.raises(ClientError, match="kept no longer"):
            athena.get_query_results(QueryExecutionId=made[2])
    assert len(list((tmp_path / "data" / "results").iterdir())) == 2


def test_an_engine_without_a_lake_says_how_to_name_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(engine.LAKE, raising=False)
    with pytest.raises(EngineError, match="BRUME_LAKE must name the lake"):
        engine.create(Settings(tmp_path))
    monkeypatch.setenv(engine.LAKE, str(tmp_path))
    monkeypatch.setenv("BRUME_SQL_SECONDS", "soon")
    with pytest.raises(EngineError, match="BRUME_SQL_SECONDS=soon must be a number"):
        engine.create(Settings(tmp_path))
