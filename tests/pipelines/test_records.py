"""The records pipeline from end to end, on an export whose facts and faults are known."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from brume.records import demo
from brume.records.model.graph.files import read_graphs
from brume.records.model.graph.vocabulary import graph_of
from brume.records.model.lake import Lake
from brume.records.pipeline.settings import check_records
from tests.components.records.terminologies import extractor
from tests.pipelines.runs import brume


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
        "graph=neptune must be files or service",
        "index=a b",
        "views=",
        "max_rejected=2",
        "min_score=-1",
    )
    with pytest.raises(ValueError, match="(?s)" + ".*".join(wrong)):
        check_records(arguments)


@pytest.mark.slow
def test_a_run_takes_in_an_export_and_reports_on_it(tmp_path: Path) -> None:
    extractor()  # or a reason to skip
    truth = demo.generate(tmp_path / "demo", patients=12)
    out = tmp_path / "out"

    def run(*words: str) -> dict[str, str]:
        source = f"source={tmp_path / 'demo' / demo.EXPORT}"
        done = brume("run", "records", source, "views=examples", *words, "--out", str(out))
        assert done.returncode == 0, done.stdout + done.stderr
        record = json.loads((out / "run.json").read_text())
        return {step["step"]: step["state"] for step in record["steps"]}

    assert set(run().values()) == {"finished"}
    assert Lake(str(out / "lake")).table("notes").num_rows == len(truth.notes)
    counts = Lake(str(out / "lake")).table("entities")["entities"].to_pylist()
    assert len(counts) == len(truth.notes) and sum(counts) > 5 * len(truth.notes)
    graphs, _ = read_graphs(str(out / "graph"))
    assert {str(graph_of(note.patient).value) for note in truth.notes} <= graphs.keys()
    page = (out / "report.html").read_text()
    assert f"{len(truth.notes)} notes of 12 patients" in page
    assert all(
        f"{file}, line {line}," in (out / "rejects.csv").read_text().replace('"', "")
        for file, line in truth.rejects
    )
    written = page + (out / "rejects.csv").read_text() + (out / "work/run.log").read_text()
    names = {fact.text for note in truth.notes for fact in note.facts if fact.planted in ("NAME", "EMAIL")}
    assert names and not [name for name in names if name in written]

    table = duckdb.sql(f"SELECT count(*) FROM '{out}/views/patient/*.parquet'")
    assert table.fetchall() == [(12,)]
    assert "Tables of views" in page and "condition_code" in page

    states = run("status=current,final")
    assert {step for step, state in states.items() if state == "reused"} == {"views"}
    statuses = {row["status"] for row in Lake(str(out / "lake")).table("notes").to_pylist()}
    assert statuses == {"current", "final"}
