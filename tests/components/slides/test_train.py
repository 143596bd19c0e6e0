"""A training from shards to SavedModel: killed and resumed, kept when done, exported."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brume import storage
from brume.cluster.mpi import JobError, MpiJob, run
from brume.slides.model import training
from brume.slides.model.checkpoint import Checkpoints
from brume.slides.model.parameters import MODELS, ParameterError, TrainingParameters
from brume.slides.model.shard_stream import StreamError
from brume.slides.pipeline import training_job
from tests.components.slides import tiny

ROOT = Path(__file__).resolve().parents[3]
DYING = Path(__file__).parent / "ranks" / "dying.py"
PARAMETERS = TrainingParameters(epochs=6, batch_size=4, threads=1, patience=0)


class Job:
    """The folders of one training."""

    def __init__(self, folder: Path, tiles: str) -> None:
        self.tiles, self.out, self.work = tiles, str(folder / "model"), str(folder / "work")
        self.log: list[str] = []

    def launch(self, parameters: TrainingParameters = PARAMETERS) -> None:
        training_job.launch(self.tiles, self.out, self.work, parameters, log=self.log.append)

    def record(self) -> dict[str, Any]:
        result: dict[str, Any] = json.loads((Path(self.out) / "training.json").read_text())
        return result


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny.write(tmp_path_factory.mktemp("tiles"))


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory, tiles: str) -> Job:
    """A training of two ranks that nothing disturbed."""
    job = Job(tmp_path_factory.mktemp("unbroken"), tiles)
    job.launch()
    return job


@pytest.fixture(scope="module")
def served(unbroken: Job) -> Any:
    import tensorflow as tf

    return tf.saved_model.load(unbroken.out)


@pytest.mark.mpi
@pytest.mark.slow
def test_a_killed_rank_ends_the_job_and_the_next_run_ends_as_if_nothing_had_been(
    unbroken: Job, tiles: str, tmp_path: Path
) -> None:
    import tensorflow as tf

    job = Job(tmp_path, tiles)
    command = [sys.executable, str(DYING), "--tiles", tiles, "--out", job.out, "--work", job.work]
    killed = MpiJob(
        "training", (*command, "--parameters", PARAMETERS.to_json()), 2, env=training_job.ENVIRONMENT
    )
    with pytest.raises(JobError, match="rank 1 was ended by signal 9"):
        run(killed, print)
    assert not Path(job.out).exists()
    assert len(list(Path(job.work).rglob("*.npz"))) <= 2

    job.launch()
    assert any("resumed after epoch" in line for line in job.log)
    for mine, other in zip(_history(job.record()), _history(unbroken.record()), strict=True):
        assert mine == pytest.approx(other, abs=1e-6)
    for name, shape in tf.train.list_variables(f"{unbroken.out}/variables/variables"):
        if shape and "CHECKPOINTABLE" not in name:
            values = [tf.train.load_variable(f"{j.out}/variables/variables", name) for j in (job, unbroken)]
            np.testing.assert_allclose(*values, atol=1e-6, err_msg=name)
    assert not list(Path(job.work).rglob("*.npz"))


def _history(record: dict[str, Any]) -> list[dict[str, float]]:
    names = ("epoch", "loss", "accuracy", "valid_loss", "valid_accuracy", "learning_rate")
    return [{name: row[name] for name in names} for row in record["history"]]


@pytest.mark.mpi
@pytest.mark.slow
def test_the_model_answers_for_jpeg_and_png_of_any_size(served: Any) -> None:
    """Classes are in sorted order whatever the order in which the shards came to name them."""
    images = [
        tiny.image(label, 9000, size, form)
        for label in tiny.CLASSES
        for size, form in ((tiny.SIZE, "JPEG"), (tiny.SIZE, "PNG"), (50, "PNG"), (90, "JPEG"))
    ]
    found = served.signatures["serving_default"](image_bytes=np.asarray(images, object))[
        "probabilities"
    ].numpy()
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-5)
    assert found.argmax(1).tolist() == [0] * 4 + [1] * 4 + [2] * 4


@pytest.mark.mpi
@pytest.mark.slow
def test_the_model_folder_records_how_it_was_made(unbroken: Job) -> None:
    import tensorflow as tf

    out = Path(unbroken.out)
    assert json.loads((out / "labels.json").read_text()) == {"classes": sorted(tiny.CLASSES)}
    record = unbroken.record()
    assert TrainingParameters(**record["parameters"]) == PARAMETERS
    assert record["collective"] in ("horovod", "mpi4py")
    assert any(f"2 ranks, gradients averaged by {record['collective']}" in line for line in unbroken.log)
    assert record["tile_size"] == tiny.SIZE
    assert record["mpp"] == 0.5
    assert record["steps_per_epoch"] == 6
    assert record["images_per_second"] > 0
    assert 0 <= record["input_wait_share"] < 1
    (events,) = (out / "logs").iterdir()
    logged = {
        (event.step, value.tag): value.simple_value
        for event in tf.compat.v1.train.summary_iterator(str(events))
        for value in event.summary.value
    }
    assert logged[6, "valid_loss"] == pytest.approx(record["history"][-1]["valid_loss"])


@pytest.mark.mpi
@pytest.mark.slow
def test_a_model_no_better_than_chance_is_known_for_it(unbroken: Job, tiles: str, tmp_path: Path) -> None:
    """One with a validation loss of 106,898 was exported and scored without a word."""
    assert unbroken.record()["no_better_than_chance"] is False
    job = Job(tmp_path, tiles)
    job.launch(replace(PARAMETERS, learning_rate=1e-9, epochs=1, ranks=1))
    assert job.record()["no_better_than_chance"] is True
    assert any("no better than chance: validation loss" in line for line in job.log)


@pytest.mark.mpi
@pytest.mark.long
def test_resnet50_learns_from_random_weights(tiles: str, tmp_path: Path) -> None:
    job = Job(tmp_path, tiles)
    job.launch(replace(PARAMETERS, model="resnet50", weights="none", epochs=6, ranks=1))
    record = job.record()
    assert record["no_better_than_chance"] is False
    best = record["history"][record["best_epoch"] - 1]
    assert best["valid_loss"] < 2 * best["loss"] + 0.5


@pytest.mark.mpi
@pytest.mark.slow
def test_a_finished_training_is_kept_and_another_is_not(unbroken: Job, tiles: str) -> None:
    before = unbroken.record()
    unbroken.launch(replace(PARAMETERS, threads=2))
    assert "kept" in unbroken.log[-1]
    assert unbroken.record() == before
    shards = training.Shards.read(tiles)
    for other in (replace(PARAMETERS, epochs=7), replace(PARAMETERS, seed=1)):
        assert not training.finished(unbroken.out, training.key(shards, other))
    assert not training.finished(unbroken.out, training.key(replace(shards, digest="other"), PARAMETERS))


KEY = """
import sys
from brume.slides.model import training
from brume.slides.model.parameters import TrainingParameters
key = training.key(training.Shards.read(sys.argv[1]), TrainingParameters.from_json(sys.argv[2]))
print(training.__file__, key)
"""


def key_of_copy(folder: Path, tiles: str) -> str:
    """Return the key of a training by the copy of the package in `folder`."""
    arguments = [sys.executable, "-c", KEY, tiles, PARAMETERS.to_json()]
    printed = subprocess.run(
        arguments, env={**os.environ, "PYTHONPATH": str(folder)}, capture_output=True, text=True, check=True
    ).stdout.split()
    assert printed[0].startswith(str(folder))
    return printed[1]


def test_changed_training_code_is_another_training_and_the_same_code_is_not(
    tmp_path: Path, tiles: str
) -> None:
    """The key of model and checkpoints was the same after weight decay had been changed from 1e-3 to 0.5."""
    shutil.copytree(ROOT / "components", tmp_path / "brume", ignore=shutil.ignore_patterns("__pycache__"))
    key = training.key(training.Shards.read(tiles), PARAMETERS)
    model, work = tmp_path / "model", str(tmp_path / "work")
    model.mkdir()
    (model / "saved_model.pb").touch()
    (model / "training.json").write_text(json.dumps({"key": key}))
    Checkpoints(work, key).save(1, {"weights": np.zeros(1)}, {"epoch": 1})

    same = key_of_copy(tmp_path, tiles)
    assert training.finished(str(model), same)
    assert Checkpoints(work, same).load() is not None

    loop = tmp_path / "brume/slides/model/training_loop.py"
    before = loop.read_text()
    loop.write_text(re.sub(r"(?m)^_WEIGHT_DECAY = .*$", "_WEIGHT_DECAY = 0.5", before))
    assert loop.read_text() != before
    changed = key_of_copy(tmp_path, tiles)
    assert not training.finished(str(model), changed)
    assert Checkpoints(work, changed).load() is None

    loop.write_text(before)
    generator = tmp_path / "brume/slides/demo/generator.py"
    generator.write_text(generator.read_text() + "# no part of a training\n")
    assert key_of_copy(tmp_path, tiles) == key


@pytest.mark.slow
def test_a_training_from_s3_to_s3(s3_server: str, tmp_path: Path) -> None:
    """Shards, checkpoints and model all lie on S3; a set smaller than a batch still trains."""
    from brume.aws.client import client

    client("s3").create_bucket(Bucket="training")
    tiles = tiny.write(tmp_path, ranks=1, train=4, valid=2, uri="s3://training/tiles")
    command = [sys.executable, "-m", training.MODULE, "--tiles", tiles, "--out", "s3://training/model"]
    command += ["--work", "s3://training/work", "--parameters", '{"ranks": 1, "epochs": 2, "threads": 1}']
    subprocess.run(command, check=True, timeout=200, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"})
    names = {
        entry.uri.removeprefix("s3://training/model/") for entry in storage.list_files("s3://training/model")
    }
    assert {"saved_model.pb", "variables/variables.index", "labels.json", "training.json"} <= names
    record = json.loads(storage.read_bytes("s3://training/model/training.json"))
    assert record["steps_per_epoch"] == 1
    assert training.finished("s3://training/model", record["key"])
    assert not storage.list_files("s3://training/work")


def test_shards_for_fewer_ranks_are_refused_before_anything_starts(tiles: str, tmp_path: Path) -> None:
    with pytest.raises(StreamError, match="ranks=9"):
        Job(tmp_path, tiles).launch(replace(PARAMETERS, ranks=9))
    with pytest.raises(StreamError, match="shards step"):
        Job(tmp_path, str(tmp_path)).launch()


def test_ranks_other_than_asked_are_an_error(tiles: str, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="mpirun -n 2"):
        training.main(
            ["--tiles", tiles, "--out", str(tmp_path), "--work", str(tmp_path), "--parameters", "{}"]
        )


@given(
    st.builds(
        TrainingParameters,
        model=st.sampled_from(MODELS),
        epochs=st.integers(1, 500),
        learning_rate=st.floats(1e-9, 10),
        seed=st.integers(-(2**31), 2**31),
    )
)
def test_parameters_survive_json(parameters: TrainingParameters) -> None:
    assert TrainingParameters.from_json(parameters.to_json()) == parameters


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"epochs": "ten"}', "epochs is 'ten': it must be a whole number"),
        ('{"epochs": 1.5}', "epochs is 1.5"),
        ('{"batch_size": 0}', "batch_size is 0"),
        ('{"learning_rate": -1}', "learning_rate"),
        ('{"model": "vgg"}', "model is 'vgg': choose one of small, resnet50"),
        ('{"collective": "nccl"}', "collective is 'nccl'"),
        ('{"epoch": 3}', "epoch is no training parameter"),
        ("[]", "no JSON object"),
        ("{", "no JSON"),
    ],
)
def test_a_wrong_parameter_is_named(text: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        TrainingParameters.from_json(text)


def test_whole_floats_pass_for_integers() -> None:
    """Kubeflow Pipelines hands over integers inside a structure as floats."""
    assert TrainingParameters.from_json('{"epochs": 3.0}').epochs == 3


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path: Path) -> None:
    kept = Checkpoints(str(tmp_path), "key")
    for epoch in (1, 2, 3):
        kept.save(epoch, {"weights": np.full(4, epoch)}, {"epoch": epoch})
    newest = tmp_path / "key" / "epoch-00003.npz"
    assert sorted(p.name for p in newest.parent.iterdir()) == ["epoch-00002.npz", newest.name]
    newest.write_bytes(newest.read_bytes()[:-40])
    loaded = kept.load()
    assert loaded is not None
    assert loaded[0]["weights"].tolist() == [2] * 4
    assert loaded[1] == {"epoch": 2}
    assert Checkpoints(str(tmp_path), "other").load() is None
