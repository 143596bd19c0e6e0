"""What the ranks agree on, by each collective; and that both average gradients."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brume.cluster.mpi import MpiJob, run
from brume.slides.model import collective
from brume.slides.pipeline.training_job import ENVIRONMENT
from tests.components.slides import tiny

FITTING = Path(__file__).parent / "ranks" / "fitting.py"
# Batches that hold all of a rank's tiles: the order of the tiles within an epoch then makes no difference.
HALF = {"ranks": 2, "epochs": 3, "batch_size": 24, "learning_rate": 0.001, "patience": 0, "threads": 1}
WHOLE = {**HALF, "ranks": 1, "batch_size": 48, "learning_rate": 0.002}
# At this rate float32 weights do not change, and so the validation loss does not.
EARLY = {**WHOLE, "epochs": 8, "learning_rate": 1e-12, "patience": 2}
UNEVEN = {**HALF, "epochs": 2, "batch_size": 8}


class Outcome:
    """What the ranks of one run of `fitting.py` wrote down."""

    def __init__(self, folder: Path, ranks: int) -> None:
        self.folder = folder
        self.results: list[dict[str, Any]] = [
            json.loads((folder / f"result-{rank}.json").read_text()) for rank in range(ranks)
        ]

    def weights(self, fit: str, rank: int) -> list[Any]:
        with np.load(self.folder / f"{fit}-{rank}.npz") as file:
            return [file[name] for name in file.files]


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Shards for two ranks; the same without validation; and, without, shards of 28 and 20 tiles."""
    folder = tmp_path_factory.mktemp("tiles")
    made = {"even": tiny.write(folder / "even"), "no-valid": tiny.write(folder / "no-valid", valid=0)}
    uneven = Path(tiny.write(folder / "uneven", valid=0))
    content = json.loads((uneven / "shards.json").read_text())
    train = [s for s in content["shards"] if s["file"].startswith("train")]
    # As if each rank had been dealt one shard: the first has 28 tiles, the second 20.
    content["shards"] = [s for s in content["shards"] if s not in train]
    for number, count in enumerate((28, 20)):
        name = f"train-{number:05d}-of-00002.tfrecord"
        cohort = [tiny.tile(tiny.CLASSES[n % 3], n, f"s{number}") for n in range(count)]
        with tiny.records.RecordWriter(uneven / name) as writer:
            for tile in cohort:
                writer.write(tiny.records.encode(tile))
        labels = {c: sum(t.label == c for t in cohort) for c in tiny.CLASSES}
        content["shards"].append({"file": name, "split": "train", "tiles": count, "labels": labels})
    (uneven / "shards.json").write_text(json.dumps(content))
    return {**made, "uneven": str(uneven)}


@pytest.fixture(scope="module", params=["horovod", "mpi4py"])
def two(
    request: pytest.FixtureRequest, tiles: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Outcome:
    """Two ranks, by each collective."""
    name = request.param
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed: run `make horovod`")
    out = tmp_path_factory.mktemp(name)
    fits = [["half", tiles["even"], HALF], ["uneven", tiles["uneven"], UNEVEN]]
    asked = json.dumps({"collective": name, "out": str(out), "fits": fits})
    run(MpiJob("fitting", (sys.executable, str(FITTING), asked), 2, env=ENVIRONMENT), print)
    return Outcome(out, 2)


@pytest.fixture(scope="module")
def alone(tiles: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """One process that no launcher started."""
    out = tmp_path_factory.mktemp("alone")
    fits = [
        ["whole", tiles["even"], WHOLE],
        ["no-valid", tiles["no-valid"], WHOLE],
        ["early", tiles["even"], EARLY],
    ]
    asked = json.dumps({"collective": "auto", "out": str(out), "fits": fits})
    subprocess.run([sys.executable, str(FITTING), asked], check=True, timeout=200)
    return Outcome(out, 1)


@pytest.mark.mpi
@pytest.mark.slow
def test_ranks_agree(two: Outcome) -> None:
    for rank, result in enumerate(two.results):
        assert (result["size"], result["local"]) == (2, [rank, 2])
        assert result["average"] == [0.5, 10.0]
        assert result["minimum"] == 9
        assert result["averaged"] == [0.5, [[7.5] * 3] * 2]
        assert result["broadcast"] == [5.0, 41]


@pytest.mark.mpi
@pytest.mark.slow
def test_ranks_hold_identical_weights_after_training_on_different_tiles(two: Outcome) -> None:
    """Those of the last step: without validation no best epoch's are restored."""
    for first, second in zip(two.weights("uneven", 0), two.weights("uneven", 1), strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.mpi
@pytest.mark.slow
def test_two_ranks_with_half_batches_learn_what_one_learns_with_whole_ones(
    two: Outcome, alone: Outcome
) -> None:
    for half, whole in zip(two.weights("half", 0), alone.weights("whole", 0), strict=True):
        np.testing.assert_allclose(half, whole, atol=2e-5)
    pairs = zip(
        two.results[0]["fits"]["half"]["history"], alone.results[0]["fits"]["whole"]["history"], strict=True
    )
    for half, whole in pairs:
        for name in ("loss", "accuracy", "valid_loss", "valid_accuracy", "learning_rate"):
            assert half[name] == pytest.approx(whole[name], abs=1e-5), name


@pytest.mark.mpi
@pytest.mark.slow
def test_uneven_shards_do_not_hang(two: Outcome) -> None:
    """The steps of an epoch are those of the rank with the fewest tiles: 20 of them in batches of 8."""
    assert [result["fits"]["uneven"]["steps_per_epoch"] for result in two.results] == [3, 3]


@pytest.mark.slow
def test_alone_no_mpi_is_needed(alone: Outcome) -> None:
    assert alone.results[0]["name"] == "none"
    assert alone.results[0]["average"] == [0.0, 10.0]
    assert alone.results[0]["broadcast"] == [5.0, 41]


@pytest.mark.slow
def test_without_validation_every_epoch_is_trained_with_a_note(alone: Outcome) -> None:
    fit = alone.results[0]["fits"]["no-valid"]
    assert [row["valid_loss"] for row in fit["history"]] == [None] * 3
    assert "no validation tile" in fit["notes"][0]


@pytest.mark.slow
def test_training_stops_when_validation_gets_no_better(alone: Outcome) -> None:
    fit = alone.results[0]["fits"]["early"]
    losses = [row["valid_loss"] for row in fit["history"]]
    assert len(losses) == 1 + EARLY["patience"]
    assert fit["best_epoch"] == 1


def test_a_collective_that_is_asked_for_and_absent_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "horovod.tensorflow", None)
    with pytest.raises(collective.CollectiveError, match="make horovod"):
        collective.open_collective("horovod")


def test_auto_takes_mpi4py_where_horovod_is_absent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Double(collective._Alone):
        name = "mpi4py"

    monkeypatch.setitem(sys.modules, "horovod.tensorflow", None)
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "1")
    monkeypatch.setattr(collective, "_mpi4py", Double)
    assert collective.open_collective("auto").name == "mpi4py"
    assert "averaged by mpi4py (Horovod is not usable here" in capsys.readouterr().out
