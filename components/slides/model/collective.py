"""Communication of the ranks of a training, by Horovod or mpi4py, behind one interface.

Both sit on the same MPI and average all gradients of a step in one buffer. Horovod does it as an operation of
TensorFlow's graph; mpi4py leaves the graph for Python, and needs nothing built.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

# Set by the launchers of OpenMPI, of MPICH and Intel MPI, and of whatever speaks PMIx.
_LAUNCHER = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK")

# Bytes of a broadcast: MPI counts its elements in 32 bits.
_CHUNK = 1 << 28

Array = npt.NDArray[Any]


class CollectiveError(RuntimeError):
    """The collective that was asked for cannot be used here; the message gives the remedy."""


class Collective(ABC):
    """The ranks of one job. Every rank must make the same calls in the same order."""

    name: str
    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1

    def average_gradients(self, gradients: Sequence[Any]) -> list[Any]:
        """Return the mean over the ranks of each float tensor, in float32; for use in a tf.function."""
        import tensorflow as tf

        if self.size == 1:
            return list(gradients)
        flat = tf.concat([tf.reshape(tf.cast(g, tf.float32), [-1]) for g in gradients], 0)
        sizes = [int(np.prod(g.shape)) for g in gradients]
        parts = tf.split(self._average_in_graph(flat), sizes)
        return [tf.cast(tf.reshape(p, g.shape), g.dtype) for p, g in zip(parts, gradients, strict=True)]

    @abstractmethod
    def _average_in_graph(self, flat: Any) -> Any:
        """Return the mean over the ranks of a float32 tensor [n]."""

    @abstractmethod
    def _sum(self, values: Array) -> Array:
        """Return the element-wise sum over the ranks of a float array."""

    @abstractmethod
    def _minimum(self, values: Array) -> Array:
        """Return the element-wise minimum over the ranks of an int64 array."""

    @abstractmethod
    def _from_first(self, data: Array) -> Array:
        """Return rank 0's array of uint8; it has the same length on every rank."""

    def average(self, values: Sequence[float]) -> list[float]:
        """Return the mean over the ranks of each value."""
        return [float(v) for v in self._sum(np.asarray(values, np.float64)) / self.size]

    def minimum(self, value: int) -> int:
        """Return the smallest of the ranks' values."""
        return int(self._minimum(np.asarray([value], np.int64))[0])

    def broadcast(self, variables: Sequence[Any]) -> None:
        """Give each Keras variable, whatever its type, rank 0's value on every rank."""
        values = [np.asarray(variable.numpy()) for variable in variables]
        data = np.frombuffer(b"".join(value.tobytes() for value in values), np.uint8)
        data = np.concatenate(
            [self._from_first(data[at : at + _CHUNK]) for at in range(0, len(data), _CHUNK)]
        )
        at = 0
        for variable, value in zip(variables, values, strict=True):
            variable.assign(data[at : at + value.nbytes].view(value.dtype).reshape(value.shape))
            at += value.nbytes

    def average_variables(self, variables: Sequence[Any]) -> None:
        """Give each Keras float variable its mean over the ranks: the moving statistics of BatchNorm."""
        values = [np.asarray(variable.numpy(), np.float32) for variable in variables]
        if values:
            mean = self._sum(np.concatenate([value.reshape(-1) for value in values])) / self.size
            ends = np.cumsum([value.size for value in values])
            for variable, value, part in zip(variables, values, np.split(mean, ends[:-1]), strict=True):
                variable.assign(part.reshape(value.shape))

    def barrier(self) -> None:
        """Wait until every rank has come here."""
        self.minimum(0)


class _Alone(Collective):
    """One process: nothing to agree on, and MPI is not started."""

    name = "none"

    def _average_in_graph(self, flat: Any) -> Any:
        return flat

    def _sum(self, values: Array) -> Array:
        return values

    def _minimum(self, values: Array) -> Array:
        return values

    def _from_first(self, data: Array) -> Array:
        return data


class _Horovod(Collective):
    """Horovod over MPI.

    Its Keras wrappers are not used: with Keras 3 they do not average, silently.
    """

    name = "horovod"

    def __init__(self) -> None:
        import horovod.tensorflow as hvd

        hvd.init()
        self._hvd = hvd
        self.rank, self.size = hvd.rank(), hvd.size()
        self.local_rank, self.local_size = hvd.local_rank(), hvd.local_size()

    def _average_in_graph(self, flat: Any) -> Any:
        return self._hvd.allreduce(flat, op=self._hvd.Average, name="brume.gradients")

    def _sum(self, values: Array) -> Array:
        return self._ask("allreduce", values, op=self._hvd.Sum)

    def _minimum(self, values: Array) -> Array:
        return self._ask("allreduce", values, op=self._hvd.Min)

    def _from_first(self, data: Array) -> Array:
        return self._ask("broadcast", data, root_rank=0)

    def _ask(self, call: str, values: Array, **how: Any) -> Array:
        import tensorflow as tf

        answer = getattr(self._hvd, call)(tf.constant(values), name=f"brume.{call}", **how)
        return np.asarray(answer)


class _Mpi4py(Collective):
    """MPI's own allreduce, called from Python."""

    name = "mpi4py"

    def __init__(self) -> None:
        from mpi4py import MPI

        self._mpi = MPI
        self._world = MPI.COMM_WORLD
        self.rank, self.size = self._world.Get_rank(), self._world.Get_size()
        node = self._world.Split_type(MPI.COMM_TYPE_SHARED)
        self.local_rank, self.local_size = node.Get_rank(), node.Get_size()

    def _average_in_graph(self, flat: Any) -> Any:
        import tensorflow as tf

        total = tf.numpy_function(self._sum, [flat], tf.float32)
        return tf.ensure_shape(total, flat.shape) / self.size

    def _sum(self, values: Array) -> Array:
        return self._reduce(values, self._mpi.SUM)

    def _minimum(self, values: Array) -> Array:
        return self._reduce(values, self._mpi.MIN)

    def _from_first(self, data: Array) -> Array:
        data = data.copy()
        self._world.Bcast(data, root=0)
        return data

    def _reduce(self, values: Array, operation: Any) -> Array:
        result = np.empty_like(values)
        self._world.Allreduce(np.ascontiguousarray(values), result, op=operation)
        return result


def open_collective(choice: str = "auto") -> Collective:
    """Join the ranks of this job.

    `auto` takes Horovod where it is installed and loads, else mpi4py, and neither in a process that no MPI
    launcher started; `horovod` or `mpi4py` takes that one. Rank 0 prints which one it is. Raises
    `CollectiveError` when the one asked for is not there.
    """
    if choice == "auto" and not any(name in os.environ for name in _LAUNCHER):
        return _Alone()
    made: Collective
    try:
        made = _mpi4py() if choice == "mpi4py" else _horovod()
    except CollectiveError as error:
        if choice != "auto":
            raise
        made = _mpi4py()
        reason = f" ({error})"
    else:
        reason = ""
    if made.rank == 0:
        print(f"{made.size} ranks, gradients averaged by {made.name}{reason}", flush=True)
    return made


def _horovod() -> Collective:
    try:
        return _Horovod()
    except Exception as error:  # a wheel built for another TensorFlow fails in TensorFlow's own ways
        raise CollectiveError(
            f"Horovod is not usable here: {error}. Build it with `make horovod`."
        ) from error


def _mpi4py() -> Collective:
    try:
        return _Mpi4py()
    except (ImportError, RuntimeError) as error:
        raise CollectiveError(
            f"mpi4py is not usable here: {error}. "
            "Install OpenMPI (Debian: openmpi-bin) and the training extra."
        ) from error
