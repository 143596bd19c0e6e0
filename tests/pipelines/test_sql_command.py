"""`brume sql`, as people use it: against an engine that runs, and with one that it starts itself."""

from __future__ import annotations

import csv
import io
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from brume.labels.model.lake import Lake
from brume.labels.pipeline.command import sql
from tests.aws.lake import ended, fill, served
from tests.aws.serving import KEY, client_of
from tests.pipelines.runs import BRUME, heed_interrupts
from tests.polling import until


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    made = Lake(str(tmp_path_factory.mktemp("sql") / "lake"))
    fill(made)
    return made


@pytest.fixture(scope="module")
def url(lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("sql-engine")
    with served(root, lake) as address:
        yield address


@pytest.fixture
def ask(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """Run the command against the engine; returns what it printed."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "BRUME_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL_ATHENA", url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY.secret)
    monkeypatch.setenv("COLUMNS", "100")

    def asked(*words: str, given: str | None = None) -> Result:
        return CliRunner().invoke(sql, list(words), input=given, catch_exceptions=False)

    yield asked


def test_a_table_shows_numbers_to_the_right_and_null_apart_from_empty(ask) -> None:  # type: ignore[no-untyped-def]
    done = ask("SELECT class, \"left\", '' AS empty, count(*) AS n FROM labels GROUP BY 1, 2 ORDER BY 1")
    assert done.exit_code == 0
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    assert lines[0].split() == ["class", "left", "empty", "n"]
    assert lines[2:] == ["Bus     NULL           1", "Car      1.5           1"]
    assert "2 rows" in done.stderr


def test_wide_values_are_folded_and_no_character_is_lost(ask) -> None:  # type: ignore[no-untyped-def]
    done = ask("SELECT rpad('a', 300, 'b') AS wide, 'z' AS last")
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert done.stdout.count("b") == 299
    assert done.stdout.count("z") == 1


def test_rows_beyond_the_limit_are_reported(ask) -> None:  # type: ignore[no-untyped-def]
    many = "SELECT x FROM UNNEST(sequence(1, 1500)) AS t(x)"
    done = ask(many, "--max-rows", "3")
    assert [line.strip() for line in done.stdout.splitlines()[2:]] == ["1", "2", "3"]
    assert "the first 3 rows" in done.stderr
    assert "1500 rows" in ask(many, "--max-rows", "0").stderr


def test_csv_is_whole_and_distinguishes_null_from_empty(ask) -> None:  # type: ignore[no-untyped-def]
    done = ask("--csv", "SELECT x, 'a,\"b\"' AS y, NULL AS z, '' AS e FROM UNNEST(sequence(1, 1500)) AS t(x)")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[:2] == ["x,y,z,e", '1,"a,""b""",,""']
    assert [row[0] for row in csv.reader(io.StringIO(done.stdout))] == ["x", *map(str, range(1, 1501))]
    assert done.stderr == ""


def test_a_query_from_a_file_and_from_standard_input(ask, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "query.sql"
    file.write_text("SELECT class,,kind\nFROM labels ORDER BY 1")
    done = ask("--csv", "-f", str(file))
    assert done.stdout.splitlines() == ["class,kind", "Bus,box", "Car,box"]
    assert "mended: an empty item of the select list (line 1:14)" in done.stderr
    assert ask("--csv", "-", given="SELECT 1 AS x").stdout == "x\n1\n"


def test_an_error_shows_its_position(ask) -> None:  # type: ignore[no-untyped-def]
    done = ask("SELECT class,\n       clazz FROM labels")
    assert done.exit_code == 1
    message, line, mark = done.stderr.splitlines()
    assert message.startswith('brume: COLUMN_NOT_FOUND: line 2:8: Referenced column "clazz"')
    assert line.index("clazz") == mark.index("^")
    done = ask("SELECT 1; DROP TABLE labels")
    assert done.exit_code == 1
    assert "a second statement follows" in done.stderr


def test_tables_are_listed_with_what_a_row_is(ask) -> None:  # type: ignore[no-untyped-def]
    for words in (("--tables",), ("show tables;",)):
        done = ask(*words)
        assert "labels" in done.stdout
        assert "one consolidated label" in done.stdout
    assert ask("--csv", "SHOW TABLES").stdout.splitlines()[0] == "tab_name"
    described = ask("DESCRIBE labels").stdout
    assert any(line.split() == ["attributes", "map<string,string>"] for line in described.splitlines())


def test_words_that_do_not_go_together(ask) -> None:  # type: ignore[no-untyped-def]
    assert ask().exit_code == 2
    assert ask("SELECT 1", "--tables").exit_code == 2
    done = ask("SELECT 1", "--lake", "somewhere")
    assert done.exit_code == 1
    assert "leave one of them out" in done.stderr


def _environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BRUME_"))}
    return {**kept, "HOME": str(home), "XDG_DATA_HOME": str(home)}


def test_without_an_engine_it_starts_one_and_ends_it(lake: Lake, tmp_path: Path) -> None:
    command = [*BRUME, "sql", "--csv", "SELECT count(*) AS n FROM labels"]
    where = {"cwd": tmp_path, "env": _environment(tmp_path), "capture_output": True, "text": True}
    done = subprocess.run([*command, "--lake", lake.uri], timeout=120, check=False, **where)  # type: ignore[call-overload]
    assert (done.returncode, done.stdout) == (0, "n\n2\n"), done.stderr
    done = subprocess.run(command, timeout=120, check=False, **where)  # type: ignore[call-overload]
    assert done.returncode == 1
    assert "there is no lake to ask: name one with --lake or BRUME_LAKE" in done.stderr
    (tmp_path / "out" / "labels").mkdir(parents=True)
    (tmp_path / "out" / "labels" / "lake").symlink_to(lake.uri)  # what `brume run labels` leaves
    done = subprocess.run(command, timeout=120, check=False, **where)  # type: ignore[call-overload]
    assert (done.returncode, done.stdout) == (0, "n\n2\n"), done.stderr


def test_ctrl_c_cancels_the_query(url: str, tmp_path: Path) -> None:
    endless = "SELECT sum(x * y) FROM UNNEST(sequence(1, 1000000)) t(x), UNNEST(sequence(1, 1000000)) u(y)"
    athena = client_of(url, "athena")
    own = {
        "AWS_ENDPOINT_URL_ATHENA": url,
        "AWS_ACCESS_KEY_ID": KEY.access_key,
        "AWS_SECRET_ACCESS_KEY": KEY.secret,
    }
    with subprocess.Popen(
        [*BRUME, "sql", endless],
        env=_environment(tmp_path) | own,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
    ) as process:

        def running() -> str:
            assert process.poll() is None
            newest = athena.list_query_executions(MaxResults=1)["QueryExecutionIds"]
            found = athena.batch_get_query_execution(QueryExecutionIds=newest or ["none"])["QueryExecutions"]
            begun = found and found[0]["Query"] == endless and found[0]["Status"]["State"] == "RUNNING"
            return str(newest[0]) if begun else ""

        query = until(running, "the query to run")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "brume: stopped" in errors
    assert ended(athena, query)["Status"]["State"] == "CANCELLED"
