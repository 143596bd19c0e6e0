"""The records pipeline from end to end, on an export whose facts and faults are known."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner
from pyarrow.parquet import read_table

from brume.aws.wire import keys
from brume.pipelines.running import catalog, local
from brume.records import demo
from brume.records.model.graph.files import read_graphs
from brume.records.model.graph.vocabulary import graph_of
from brume.records.model.lake import Lake
from brume.records.pipeline.command import records
from brume.records.pipeline.run_rights import rights_of_run
from brume.records.pipeline.settings import check_records
from tests.components.records.exports import content
from tests.components.records.terminologies import extractor
from tests.pipelines.records_sample import Sample
from tests.pipelines.runs import BRUME, began, brume
from tests.polling import until

QUERIES = ("hypertension", "asthma", "gout", "migraine", "depression", "epilepsy", "psoriasis", "pneumonia")
STAGES = [stage for stage in catalog.load("records").stages if stage != "source"]
ASKING = {"load", "index", "judge"}  # the stages that ask an engine


def test_wrong_parameters_are_named_all_at_once(tmp_path: Path) -> None:
    export = {"export_to": "/tmp", "export_role": "", "export_key": ""}
    lake = f"{tmp_path}/lake"
    nlp = {"nlp": "magic", "views": str(tmp_path), "terminology": f"{tmp_path}/nowhere", "min_score": -1}
    nlp |= {"deidentify": "all"}
    services = {"graph": "neptune", "index": "a b", "queries": f"{tmp_path}/none.tsv", "roles": ""}
    arguments = {"source": str(tmp_path), "lake": lake, "status": "old", "max_rejected": 2, **export, **nlp}
    arguments |= {**services, "exports": "csv"}
    wrong = (
        "healthlake:ID",
        "s3://",
        "lake=",
        "status=old",
        "exports=csv",
        "nlp=magic",
        "nowhere",
        "none.tsv",
        "deidentify=all must be one of none, mask, surrogate",
        "which deidentify=all does not change",
        "graph=neptune must be files or service",
        "index=a b",
        "no \\*.json",
        "max_rejected=2",
        "min_score=-1",
    )
    with pytest.raises(ValueError, match="(?s)" + ".*".join(wrong)):
        check_records(arguments)


@pytest.mark.parametrize(
    ("name", "content", "wrong"),
    [
        ("queries", b"fever\tn1\tmuch\n", "line 1: it needs query, document, grade"),
        ("queries", b"fever\tn1\nfi\xe8vre\tn2\n", "line 2: it is no UTF-8"),
        ("queries", b"query\tdocument\n", "no query has a right document"),
        ("roles", b'{"K": ', "cannot be read as JSON"),
        ("roles", b'{"K": {"role": "doctor"}}', "K: role is one of full"),
        ("terminology", b"", "has no RXNCONSO.RRF"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_before_anything_starts(
    tmp_path: Path, name: str, content: bytes, wrong: str
) -> None:
    file = tmp_path / "given"
    file.write_bytes(content)
    with pytest.raises(catalog.ParameterError, match=f"{file}.*{wrong}"):
        catalog.load("records").arguments([f"{name}={file}"])


def test_a_run_into_its_own_source_is_refused_before_it_writes(tmp_path: Path) -> None:
    out = tmp_path / "out"
    records = catalog.load("records")
    with pytest.raises(local.RunError, match="must not lie in source="):
        local.run(records, records.arguments([f"source={tmp_path}"]), out)
    assert not [path for path in out.rglob("*") if path.suffix == ".json"]


def judged_queries(truth: demo.Truth, file: Path) -> None:
    """Write the notes that state a condition by its usual name as right ones for that name."""
    lines = [
        f"{query}\t{note.id}"
        for query in QUERIES
        for note in truth.notes
        if any(fact.text.lower() == query and fact.planted == "plain" for fact in note.facts)
    ]
    file.write_text("query\tdocument\n" + "\n".join(lines) + "\n")


def run(out: Path, *words: str) -> dict[str, str]:
    """Run the pipeline without embeddings, which take the most time; returns the states of its stages."""
    done = brume("run", "records", "embeddings=false", *words, "--out", str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    return {step["step"]: step["state"] for step in json.loads((out / "run.json").read_text())["steps"]}


@pytest.fixture(scope="module", autouse=True)
def no_credentials() -> Iterator[None]:
    """A run of a user without credentials makes a key, whatever the tests before have set."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.delenv(name, raising=False)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> tuple[demo.Truth, list[str]]:
    """What is true of an export, and the words that it is run with."""
    extractor()  # or a reason to skip
    folder = tmp_path_factory.mktemp("it's an export")
    made = demo.generate(folder / "demo", patients=12)
    judged_queries(made, folder / "queries.tsv")
    words = [f"source={folder / 'demo' / demo.EXPORT}", f"queries={folder / 'queries.tsv'}"]
    return made, [*words, "exports=opensearch,fhir", "views=examples"]


