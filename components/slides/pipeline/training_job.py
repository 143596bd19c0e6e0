"""The MPI job that trains a model: a rank is a process here, a pod of an MPIJob there.

Nothing here imports TensorFlow: the ranks run `brume.slides.model.training`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from brume.cluster.compute import in_cluster
from brume.cluster.mpi import MpiJob, run
from brume.cluster.resources import Resources
from brume.slides.model import training
from brume.slides.model.parameters import TrainingParameters
from brume.slides.model.shard_stream import Shards

# A rank that waits for another leaves the core to it, and Horovod polls for work every 5 ms, not every one:
# on a machine with no core to spare this halves the time.
ENVIRONMENT = {"OMPI_MCA_mpi_yield_when_idle": "1", "HOROVOD_CYCLE_TIME": "5", "TF_CPP_MIN_LOG_LEVEL": "2"}


def launch(
    tiles_uri: str,
    model_uri: str,
    work_uri: str,
    parameters: TrainingParameters,
    *,
    resources: Resources | None = None,
    image: str = "",
    namespace: str = "",
    log: Callable[[str], None] = print,
) -> None:
    """Train on the shards at `tiles_uri` with `parameters.ranks` ranks and leave the model at `model_uri`.

    Checkpoints go to `work_uri`. A model of the same shards, parameters and code found there is
    kept, which is logged. Raises `StreamError` for shards that cannot be trained on, `JobError` when a rank
    fails.
    """
    shards = Shards.read(tiles_uri)
    shards.train_of(0, parameters.ranks)
    if training.finished(model_uri, training.key(shards, parameters)):
        log(f"{model_uri} was trained on these tiles with these parameters by this code: kept")
        return
    command = ["python" if in_cluster() else sys.executable, "-m", training.MODULE]
    command += ["--tiles", tiles_uri, "--out", model_uri, "--work", work_uri]
    job = MpiJob(
        name="training",
        command=(*command, "--parameters", parameters.to_json()),
        ranks=parameters.ranks,
        image=image,
        env=ENVIRONMENT,
        resources=resources or Resources(),
        namespace=namespace,
    )
    run(job, log)
