"""The labels pipeline from end to end: from an invented labelling output to SQL and a page."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
import yaml

from brume import storage
from brume.labels.demo import TREE, TRUTH, WORKERS, Fault, Truth, generate
from brume.labels.model.lake import Lake
from brume.pipelines.running import catalog
from tests.pipelines.runs import BRUME, brume, heed_interrupts

pytestmark = pytest.mark.slow

Row = dict[str, str]

STAGES = catalog.load("labels").stages


def rows(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def states(out: Path) -> dict[str, str]:
    return {step["step"]: step["state"] for step in json.loads((out / "run.json").read_text())["steps"]}


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    folder = tmp_path_factory.mktemp("it's labelling") / "output"
    return folder, generate(folder, "small")


@pytest.fixture(scope="module")
def words(given: tuple[Path, Truth]) -> list[str]:
    return ["run", "labels", f"source={given[0] / TREE}", f"workers={given[0] / WORKERS}"]


@pytest.fixture(scope="module")
def finished(words: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "out"
    ran = brume(*words, "--out", str(out))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return out


def test_every_step_is_done_and_recorded(finished: Path, given: tuple[Path, Truth]) -> None:
    done = states(finished)
    assert list(done) == [stage for stage in STAGES if stage != "source"]
    assert set(done.values()) == {"finished"}
    metrics = json.loads((finished / "run.json").read_text())["metrics"]["labels"]
    assert metrics["labels_rows"] == given[1].labels


def test_a_run_leaves_a_page_a_picture_a_document_and_tables(finished: Path) -> None:
    page = (finished / "report.html").read_text()
    assert len(page.encode()) < 1_500_000 and "<title>" in page
    assert (finished / "dashboard.png").read_bytes().startswith(b"\x89PNG")
    assert (finished / "dashboard.pdf").read_bytes().startswith(b"%PDF")
    assert not (finished / "queries" / "executions").exists()
    assert rows(finished / "queries" / "agreement.csv")


def test_jobs_are_counted_with_their_states(finished: Path, given: tuple[Path, Truth]) -> None:
    found = {row["job"]: row for row in rows(finished / "queries" / "jobs.csv")}
    columns = ("batch", "level", "status", "items", "labelled", "failed", "expired", "missing", "answers")
    for job in given[1].jobs:
        assert {name: found[job.job][name] for name in columns} == {
            name: str(getattr(job, name)) for name in columns
        }, job.job
    assert len(found) == len(given[1].jobs)


def _matches(fault: Fault, finding: Row) -> bool:
    frames = [int(finding[name] or -1) for name in ("frame_no", "frame_end")]
    return (
        finding["kind"] == fault.kind
        and fault.job in ("", finding["job"])
        and str(fault.item) in ("None", finding["item"])
        and (finding["object"] == "" or fault.object in (None, finding["object"]))
        and fault.worker in (None, finding["worker"])
        and (fault.frame_no is None or frames[0] <= (fault.frame_end or fault.frame_no))
        and (fault.frame_no is None or frames[1] >= fault.frame_no)
    )


def check_that_faults_are_found(truth: Truth, out: Path) -> None:
    findings = rows(out / "queries" / "findings.csv")
    kinds = {finding["kind"] for finding in findings}
    looked_for = [fault for fault in truth.faults if fault.kind in kinds]
    assert {fault.kind for fault in looked_for} >= {
        *("too fast", "too slow", "idle", "disagreement", "audit"),
        *("jump", "vanish", "flicker", "outside", "size", "label error"),
    }
    missed = [fault for fault in looked_for if not any(_matches(fault, row) for row in findings)]
    assert not missed

    rejected = {(row["file"], row["line"]) for row in rows(out / "queries" / "rejected_input.csv")}
    for kind in ("truncated", "manifest line", "no metadata", "no worker", "no answers", "backwards"):
        assert truth.of(kind)
        for fault in truth.of(kind):
            # Ground Truth's JSON, and the generator's, is one line a file.
            assert (fault.file, str(fault.line or 1)) in rejected, fault
    drift = {(row["change"], row["key"]) for row in rows(out / "queries" / "drift.csv")}
    for kind in ("appeared", "vanished", "changed type"):
        assert truth.of(kind)
        for fault in truth.of(kind):
            assert (kind, fault.object) in drift, fault
    workers = {row["worker"]: row for row in rows(out / "queries" / "workers.csv")}
    for fault in truth.of("unlisted"):
        assert workers[str(fault.worker)]["name"] == fault.worker
    for fault in truth.of("no email"):
        assert workers[str(fault.worker)]["email"] == ""


def test_every_planted_fault_is_found(finished: Path, given: tuple[Path, Truth]) -> None:
    check_that_faults_are_found(given[1], finished)


@pytest.mark.long
def test_without_parameters_it_reports_on_an_output_of_its_own(tmp_path: Path) -> None:
    out = tmp_path / "out"
    ran = brume("run", "labels", "--out", str(out))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert list(states(out)) == STAGES
    truth = Truth.load(out / "source" / TRUTH)
    metrics = json.loads((out / "run.json").read_text())["metrics"]["labels"]
    assert (metrics["labels_rows"], metrics["jobs_rows"]) == (truth.labels, len(truth.jobs))
    check_that_faults_are_found(truth, out)


def test_nothing_is_left_running(finished: Path) -> None:
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert str(finished).encode() not in process.read_bytes(), process
        except OSError:  # it ended while we looked
            continue


@pytest.mark.long
def test_a_second_run_does_only_what_is_new(
    words: list[str], given: tuple[Path, Truth], finished: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(finished / "lake", out / "lake")
    tree = tmp_path / "tree"
    shutil.copytree(given[0] / TREE, tree)
    ran = brume("run", "labels", f"source={tree}", words[3], "--out", str(out))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    metrics = json.loads((out / "run.json").read_text())["metrics"]["labels"]
    assert metrics["files_read"] == 0 or metrics["labels_rows"] == given[1].labels
    ran = brume("run", "labels", f"source={tree}", words[3], "--out", str(out))
    again = states(out)
    assert {name for name, state in again.items() if state == "finished"} <= {"ingest", "workers"}
    assert {again[name] for name in ("quality", "queries", "dashboard")} == {"reused"}

    shutil.rmtree(next(tree.glob("*/VideoObjectDetection/*lanes")))
    ran = brume("run", "labels", f"source={tree}", words[3], "--out", str(out))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    metrics = json.loads((out / "run.json").read_text())["metrics"]["labels"]
    assert metrics["labels_rows"] == given[1].labels - given[1].job("lanes").labels
    assert "lanes" not in {row["job"] for row in rows(out / "queries" / "jobs.csv")}


@pytest.mark.long
def test_masked_people_are_in_nothing_that_is_written(
    words: list[str], given: tuple[Path, Truth], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ran = brume(*words, "mask_people=true", "iceberg=local", "--out", str(out))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    texts = [(out / "report.html").read_text(), (out / "dashboard.pdf").read_bytes().decode("latin-1")]
    texts += [file.read_text() for file in (out / "queries").iterdir()]
    with Lake(str(out / "lake")).connect() as connection:
        for table in ("workers", "worker_metrics_processed_worker_metrics", "quality_workers", "findings"):
            texts.append(str(connection.sql(f'SELECT * FROM "{table}"').fetchall()))
    for user in given[1].users:
        for text in texts:
            assert user.name not in text and (not user.email or user.email not in text)


@pytest.mark.long
def test_source_lake_and_workers_in_an_object_store(
    given: tuple[Path, Truth], s3_server: str, tmp_path: Path
) -> None:
    import boto3

    boto3.client("s3", endpoint_url=s3_server).create_bucket(Bucket="labels-run")
    storage.upload(given[0] / TREE, "s3://labels-run/output")
    storage.upload(given[0] / WORKERS, "s3://labels-run/workers.csv")
    paths = {"source": "output", "lake": "lake", "workers": "workers.csv"}
    ran = brume(
        "run",
        "labels",
        *(f"{name}=s3://labels-run/{at}" for name, at in paths.items()),
        "--out",
        str(tmp_path / "out"),
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert not (tmp_path / "out" / "lake").exists()
    assert len(rows(tmp_path / "out" / "queries" / "jobs.csv")) == len(given[1].jobs)
    assert (
        sum(part.rows for part in Lake("s3://labels-run/lake").snapshot().parts("labels")) == given[1].labels
    )


@pytest.mark.long
def test_a_schedule_without_a_cluster_runs_here_until_it_is_stopped(words: list[str], tmp_path: Path) -> None:
    command = [*BRUME, "schedule", *words[1:], "--cron", "* * * * * *", "--out", str(tmp_path / "out")]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        preexec_fn=heed_interrupts,
    ) as process:
        assert process.stdout is not None
        reports = 0
        for line in process.stdout:
            reports += line.startswith("Report:")
            if reports == 2:
                break
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert set(states(tmp_path / "out").values()) <= {"finished", "reused"}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["source=/no/such"], "source=/no/such is not there"),
        (["workers=everybody"], "must be the id of a Cognito user pool (eu-west-1_Ab1Cd2Ef3) or a CSV"),
        (["workers=none.csv"], "workers=none.csv is not there"),
        (["source={0}", "lake={0}/lake"], "must not lie in source="),
        (["publish_glue=true"], "publish_glue needs lake=s3://BUCKET/..., not none"),
        (["iceberg=yes"], "iceberg=yes must be local, or the properties of a pyiceberg catalog as JSON"),
        (["iceberg=local", "lake=s3://bucket/lake"], "iceberg=local needs a local lake"),
        (["publish_quicksight=me"], "publish_quicksight=me must be the ARN"),
    ],
)
def test_wrong_parameters_are_named_at_once(
    wrong: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = brume("run", "labels", *(word.format(tmp_path) for word in wrong))
    assert answer.returncode == 2
    assert message in answer.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_page_does_not_wait_for_quicksight(tmp_path: Path) -> None:
    """What QuickSight refuses, as an account without it does, ends the run: the page is there by then."""
    assert brume("compile", "labels", "-o", str(tmp_path)).returncode == 0
    spec = next(yaml.safe_load_all((tmp_path / "labels.yaml").read_text()))
    tasks = spec["root"]["dag"]["tasks"]
    assert "write-dashboard" in tasks["make-quicksight-dashboard"]["dependentTasks"]
    assert "make-quicksight-dashboard" not in tasks["write-dashboard"]["dependentTasks"]


def test_a_folder_without_labelling_output_ends_the_run_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "notes.txt").write_text("no labels here")
    ran = brume("run", "labels", f"source={tmp_path / 'photos'}", "--out", str(tmp_path / "out"))
    assert ran.returncode == 1
    assert "step ingest failed" in ran.stderr and "Ground Truth" in ran.stderr
    assert "ingest failed after" in ran.stdout and "Ground Truth" not in ran.stdout, "it is printed once"
