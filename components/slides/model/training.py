"""Train a tile classifier on TFRecord shards, data-parallel over MPI ranks.

On one process:

    python -m brume.slides.model.training --tiles OUT/tiles --out OUT/model --work OUT/work/training

On two (a rank each, gradients averaged by Horovod, or by mpi4py where Horovod is not built):

    mpirun -n 2 --bind-to none python -m brume.slides.model.training \\
        --tiles OUT/tiles --out OUT/model --work OUT/work/training \\
        --parameters '{"model": "small", "ranks": 2, "epochs": 10, "batch_size": 32}'

Each of the three folders may lie on S3 (s3://bucket/prefix). The same command after a kill resumes after the
last epoch that was finished. `pipeline/training_job.py` starts this program as an MPI job.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import os
import platform
import sys
import traceback
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from brume import storage
from brume.run import lifeline
from brume.run.code import code_digest
from brume.slides.model.checkpoint import Checkpoints
from brume.slides.model.collective import Collective, open_collective
from brume.slides.model.parameters import ParameterError, TrainingParameters
from brume.slides.model.shard_stream import Shards

MODULE = "brume.slides.model.training"


def key(shards: Shards, parameters: TrainingParameters) -> str:
    """Return a digest of the tiles, the parameters and the code that trains: the identity of a training."""
    # The number of threads does not change the outcome.
    content = [shards.digest, asdict(replace(parameters, threads=0)), code_digest(MODULE)]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def finished(model_uri: str, key: str) -> bool:
    """Return whether there is a whole model of the training `key` at `model_uri`."""
    if not storage.exists(storage.join(model_uri, "saved_model.pb")):
        return False
    try:
        return bool(json.loads(storage.read_bytes(storage.join(model_uri, "training.json")))["key"] == key)
    except (FileNotFoundError, ValueError, KeyError):
        return False


def train(
    tiles_uri: str, model_uri: str, work_uri: str, parameters: TrainingParameters, collective: Collective
) -> None:
    """Do one rank's part of a training; rank 0 writes the model."""
    if collective.size != parameters.ranks:
        raise ParameterError(
            f"ranks is {parameters.ranks}, but {collective.size} process(es) were started: "
            f"start it with mpirun -n {parameters.ranks}, or set ranks to {collective.size}"
        )
    shards = Shards.read(tiles_uri)
    checkpoints = Checkpoints(work_uri, key(shards, parameters))
    from brume.slides.model.training_loop import fit

    trained = fit(collective, shards, parameters, checkpoints)
    if collective.rank == 0:
        from brume.slides.model.export import export

        description = _describe(trained, shards, parameters, collective)
        export(trained.model, parameters.model, shards.classes, shards.tile_size, description, model_uri)
        checkpoints.remove()
        print(f"model written to {model_uri}", flush=True)
    collective.barrier()


def _describe(
    trained: Any, shards: Shards, parameters: TrainingParameters, collective: Collective
) -> dict[str, Any]:
    """Return the content of training.json."""
    rows = trained.history
    return {
        "version": 1,
        "key": key(shards, parameters),
        "parameters": asdict(parameters),
        "collective": collective.name,
        "ranks": collective.size,
        "classes": list(shards.classes),
        "class_weights": trained.class_weights,
        "shards_digest": shards.digest,
        "tile_size": shards.tile_size,
        "mpp": shards.mpp,
        "history": rows,
        "best_epoch": trained.best_epoch,
        "steps_per_epoch": trained.steps_per_epoch,
        "steps": trained.steps_per_epoch * len(rows),
        "images_per_second": sum(row["images_per_second"] for row in rows) / len(rows),
        "input_wait_share": sum(row["input_wait_share"] for row in rows) / len(rows),
        "weights": trained.model.count_params(),
        **trained.devices,
        "no_better_than_chance": trained.no_better_than_chance,
        "notes": trained.notes,
        "versions": {
            "python": platform.python_version(),
            **{name: _version(name) for name in ("brume", "tensorflow", "keras", "horovod", "mpi4py")},
        },
    }


def _version(name: str) -> str:
    for candidate in (name, f"{name}-cpu"):
        try:
            return importlib.metadata.version(candidate)
        except importlib.metadata.PackageNotFoundError:
            continue
    return ""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one rank. A rank that fails ends at once, so that MPI ends the others, which wait for it."""
    lifeline.follow()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--tiles", required=True, help="folder of shards, local or s3://")
    parser.add_argument("--out", required=True, help="where the model goes, local or s3://")
    parser.add_argument("--work", required=True, help="where checkpoints are kept, local or s3://")
    parser.add_argument("--parameters", default='{"ranks": 1}', help="training parameters, a JSON object")
    given = parser.parse_args(arguments)
    collective: Collective | None = None
    try:
        parameters = TrainingParameters.from_json(given.parameters)
        collective = open_collective(parameters.collective)
        train(given.tiles, given.out, given.work, parameters, collective)
    except BaseException:
        if collective is None or collective.size == 1:
            raise
        # The usual end of the process would wait, in MPI's own clean-up, for ranks that wait for this one.
        traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)


if __name__ == "__main__":
    main()
