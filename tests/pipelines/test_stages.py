"""What makes each stage of each pipeline run again: every parameter and every input, changed by itself.

The stages are the real ones, with their real signatures and keys, in the order in which the real pipelines
compose them, and in this process. What a stage computes is replaced: by files that are new each time it
works.
"""

from __future__ import annotations

import contextlib
import inspect
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from brume.inspection.pipeline import lookout
from brume.labels.model.lake import Lake as LabelsLake
from brume.pipelines.running import catalog, steps
from brume.records.model.lake import Lake as RecordsLake
from brume.run.stage import OUT, Stage
from tests.pipelines.stage_table import (
    CAPTIONS,
    CODE,
    INSPECTION,
    LABELS,
    LOOK_AGAIN,
    NARRATION,
    PREDICT,
    RECORDS,
    SLIDES,
    TABLE,
)

# Stages that write into a lake: a table of it, and the arguments that what it has is of.
INTO_LAKE: dict[tuple[str, str], tuple[str, tuple[str, ...]]] = {
    ("labels", "ingest"): ("jobs", ("source", "modalities", "job_states")),
    ("labels", "workers"): ("workers", ("workers", "mask_people")),
    ("labels", "quality"): ("findings", ()),
    ("records", "ingest"): ("identifiers", ("source",)),
    ("records", "notes"): ("notes", ()),
    ("records", "entities"): ("entities", ()),
}
ENDINGS = {"audio": ".wav", "articles": ".md"}
CASES = [(name, *case) for name, cases in TABLE.items() for case in cases]
_count = itertools.count()


class Task:
    """What a step leaves, as a pipeline uses it."""

    def __init__(self, result: Any, artifacts: dict[str, Any]) -> None:
        fields = result._asdict() if hasattr(result, "_asdict") else {"Output": result}
        self.outputs = {**artifacts, **fields}
        self.output = result

    def after(self, *_: Any) -> Task:
        return self


class InProcess(steps.Steps):
    """Runs each stage where the pipeline makes a step of it."""

    def __call__(self, stage: Stage[..., Any], *, cpu: str, memory: str, **given: Any) -> Any:
        arguments = self.resolve(stage, given)
        artifacts = {name: SimpleNamespace(uri="", metadata={}) for name in stage.outputs}
        if stage.ends:
            return Task(None, {})
        return Task(stage(**arguments, **artifacts), artifacts)


def work(stage: Stage[..., Any]) -> Callable[..., Any]:
    """Return what replaces a stage's own work."""
    system = stage.__module__.split(".")[1]

    def double(**arguments: Any) -> Any:
        for name in stage.outputs:
            file = Path(arguments[name].uri) / "file"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(str(next(_count)))
        if (system, stage.name) in INTO_LAKE:
            return into_lake(system, stage.name, arguments)
        returned = {
            "cohort": ["0"],
            "tiling": arguments.get("tiles"),
            "shards": arguments.get("tiles"),
            "training": arguments.get("trained"),
            "tables": arguments.get("lake"),
            "hosting": arguments.get("version"),
        }.get(stage.name)
        return getattr(returned, "uri", returned) if returned is not None else "1"

    double.stage = stage.name  # type: ignore[attr-defined]
    return double


def into_lake(system: str, stage: str, arguments: dict[str, Any]) -> str:
    """Write rows into a table of the real lake, as the stage does: when what they are of has changed."""
    uri = arguments["lake"] or arguments["tables"].uri
    table, of = INTO_LAKE[system, stage]
    text = repr([(name, arguments[name], read(arguments[name])) for name in of])
    known = Path(uri) / f"{stage}.seen"
    if not of or not known.exists() or known.read_text() != text:
        lake = LabelsLake(uri) if system == "labels" else RecordsLake(uri)
        schema = lake.spec(table).schema
        lake.replace([table], [lake.write(table, pa.Table.from_pylist([{}] * (next(_count) + 1), schema))])
        known.write_text(text)
    return str(uri)


def read(value: Any) -> str:
    path = Path(str(value))
    if not path.is_absolute():
        return ""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return "".join(file.read_text() for file in files if file.is_file())


