"""Training on a real cluster: an MPIJob of two workers, one of them lost, resumed."""

from __future__ import annotations

import json
import re
import secrets
from pathlib import Path

import pytest

from brume import storage
from brume.cluster import images
from brume.cluster.mpi import JobError
from brume.cluster.resources import Resources
from brume.slides.model.parameters import TrainingParameters
from brume.slides.pipeline import training_job
from tests.cluster.harness.installed import OF_A_JOB, STEP, Installed
from tests.components.slides import tiny

# Both workers and the launcher fit on a node of two cores beside everything else.
SHARE = Resources(cpu="250m", memory="1Gi")
PARAMETERS = TrainingParameters(epochs=16, batch_size=4, threads=1, patience=0)


class Training:
    """One training on shards in the cluster's object store."""

    def __init__(self, brume: Installed, tmp_path: Path) -> None:
        self.brume = brume
        self.uri = f"s3://mlpipeline/tests/{secrets.token_hex(4)}"
        self.model = f"{self.uri}/model"
        with brume.acting_as("brume-pipeline"):
            self.tiles = tiny.write(tmp_path, uri=f"{self.uri}/tiles")

    def launch(self) -> None:
        with self.brume.acting_as("brume-pipeline"):
            training_job.launch(
                self.tiles,
                self.model,
                f"{self.uri}/work",
                PARAMETERS,
                resources=SHARE,
                namespace=self.brume.namespace,
                log=self.hear,
            )

    def launch_inside(self) -> str:
        """Launch it as a step of a pipeline does, in a pod of its own; return its output."""
        program = (
            "from brume.cluster.resources import Resources;"
            "from brume.slides.pipeline import training_job;"
            "from brume.slides.model.parameters import TrainingParameters;"
            f"training_job.launch({self.tiles!r}, {self.model!r}, {self.uri + '/work'!r},"
            f"TrainingParameters.from_json({PARAMETERS.to_json()!r}), resources={SHARE!r})"
        )
        return self.brume.run_inside(program, image=images.reference("pipeline"), labels=STEP, seconds=300)

    def hear(self, line: str) -> None:
        print(line)

    def left(self) -> list[str]:
        """Return what is on the cluster of any training."""
        return self.brume.left("training-", *OF_A_JOB)


class LosesAWorker(Training):
    """A training one of whose workers is deleted when an epoch is done."""

    lost = ""

    def hear(self, line: str) -> None:
        super().hear(line)
        epoch = re.search(r"epoch (\d+)/", line)
        if epoch and 1 < int(epoch[1]) < PARAMETERS.epochs and not self.lost:
            self.lost = next(name for name in self.brume.names("pods") if name.endswith("-worker-1"))
            self.brume.api.kubectl(
                *("delete", "pod", self.lost, "--namespace", self.brume.namespace, "--grace-period=0"),
                *("--force", "--wait=false"),
            )


def test_a_training_that_loses_a_worker_names_it_and_resumes(brume: Installed, tmp_path: Path) -> None:
    training = LosesAWorker(brume, tmp_path)
    with pytest.raises(JobError) as failure:
        training.launch()
    assert training.lost
    assert training.lost in str(failure.value)
    assert training.left() == []

    output = training.launch_inside()
    assert "resumed after epoch" in output
    with brume.acting_as("brume-pipeline"):
        record = json.loads(storage.read_bytes(f"{training.model}/training.json"))
    assert [row["epoch"] for row in record["history"]] == list(range(1, PARAMETERS.epochs + 1))
    assert record["collective"] == "horovod"
    assert training.left() == []
