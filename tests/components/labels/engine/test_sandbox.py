"""A query's own process holds, even where the check of its text would have failed."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from brume.aws.engine.sandbox import LateError, LostError, Sandbox
from tests.polling import SECONDS, until

MEMORY = 200 << 20


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    made = Sandbox("brume.labels.engine.query_process")
    yield made
    made.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("sandbox")
    (made / "secret.csv").write_text("a\n1\n")
    (made / "scratch").mkdir()
    return made


def query_job(folder: Path, query: str, **more: Any) -> dict[str, Any]:
    """Return a job for DuckDB's SQL as it is: what the check would have to have let through."""
    return {
        "job": "run",
        "text": query,
        "database": "db",
        "views": [["people", "SELECT 1 AS id, 'Ann' AS name"]],
        "files": [],
        "root": str(folder),
        "scratch": str(folder / "scratch"),
        "threads": 2,
        "memory": MEMORY,
        "spill": 50 << 20,
        "address_space": 4 << 30,
        "file_size": 64 << 20,
        "rows": 100_000,
        "bytes": 1 << 20,
        "output": str(folder / "result.csv"),
        "plan": {"query": query, "name": "SELECT", "entries": 0, "unload": None},
        **more,
    }


@pytest.fixture
def start(sandbox: Sandbox, folder: Path) -> Any:
    """Start a job of a query."""
    return lambda query, **more: sandbox.start(query_job(folder, query, **more))


def test_rows_are_written_as_athena_does(start: Any, folder: Path) -> None:
    answer = start("SELECT id, name, NULL AS nothing, '' AS empty, 'a\"b' AS quoted FROM db.people").answer(
        SECONDS
    )
    assert answer["rows"] == 1
    assert [column["Type"] for column in answer["columns"]] == [
        "integer",
        "varchar",
        "varchar",
        "varchar",
        "varchar",
    ]
    assert (
        folder / "result.csv"
    ).read_text() == '"id","name","nothing","empty","quoted"\n"1","Ann",,"","a""b"\n'


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_csv('FOLDER/secret.csv')",
        "SELECT * FROM 'FOLDER/secret.csv'",
        "SELECT * FROM read_text('/proc/self/environ')",
        "SELECT * FROM glob('FOLDER/*')",
        "COPY (SELECT 1) TO 'FOLDER/written.csv'",
        "EXPORT DATABASE 'FOLDER/written'",
        "ATTACH 'FOLDER/written.db'",
        "INSTALL httpfs",
        "LOAD spatial",
        "SELECT * FROM read_csv('http://127.0.0.1:9/x.csv')",
        "SELECT * FROM 's3://bucket/x.parquet'",
        "SET enable_external_access = true",
        "SET memory_limit = '100GB'",
        "SET allowed_paths = ['/etc/passwd']",
        "RESET lock_configuration",
        "PRAGMA enable_profiling",
        "CREATE SECRET (TYPE s3)",
        "SET temp_directory = 'FOLDER/written'",
        "SELECT * FROM start",  # a variable of this program
    ],
)
def test_duckdb_itself_is_shut(start: Any, folder: Path, query: str) -> None:
    answer = start(query.replace("FOLDER", str(folder))).answer(SECONDS)
    assert "failed" in answer
    assert str(folder) not in answer["failed"]
    assert {path.name for path in folder.iterdir()} <= {"secret.csv", "scratch", "result.csv"}


def test_there_is_nothing_of_the_environment(
    start: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "never to be read")
    own = Sandbox("brume.labels.engine.query_process")
    try:
        request = {"job": "plan", "text": "SELECT 1", "database": "db", "tables": [], "parameters": []}
        job = own.start(request)
        process = own._process
        assert process is not None
        assert job.answer(SECONDS)["plan"]["query"]
        environment = Path(f"/proc/{process.pid}/environ")
        if not environment.exists():
            pytest.skip("no /proc here to look at a process's environment")
        assert "never to be read" not in environment.read_text()
    finally:
        own.close()


def test_what_forks_has_no_threads(sandbox: Sandbox, start: Any) -> None:
    start("SELECT 1").answer(SECONDS)
    tasks = Path(f"/proc/{sandbox._process.pid}/task")  # type: ignore[union-attr]
    if not tasks.exists():
        pytest.skip("no /proc here to look at a process's threads")
    assert len(list(tasks.iterdir())) == 1


