"""The program of each rank: try the collective, do several trainings, write the results.

The argument is a JSON object: `collective`, `out` (a folder) and `fits`, a list of [name, tiles, parameters].
"""

import json
import os
import sys
import traceback
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np

from brume.slides.model.checkpoint import Checkpoints
from brume.slides.model.collective import open_collective
from brume.slides.model.parameters import TrainingParameters
from brume.slides.model.shard_stream import Shards
from brume.slides.model.training_loop import fit, prepare_devices


def main() -> None:
    asked = json.loads(sys.argv[1])
    collective = open_collective(asked["collective"])
    prepare_devices(collective, 1)
    out = Path(asked["out"])
    variables = [keras.Variable(v) for v in (float(collective.rank), np.full((2, 3), 7.0 + collective.rank))]
    state = keras.Variable(41 + collective.rank, dtype="uint32")
    collective.average_variables(variables)
    averaged = [v.numpy().tolist() for v in variables]
    variables[0].assign(float(collective.rank) + 5)
    collective.broadcast([*variables, state])
    result = {
        "name": collective.name,
        "size": collective.size,
        "local": [collective.local_rank, collective.local_size],
        "average": collective.average([collective.rank, 10.0]),
        "minimum": collective.minimum(10 - collective.rank),
        "averaged": averaged,
        "broadcast": [variables[0].numpy().item(), state.numpy().item()],
        "fits": {},
    }
    for name, tiles, parameters in asked["fits"]:
        wanted = TrainingParameters.from_json(json.dumps(parameters))
        trained = fit(collective, Shards.read(tiles), wanted, Checkpoints(str(out / "work"), name))
        found = asdict(trained)
        weights = found.pop("model").get_weights()
        np.savez(out / f"{name}-{collective.rank}.npz", *weights)
        result["fits"][name] = found
    (out / f"result-{collective.rank}.json").write_text(json.dumps(result))
    collective.barrier()


if __name__ == "__main__":
    try:
        main()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