class Run:
    """One pipeline with its inputs in a folder, run into another."""

    def __init__(self, name: str, folder: Path) -> None:
        self.pipeline = catalog.load(name)
        self.folder = folder
        self.code: dict[str, str] = {}  # by stage, in the place of the digest of its code
        self.arguments = {item.name: item.default for item in self.pipeline.parameters()}
        for parameter in (
            *(
                "slides",
                "model",
                "images",
                "test_images",
                "trial_images",
                "source",
                "audio",
                "references",
                "articles",
            ),
        ):
            if parameter in self.arguments and self.arguments[parameter] in (None, ""):
                self.arguments[parameter] = self.input(parameter, f"{parameter}/first")
        for parameter in ("labels", "workers", "queries"):
            if parameter in self.arguments:
                self.arguments[parameter] = self.input(parameter, f"{parameter}.csv")

    def input(self, parameter: str, name: str) -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".csv"):
            path.write_text("first")
            return str(path)
        path.mkdir()
        (path / f"file{ENDINGS.get(parameter, '')}").write_text("first")
        if parameter != "images":
            return str(path)
        manifest = path / "images.manifest"
        manifest.write_text(json.dumps({"source-ref": f"s3://pictures/{name}/file"}) + "\n")
        return str(manifest)

    def change(self, parameter: str, change: Any) -> None:
        """Change one parameter, or the content of what it names."""
        given = Path(str(self.arguments[parameter]))
        if change == "new folder":
            self.arguments[parameter] = self.input(parameter, f"{parameter}/second")
        elif change == "new file":
            self.arguments[parameter] = self.input(parameter, f"{parameter}-second.csv")
        elif change == "content":
            file = next(given.glob("file*")) if given.is_dir() else given
            file.write_text(file.read_text() + "\n")
        elif change == "a text beside it":
            (given / "file.txt").write_text("first")
        elif change == "a picture that the manifest names":
            file = given.with_name("file")
            file.write_text("FIRST")
        else:
            self.arguments[parameter] = change

    def __call__(self) -> list[str]:
        """Run the pipeline; returns the stages that worked, in their order."""
        events = Path(self.folder / "progress.jsonl")
        events.unlink(missing_ok=True)
        inspect.unwrap(self.pipeline.component.pipeline_func)(**self.arguments)
        seen = [json.loads(line) for line in events.read_text().splitlines()]
        return [event["step"].partition("-")[0] for event in seen if event["event"] == "finished"]


@pytest.fixture
def run(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    catalog.load(
        request.param
    )  # kfp defines a pipeline by running its function: before the doubles are there
    out = tmp_path / "out"
    out.mkdir()
    monkeypatch.setenv(OUT, str(out))
    monkeypatch.setenv("BRUME_PROGRESS", str(tmp_path / "progress.jsonl"))
    monkeypatch.setenv("BRUME_FOLDERS", json.dumps({"s3://pictures/": f"{tmp_path}/"}))
    monkeypatch.setattr(steps, "Steps", InProcess)
    monkeypatch.setattr("kfp.dsl.ParallelFor", one_part)
    monkeypatch.setattr("kfp.dsl.Collected", lambda output: [output])
    monkeypatch.setattr("kfp.dsl.ExitHandler", lambda _: contextlib.nullcontext())
    monkeypatch.setattr(lookout, "exists", lambda *_: True)
    monkeypatch.setattr("brume.narration.pipeline.stages._sounds", lambda _: {})
    made = Run(request.param, tmp_path)
    monkeypatch.setattr("brume.run.stage.function_digest", lambda double, _: made.code.get(double.stage, ""))
    for stage in made.pipeline.component.stages:
        _ = stage.arguments, stage.returns  # of the real function
        monkeypatch.setattr(stage, "function", work(stage))
    return made


@contextlib.contextmanager
def one_part(parts: list[str]) -> Iterator[str]:
    yield parts[0]


def test_the_table_has_every_parameter() -> None:
    for name in catalog.names():
        parameters = {item.name for item in catalog.load(name).parameters()}
        assert {parameter for parameter, *_ in TABLE[name]} == parameters, name


@pytest.mark.parametrize(
    ("run", "parameter", "change", "expected"),
    CASES,
    indirect=["run"],
    ids=[f"{name}-{parameter}-{change}".replace("/", "") for name, parameter, change, _ in CASES],
)
def test_a_change_runs_its_stage_and_those_after_it(
    run: Run, parameter: str, change: Any, expected: list[str]
) -> None:
    again = twice(run)
    run.change(parameter, change)
    assert sorted(run()) == sorted({*expected, *again})


def twice(run: Run) -> list[str]:
    """Run a pipeline, and again: returns the stages that work in each run. All work in the first."""
    everything = {
        "slides": SLIDES,
        "slides_predict": PREDICT,
        "inspection": INSPECTION,
        "labels": LABELS,
        "captions": CAPTIONS,
        "narration": NARRATION,
        "records": RECORDS,
    }
    assert sorted(run()) == sorted(everything[run.pipeline.name])
    again = LOOK_AGAIN[run.pipeline.name]
    assert run() == again
    return again


def test_the_table_of_code_has_every_stage() -> None:
    for name in catalog.names():
        assert list(CODE[name]) == catalog.load(name).stages, name


@pytest.mark.parametrize("run", sorted(CODE), indirect=True)
def test_changed_code_runs_its_stage_and_those_after_it(run: Run) -> None:
    again = twice(run)
    for stage, expected in CODE[run.pipeline.name].items():
        run.code[stage] = "changed"
        assert sorted(run()) == sorted({*expected, *again}), stage