@pytest.mark.long
def test_memory_is_bounded_and_the_next_query_runs(start: Any) -> None:
    for query in (
        "SELECT repeat('a', 3000000000)",
        "SELECT list(repeat('x', 1000) || i) FROM range(2000000) t(i)",
        "SELECT count(*) FROM (SELECT DISTINCT md5(i::VARCHAR) || i FROM range(20000000) t(i))",
    ):
        with contextlib.suppress(LostError):  # the system may have ended the process
            assert "failed" in start(query).answer(SECONDS)
    assert start("SELECT 1").answer(SECONDS)["rows"] == 1


def test_a_result_is_bounded_in_rows_and_bytes(start: Any) -> None:
    assert "more than 100,000 rows" in start("SELECT * FROM range(100001)").answer(SECONDS)["failed"]
    assert "larger than 1 MB" in start("SELECT repeat('x', 2000) FROM range(1000)").answer(SECONDS)["failed"]


ENDLESS = "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b"


def test_a_row_is_bounded(start: Any) -> None:
    most = {"bytes": 1 << 30, "file_size": 1 << 30}
    assert (
        "a row of more than 32 MB" in start("SELECT repeat('x', 33600000)", **most).answer(SECONDS)["failed"]
    )


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT 1 // (i - 99999) FROM range(100000) t(i)", "DIVISION_BY_ZERO: "),
        ("SELECT CAST(if(i = 99999, 'x', '1') AS INT) FROM range(100000) t(i)", "INVALID_CAST_ARGUMENT: "),
    ],
)
def test_an_error_in_a_later_row_reads_as_in_the_first(start: Any, query: str, reason: str) -> None:
    answer = start(query).answer(SECONDS)
    assert answer["failed"].startswith(reason)
    assert "internal" not in answer


def test_a_long_word_is_no_longer_read_than_a_short_one(start: Any) -> None:
    assert (
        start(f"SELECT '{'x' * 250_000}'").answer(SECONDS)["rows"] == 1
    )  # by pairs of letters it took minutes


def test_time_is_bounded_and_a_query_can_be_killed(start: Any) -> None:
    with pytest.raises(LateError):
        start(ENDLESS).answer(0.3)
    job = start(ENDLESS)
    threading.Timer(0.3, job.kill).start()
    with pytest.raises(LostError):
        job.answer(SECONDS)
    assert start("SELECT 1").answer(SECONDS)["rows"] == 1


def test_queries_end_with_the_engine(folder: Path, start: Any) -> None:
    """The control socket closes when the engine ends, in whatever way."""
    own = Sandbox("brume.labels.engine.query_process")
    request = {"job": "plan", "text": "SELECT 1", "database": "db", "tables": [], "parameters": []}
    own.start(request).answer(SECONDS)
    process = own._process
    assert process is not None
    assert own._control is not None
    own._control.close()
    assert process.wait(SECONDS) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with the one that forked it")
def test_queries_end_with_the_process_that_forked_them(folder: Path) -> None:
    own = Sandbox("brume.labels.engine.query_process")
    try:
        job = own.start(query_job(folder, ENDLESS))
        process = own._process
        assert process is not None
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        queries = until(lambda: children.read_text().split(), "a query's process")
        process.kill()
        with pytest.raises(LostError):
            job.answer(SECONDS)
        until(lambda: {_state(one) for one in queries} <= {"", "Z", "X"}, "the end of the queries")
    finally:
        own.close()


def _state(process: str) -> str:
    """Return the letter of a process's state, nothing for one that is not there."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def test_a_lost_process_is_started_again(sandbox: Sandbox, start: Any) -> None:
    start("SELECT 1").answer(SECONDS)
    process = sandbox._process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    process.wait(SECONDS)
    assert start("SELECT 1").answer(SECONDS)["rows"] == 1


@pytest.mark.long
@pytest.mark.parametrize(
    "text",
    [
        "SELECT " + "(" * 20000 + "1" + ")" * 20000,
        "SELECT " + "ARRAY[" * 20000 + "1" + "]" * 20000,
        "SELECT -" + " -".join(["1"] * 5000),
        "SELECT " + " OR ".join(["a = 1"] * 5000) + " FROM people",
        "SELECT " + "CASE WHEN 1 = 1 THEN " * 2000 + "1" + " END" * 2000,
    ],
    ids=["brackets", "arrays", "signs", "conditions", "cases"],
)
def test_a_text_made_to_break_the_reader_breaks_its_own_process_at_most(sandbox: Sandbox, text: str) -> None:
    request = {"job": "plan", "text": text, "database": "db", "tables": ["people"], "parameters": []}
    try:
        answer = sandbox.start(request).answer(SECONDS)
    except LostError:
        answer = {}
    assert set(answer) <= {"plan", "refused", "failed", "internal"}
