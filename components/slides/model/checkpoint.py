"""The state of a training after each epoch, kept so that a killed training resumes."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from brume import storage

KEPT = 2

Arrays = dict[str, npt.NDArray[Any]]


class Checkpoints:
    """The last `KEPT` checkpoints of one training in `<work_uri>/<key>/`, one file an epoch.

    The key identifies the data, the parameters and the code: with others, training starts from nothing.
    """

    def __init__(self, work_uri: str, key: str) -> None:
        self.uri = storage.join(work_uri, key)

    def save(self, epoch: int, arrays: Mapping[str, npt.NDArray[Any]], state: Mapping[str, Any]) -> None:
        """Keep the state after `epoch` epochs: `arrays`, and `state` of what JSON holds."""
        file = io.BytesIO()
        np.savez(file, allow_pickle=False, state=np.asarray(json.dumps(dict(state))), **arrays)
        storage.write_bytes(storage.join(self.uri, f"epoch-{epoch:05d}.npz"), file.getvalue())
        for uri in self._files()[:-KEPT]:
            storage.remove(uri)

    def load(self) -> tuple[Arrays, dict[str, Any]] | None:
        """Return arrays and state of the newest checkpoint that can be read; None when there is none."""
        for uri in reversed(self._files()):
            try:
                with np.load(io.BytesIO(storage.read_bytes(uri)), allow_pickle=False) as file:
                    arrays = {name: file[name] for name in file.files if name != "state"}
                    return arrays, json.loads(str(file["state"]))
            except (BadZipFile, ValueError, KeyError, EOFError) as error:
                print(f"{uri} is damaged ({error}): the checkpoint before it is taken", flush=True)
        return None

    def remove(self) -> None:
        """Remove all checkpoints of this training."""
        storage.remove(self.uri)

    def _files(self) -> list[str]:
        return [e.uri for e in storage.list_files(self.uri) if storage.name_of(e.uri).endswith(".npz")]