@pytest.fixture(scope="module")
def finished(truth: tuple[demo.Truth, list[str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "out"
    assert run(out, *truth[1]) == dict.fromkeys(STAGES, "finished")
    return out


@pytest.mark.slow
def test_a_run_takes_in_an_export_and_reports_on_it(
    finished: Path, truth: tuple[demo.Truth, list[str]]
) -> None:
    facts, lake = truth[0], Lake(str(finished / "lake"))
    assert lake.table("notes").num_rows == len(facts.notes)
    counts = lake.table("entities")["entities"].to_pylist()
    assert len(counts) == len(facts.notes) and sum(counts) > 5 * len(facts.notes)
    graphs, _ = read_graphs(str(finished / "graph"))
    assert {str(graph_of(note.patient).value) for note in facts.notes} <= graphs.keys()
    page = (finished / "report.html").read_text()
    assert f"{len(facts.notes)} notes of 12 patients" in page
    for text in ("What was found in notes", "ICD-10-CM", "Notes in the index", "Judged queries, the worst"):
        assert text in page
    assert all(
        f"{file}, line {line}," in (finished / "rejects.csv").read_text().replace('"', "")
        for file, line in facts.rejects
    )
    genders = read_table(finished / "views" / "patient").column("gender").to_pylist()
    assert len(genders) == 12 and set(genders) == {"female", "male"}


@pytest.mark.slow
def test_the_index_and_the_graph_service_have_what_the_run_made(
    finished: Path, truth: tuple[demo.Truth, list[str]]
) -> None:
    rows = Lake(str(finished / "lake")).table("indexed").to_pylist()
    assert {row["note"] for row in rows} == {note.id for note in truth[0].notes}
    assert all(row["digest"] and not row["failure"] for row in rows)
    metrics = json.loads((finished / "run.json").read_text())["metrics"]
    assert metrics["index"]["notes"] == len(rows) and metrics["judged"]["ndcg"] > 0.8
    assert metrics["exports"]["notes"] == len(rows)
    counts = metrics["generated"]
    assert counts["Condition"] > counts["Linkage"] > 0 and counts["MedicationStatement"] > 0


@pytest.mark.slow
def test_nothing_that_names_a_person_is_in_logs_and_reports(
    finished: Path, truth: tuple[demo.Truth, list[str]]
) -> None:
    files = ["report.html", "rejects.csv", "run.json", "work/run.log", "work/judged.json"]
    files += ["work/progress.jsonl", "engines/records/engine.log"]
    written = "".join((finished / file).read_text() for file in files)
    planted = ("NAME", "EMAIL", "PHONE")
    names = {fact.text for note in truth[0].notes for fact in note.facts if fact.planted in planted}
    assert names and not [name for name in names if name in written]
    asked = (finished / "work/run.log").read_text() + (finished / "engines/records/engine.log").read_text()
    assert not [query for query in QUERIES if query in asked.lower()]


@contextlib.contextmanager
def shown(out: Path) -> Iterator[tuple[Any, Any]]:
    """Run `brume records show`; yields clients of its search and of its graph."""
    command = [*BRUME, "records", "show", str(out), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline()
        try:
            assert "/records/?token=" in address, address
            browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
            with browser.open(address.strip()) as page:
                assert page.status == 200
            (key,) = keys.load(out / "engines" / "credentials").values()
            url = address.partition("/records/")[0]
            kendra, graph = (
                boto3.client(
                    service,
                    endpoint_url=url,
                    region_name="us-east-1",  # that of a run without a configured one
                    aws_access_key_id=key.access_key,
                    aws_secret_access_key=key.secret,
                )
                for service in ("kendra", "neptunedata")
            )
            yield kendra, graph
        finally:
            process.terminate()
            assert process.wait(60) == 0


@pytest.mark.slow
def test_the_web_server_of_the_aws_sample_works_on_what_a_run_made(finished: Path) -> None:
    """Search, the graph of what was found, the graph of one document: by the sample's own calls."""
    (key,) = keys.load(finished / "engines" / "credentials").values()
    with shown(finished) as (kendra, graph):
        (index,) = kendra.list_indices()["IndexConfigurationSummaryItems"]
        sample = Sample(kendra, index["Id"], graph.meta.endpoint_url, key)
        found = sample.search("high blood pressure")
        names = list(dict.fromkeys(item["DocumentName"] for item in found["ResultItems"]))
        tags, one = sample.explore(names), sample.explore(names[:1])
        nothing = sample.explore(["absent"])
    assert 0 < len(names) <= 15 and found["TotalNumberOfResults"] >= len(names) and found["QueryId"]
    assert all(item["DocumentTitle"] and item["DocumentExcerpt"] for item in found["ResultItems"])
    assert "<b>" in found["ResultItems"][0]["DocumentExcerpt"]
    # The page looks for the documents of an entity by the names that the search gave.
    assert set(tags["file_to_ent_map"]) == {name.lower() for name in names}
    pairs = {(entity, name) for name, entities in tags["file_to_ent_map"].items() for entity in entities}
    assert pairs == {(entity, name) for entity, files in tags["ent_to_file_map"].items() for name in files}
    assert any("hypertension" in entity or "blood pressure" in entity for entity, _ in pairs)
    drawn = one["graph_viz_data"]
    (document,) = [node for node in drawn.values() if node.get("shape") == "HexagonNode"]
    assert document["label"] == names[0].lower()
    entities = {node["id"]: node["comboId"] for node in drawn.values() if node.get("shape") == "CircleNode"}
    assert {drawn[name]["label"] for name in entities} == set(one["ent_to_file_map"])
    assert set(entities.values()) == {node["id"] for node in drawn.values() if "collapsed" in node}
    assert "dx_name" in entities.values()
    edges = [node for node in drawn.values() if "target" in node]
    assert {(edge["source"], edge["target"]) for edge in edges} == {(document["id"], one) for one in entities}
    assert nothing == {"ent_to_file_map": {}, "file_to_ent_map": {}, "graph_viz_data": {}}


def answers(out: Path) -> list[Any]:
    """What search and graph answer about a run."""
    with shown(out) as (kendra, graph):
        (index,) = kendra.list_indices()["IndexConfigurationSummaryItems"]
        found = [
            [one["DocumentId"] for one in kendra.query(IndexId=index["Id"], QueryText=text)["ResultItems"]]
            for text in QUERIES
        ]
        summary = graph.get_rdf_graph_summary(mode="basic")["payload"]["graphSummary"]
        return [*found, summary["numQuads"]]


@pytest.mark.long
def test_a_run_that_is_killed_in_each_stage_goes_on_and_ends_alike(
    finished: Path, truth: tuple[demo.Truth, list[str]], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    # An engine takes longer to start than all that is before the stages that need one.
    offline = [word for word in truth[1] if not word.startswith("queries=")]
    offline += ["graph=files", "index=none"]
    kill_in(set(STAGES) - ASKING, offline, out)
    kill_in(ASKING, truth[1], out)
    run(out, *truth[1])
    tables, wanted = content(Lake(str(out / "lake"))), content(Lake(str(finished / "lake")))
    assert tables.pop("indexed") and wanted.pop("indexed") and tables == wanted
    for name in ("graph", "resources", "exports"):
        assert files(out / name) == files(finished / name), name
    for table in (path.name for path in (finished / "views").iterdir() if path.name != "_brume"):
        assert read_table(out / "views" / table) == read_table(finished / "views" / table), table
    assert answers(out) == answers(finished)


def kill_in(stages: set[str], words: list[str], out: Path) -> None:
    """Run until one of the stages begins and kill that run, again and again until each was killed."""
    command = [*BRUME, "run", "records", "embeddings=false", *words, "--out", str(out)]
    left = set(stages)  # those that do not wait for each other come in any order

    def begun(process: subprocess.Popen[bytes]) -> str:
        return next((stage for stage in left if began(process, out, stage)), "")

    while left:
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            left.remove(until(lambda p=process: begun(p), "a stage", pause=0.02, seconds=600))  # type: ignore[misc]
            process.kill()


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.long
def test_what_changes_is_made_anew(
    truth: tuple[demo.Truth, list[str]], finished: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    states = run(out, *truth[1], "status=current,final")
    assert set(states.values()) == {"finished"}  # nothing of a folder that was copied is taken as done
    statuses = {row["status"] for row in Lake(str(out / "lake")).table("notes").to_pylist()}
    assert statuses == {"current", "final"}
    left = {row["note"] for row in Lake(str(out / "lake")).table("indexed").to_pylist()}
    assert left == {row["id"] for row in Lake(str(out / "lake")).table("notes").to_pylist()}


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    for record in (None, {"pipeline": "labels"}):
        if record:
            (tmp_path / "run.json").write_text(json.dumps(record))
        ended = CliRunner().invoke(records, ["show", str(tmp_path)])
        assert ended.exit_code == 1 and "is no run of the pipeline records" in ended.stderr
    (tmp_path / "run.json").write_text(json.dumps({"pipeline": "records", "parameters": {}}))
    ended = CliRunner().invoke(records, ["show", str(tmp_path)])
    assert "has no engine's state: run again with index=records" in ended.stderr


def test_a_runs_own_key_may_do_all_beside_those_of_roles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ward = {"role": "clinician", "patients": ["p1"]}
    (tmp_path / "roles.json").write_text(json.dumps({"AKIDWARD": ward}))
    written = rights_of_run(str(tmp_path / "roles.json"), tmp_path)
    (made,) = keys.load(tmp_path / "engines" / "credentials")
    assert json.loads(written.read_text()) == {"AKIDWARD": ward, made: {"role": "full"}}
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDWARD")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    again = json.loads(rights_of_run(str(tmp_path / "roles.json"), tmp_path).read_text())
    assert again["AKIDWARD"] == ward
