"""A stage is done again when, and only when, what its result depends on has changed."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from brume.run.artifacts import Dataset
from brume.run.names import of_run
from brume.run.stage import OUT, Content, Contents, NotDescribedError, Operational, Stage, context, stage
from brume.storage import StorageError

RUNS: list[str] = []


class Found(NamedTuple):
    """A result of two values."""

    name: str
    size: int


@stage("copy", outputs={"copy": "copy.txt"})
def copy_text(source: Content, size: int, seconds: Operational[int], copy: Dataset) -> dict[str, int]:
    """Copy a text."""
    RUNS.append("copy")
    text = Path(source).read_text()
    Path(copy.uri).write_text(text)
    copy.metadata["size"] = len(text)
    return {"runs": len(RUNS)}


@stage("measure")
def measure(copy: Dataset) -> Found:
    """Measure a copy."""
    RUNS.append("measure")
    return Found(Path(copy.uri).name, len(Path(copy.uri).read_text()))


@stage("host", acts=True, instead=lambda arguments: "" if measure.stands(copy=arguments["copy"]) else None)
def host(copy: Dataset) -> str:
    """Host a copy."""
    RUNS.append("host")
    return "url"


@stage("look", looks_again=True)
def look() -> int:
    """Look at what no argument holds."""
    RUNS.append("look")
    return len(RUNS)


@stage("part", part="group", outputs={"made": "parts/{group}.txt"})
def make_part(group: str, made: Dataset) -> None:
    """Make one part of many."""
    RUNS.append(f"part {group}")
    Path(made.uri).parent.mkdir(exist_ok=True)
    Path(made.uri).write_text(group)


@stage("divide")
def divide(by: int) -> float:
    """Fail for 0."""
    return 1 / by


@stage("join", outputs={"joined": "joined.txt"})
def join_texts(parts: Contents, joined: Dataset) -> int:
    """Join the texts of a list of files."""
    RUNS.append("join")
    Path(joined.uri).write_text("".join(Path(part).read_text() for part in parts))
    return len(parts)


def artifact(uri: str | Path = "elsewhere") -> Any:
    return SimpleNamespace(uri=str(uri), metadata={})


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    RUNS.clear()
    folder = tmp_path / "out"
    folder.mkdir()
    monkeypatch.setenv(OUT, str(folder))
    monkeypatch.setenv("BRUME_PROGRESS", str(folder / "progress.jsonl"))
    (folder / "source.txt").write_text("first")
    return folder


def copied(out: Path, size: int = 1, seconds: int = 1) -> tuple[dict[str, int], Any]:
    made = artifact()
    return copy_text(source=str(out / "source.txt"), size=size, seconds=seconds, copy=made), made


def events(out: Path) -> list[str]:
    lines = (out / "progress.jsonl").read_text().splitlines()
    return [json.loads(line)["event"] for line in lines]


def test_finished_work_stands_and_is_reported_as_reused(out: Path) -> None:
    first, _ = copied(out)
    second, made = copied(out)
    assert first == second == {"runs": 1}
    assert made.uri == str(out / "copy.txt")
    assert made.metadata == {"size": 5}
    assert events(out) == ["started", "finished", "reused"]


def test_changed_parameters_inputs_or_outputs_are_worked_on_again(out: Path) -> None:
    copied(out)
    copied(out, size=2)
    assert len(RUNS) == 2
    (out / "source.txt").write_text("second")
    copied(out, size=2)
    assert len(RUNS) == 3
    (out / "copy.txt").unlink()
    copied(out, size=2)
    assert len(RUNS) == 4
    assert (out / "copy.txt").read_text() == "second"


def test_an_operational_argument_changes_nothing(out: Path) -> None:
    copied(out, seconds=1)
    copied(out, seconds=2)
    assert RUNS == ["copy"]


def test_a_file_replaced_under_its_name_size_and_time_counts(out: Path) -> None:
    source = out / "source.txt"
    before = source.stat()
    copied(out)
    (out / "other.txt").write_text("other")
    (out / "other.txt").replace(source)
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    copied(out)
    assert (out / "copy.txt").read_text() == "other"


def test_the_content_of_every_file_of_a_list_counts(out: Path) -> None:
    """The same addresses are no sign of the same content."""
    for name in ("a", "b"):
        (out / name).write_text(name)
    parts = [str(out / "a"), str(out / "b")]
    for _ in range(2):
        join_texts(parts=parts, joined=artifact())
    assert RUNS == ["join"]
    (out / "b").write_text("c")
    join_texts(parts=parts, joined=artifact())
    assert (out / "joined.txt").read_text() == "ac"


def test_an_input_that_cannot_be_reached_is_reported_as_the_failure_of_its_stage(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(uri: str) -> Any:
        raise StorageError(f"{uri}: the object store does not answer")

    monkeypatch.setattr("brume.storage.list_files", unreachable)
    with pytest.raises(StorageError):
        copied(out)
    assert RUNS == []
    (event,) = [json.loads(line) for line in (out / "progress.jsonl").read_text().splitlines()]
    assert (event["step"], event["event"]) == ("copy", "failed")
    assert "does not answer" in event["note"]
    assert "Error" not in event["note"]  # a message that was written for it needs no class


def test_a_full_disk_is_reported_with_the_places_that_need_room(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(uri: str) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("brume.storage.list_files", full)
    with pytest.raises(OSError, match="No space"):
        copied(out)
    (event,) = [json.loads(line) for line in (out / "progress.jsonl").read_text().splitlines()]
    assert f"make room in {out} or {tempfile.gettempdir()}, and run again" in event["note"]


def test_an_input_that_changes_while_the_stage_works_is_worked_on_again(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = out / "source.txt"
    plain = copy_text.function

    def change(**arguments: Any) -> Any:
        result = plain(**arguments)
        source.write_text("second")
        return result

    changing: Stage[..., Any] = Stage("copy", plain, outputs=copy_text.outputs)
    monkeypatch.setattr(changing, "function", change)
    changing.arguments = copy_text.arguments
    monkeypatch.setattr("brume.run.stage.function_digest", lambda *_: "code")
    changing(source=str(source), size=1, seconds=1, copy=artifact())
    assert (out / "copy.txt").read_text() == "first"
    copied(out)
    assert (out / "copy.txt").read_text() == "second"
    source.write_text("first")  # what lay there when the first work began
    copied(out)
    assert (out / "copy.txt").read_text() == "first"


def test_a_named_tuple_comes_back_as_one(out: Path) -> None:
    _, made = copied(out)
    assert measure(copy=made) == measure(copy=made) == Found("copy.txt", 5)
    assert RUNS == ["copy", "measure"]
    assert measure(copy=made).size == 5


def test_what_acts_on_the_world_is_never_taken_as_done(out: Path) -> None:
    _, made = copied(out)
    assert host(copy=made) == host(copy=made) == "url"
    assert RUNS == ["copy", "host", "host"]


def test_what_nothing_waits_for_is_not_started(out: Path) -> None:
    _, made = copied(out)
    host(copy=made)
    measure(copy=made)
    assert host(copy=made) == ""
    assert RUNS == ["copy", "host", "measure"]


def test_what_must_look_again_does(out: Path) -> None:
    assert (look(), look()) == (1, 2)


def test_parts_of_a_loop_stand_by_themselves(out: Path) -> None:
    for group in ("0", "1", "0"):
        make_part(group=group, made=artifact())
    assert RUNS == ["part 0", "part 1"]
    assert (out / "parts" / "1.txt").read_text() == "1"


def test_a_failure_is_reported_and_not_remembered(out: Path) -> None:
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            divide(by=0)
    assert events(out) == ["started", "failed"] * 2
    assert "ZeroDivisionError: " in (out / "progress.jsonl").read_text()  # nobody foresaw it
    assert not divide.stands(by=0)


def test_on_a_cluster_outputs_stay_where_they_are_and_nothing_is_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    RUNS.clear()
    monkeypatch.delenv(OUT, raising=False)
    monkeypatch.delenv("BRUME_PROGRESS", raising=False)
    (tmp_path / "source.txt").write_text("first")
    made = artifact(tmp_path / "made")
    for _ in range(2):
        copy_text(source=str(tmp_path / "source.txt"), size=1, seconds=1, copy=made)
    assert RUNS == ["copy", "copy"]
    assert made.uri == str(tmp_path / "made")


def test_a_stage_knows_its_run(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def note() -> None:
        seen.append(context())

    noting: Stage[[], None] = Stage("note", note)
    noting()
    (found,) = seen
    assert found.place("x") == str(out / "x")
    assert len(found.key) == 64
    assert context().place("x") is None


def test_a_declaration_that_does_not_fit_is_refused() -> None:
    def none(size: int) -> None: ...

    with pytest.raises(NotDescribedError, match="no argument is called copy"):
        _ = Stage("none", none, outputs={"copy": "copy.txt"}).arguments


@pytest.mark.parametrize("run", ["", "{{$.pipeline_job_uuid}}", "brume-{id}"])
def test_a_placeholder_that_nobody_filled_in_is_no_name(run: str) -> None:
    with pytest.raises(ValueError, match="no id of a run"):
        of_run(run)
    assert of_run("4f5c") == "brume-4f5c"
