"""The code that the results of the stages depend on: what makes them, and not the rest of the engine."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from brume.inspection.pipeline import stages
from brume.run import code
from brume.run.stage import Stage

TRAINING, PACKAGING, DETECTION = stages.train_model, stages.package_model, stages.detect_anomalies
ENGINE, MODEL = "brume.inspection.engine", "brume.inspection.model"


def digest_with_an_edit(stage: Stage[..., object], module: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the digest of a stage's code as it would be with another text in the file of `module`."""
    read, file = code._read, code._file(module)
    assert file

    def edited(path: Path) -> code._Source:
        source = read(path)
        return dataclasses.replace(source, digest="edited") if path == file else source

    with monkeypatch.context() as patch:
        patch.setattr(code, "_read", edited)
        return code.function_digest(stage.function, stage.runs)


@pytest.mark.parametrize(
    ("stage", "module"),
    [
        (TRAINING, f"{ENGINE}.training_program"),
        (TRAINING, f"{ENGINE}.datasets"),
        (TRAINING, f"{MODEL}.selection"),
        (TRAINING, f"{MODEL}.detectors.padim"),
        (PACKAGING, f"{ENGINE}.packaging"),
        (DETECTION, f"{ENGINE}.detection"),
        (DETECTION, f"{MODEL}.predictor"),
        (DETECTION, f"{MODEL}.bundle"),
    ],
)
def test_an_edit_of_what_makes_a_result_makes_it_anew(
    stage: Stage[..., object], module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = code.function_digest(stage.function, stage.runs)
    assert digest_with_an_edit(stage, module, monkeypatch) != now


@pytest.mark.parametrize(
    ("stage", "module"),
    [
        (TRAINING, f"{ENGINE}.console.page"),
        (TRAINING, f"{ENGINE}.console.comparison"),
        (TRAINING, f"{ENGINE}.hosting"),
        (TRAINING, f"{ENGINE}.models"),
        (TRAINING, f"{ENGINE}.training_jobs"),
        (TRAINING, f"{MODEL}.predictor"),
        (TRAINING, "brume.aws.wire.gateway"),
        (TRAINING, "brume.cluster.jobs"),
        (PACKAGING, f"{ENGINE}.console.page"),
        (PACKAGING, f"{MODEL}.training"),
        (DETECTION, f"{ENGINE}.console.page"),
        (DETECTION, f"{MODEL}.training"),
    ],
)
def test_an_edit_elsewhere_in_the_engine_leaves_the_result(
    stage: Stage[..., object], module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = code.function_digest(stage.function, stage.runs)
    assert digest_with_an_edit(stage, module, monkeypatch) == now
