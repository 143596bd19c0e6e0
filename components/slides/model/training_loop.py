"""The training loop of one rank: step, epoch, checkpoint, early stopping."""

from __future__ import annotations

import functools
import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from brume.run import progress
from brume.slides.model import batches as inputs
from brume.slides.model import networks as model
from brume.slides.model import shard_stream
from brume.slides.model.checkpoint import Arrays, Checkpoints
from brume.slides.model.collective import Collective
from brume.slides.model.parameters import TrainingParameters

_WEIGHT_DECAY = 1e-3
_WARMUP_SHARE = 0.05
_TRACED_STEPS = 2  # at the start, while TensorFlow compiles: not counted in images/s
_SECONDS_BETWEEN_REPORTS = 1.0
_NOTED = ("loss", "accuracy", "valid_loss", "valid_accuracy")

# One row of the history: numbers of one epoch; the validation's are None without validation tiles.
Epoch = dict[str, float | None]


@dataclass
class Trained:
    """The outcome of `fit`. On rank 0 the model has the weights of the best epoch."""

    model: Any
    history: list[Epoch]
    best_epoch: int
    steps_per_epoch: int
    class_weights: list[float]
    devices: dict[str, Any]
    no_better_than_chance: bool = False
    notes: list[str] = field(default_factory=list)


def cores() -> int:
    """Return how many cores this process may use: those it is bound to, or its container's quota if less."""
    available = len(os.sched_getaffinity(0))
    quota = Path("/sys/fs/cgroup/cpu.max")
    if quota.exists():
        limit, period = quota.read_text().split()
        if limit != "max":
            available = min(available, max(1, int(limit) // int(period)))
    return available


def prepare_devices(collective: Collective, threads: int) -> dict[str, Any]:
    """Give this rank its GPU, or its share of the cores; call before TensorFlow does anything.

    With GPUs, rank n of a machine takes device n alone and computes in float16 with float32 weights.
    Returns a description for training.json.
    """
    threads = threads or max(1, cores() // collective.local_size)
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        mine = gpus[collective.local_rank % len(gpus)]
        tf.config.set_visible_devices(mine, "GPU")
        tf.config.experimental.set_memory_growth(mine, True)
    keras.mixed_precision.set_dtype_policy("mixed_float16" if gpus else "float32")
    return {"device": "GPU" if gpus else "CPU", "threads": threads, "mixed_precision": bool(gpus)}


def class_weights(counts: Sequence[int]) -> list[float]:
    """Return weights that make all classes count alike: tiles / (classes * tiles of the class)."""
    present = [count for count in counts if count]
    return [sum(present) / (len(present) * count) if count else 1.0 for count in counts]


def chance_loss(counts: Sequence[int], weights: Sequence[float]) -> float:
    """Return the weighted cross entropy of calling all classes equally probable, 0.0 without tiles.

    `counts` are the tiles of each class that it is measured on, `weights` those of the classes.
    """
    weighted = sum(count * weight for count, weight in zip(counts, weights, strict=True))
    return math.log(len(counts)) * weighted / max(1, sum(counts))


def fit(
    collective: Collective,
    shards: shard_stream.Shards,
    parameters: TrainingParameters,
    checkpoints: Checkpoints,
) -> Trained:
    """Train one model on all ranks, from the last checkpoint if there is one.

    Every rank sees as many tiles an epoch as the rank with the fewest, so that none waits for a step that
    another does not make. Raises `StreamError` when a shard is missing or damaged.
    """
    devices = prepare_devices(collective, parameters.threads)
    run = _Run(collective, shards, parameters, checkpoints, devices["threads"])
    run.restore()
    run.train()
    return Trained(
        model=run.network,
        history=run.history,
        best_epoch=run.best_epoch,
        steps_per_epoch=run.steps,
        class_weights=run.class_weights,
        devices=devices,
        no_better_than_chance=run.no_better_than_chance,
        notes=run.notes,
    )


class _Run:
    """A training in progress."""

    def __init__(
        self,
        collective: Collective,
        shards: shard_stream.Shards,
        parameters: TrainingParameters,
        checkpoints: Checkpoints,
        threads: int,
    ) -> None:
        self.collective, self.shards, self.parameters = collective, shards, parameters
        self.checkpoints, self.threads = checkpoints, threads
        self.history: list[Epoch] = []
        self.best_epoch, self.best_loss = 0, math.inf
        self.best: list[Any] | None = None
        self.no_better_than_chance = False
        self.notes = [] if shards.valid else ["no validation tile: trained for all epochs, the last one kept"]
        self.mine = shards.train_of(collective.rank, collective.size)
        self.tiles = collective.minimum(sum(shard.tiles for shard in self.mine))
        if not self.tiles:
            raise shard_stream.StreamError(
                "a rank has no training tile: make the shards again with these ranks"
            )
        self.steps = -(-self.tiles // parameters.batch_size)
        self.class_weights = class_weights(shards.labels)
        keras.utils.set_random_seed(parameters.seed)
        # Rank 0 alone fetches pretrained weights; the others are given them below.
        self.network = model.build(
            parameters.model,
            len(shards.classes),
            shards.tile_size,
            parameters.weights,
            load=collective.rank == 0,
        )
        model.adapt_statistics(self.network, self.steps * parameters.epochs)
        self.optimizer = self._optimizer()
        self.optimizer.build(self.network.trainable_variables)
        self.totals = tf.Variable(tf.zeros([3], tf.float64))
        # Nothing in the two branches on a tensor; to look for it in Horovod's code takes seconds.
        compiled = functools.partial(tf.function, input_signature=self._signature(), autograph=False)
        self.step, self.measure = compiled(self._step), compiled(self._measure)

    def restore(self) -> None:
        """Take up the last checkpoint, which rank 0 alone reads, or start from rank 0's first weights."""
        found = self.checkpoints.load() if self.collective.rank == 0 else None
        if found:
            arrays, state = found
            for name, variable in self._variables().items():
                variable.assign(arrays[name])
            self.history, self.best_epoch, self.best_loss = (
                state["history"],
                state["best_epoch"],
                state["best_loss"],
            )
            if self.best_epoch == len(self.history):
                self.best = self.network.get_weights()
            elif self.best_epoch:
                self.best = [arrays[name] for name in sorted(arrays) if name.startswith("best-")]
            print(f"resumed after epoch {len(self.history)} of {self.parameters.epochs}", flush=True)
        self.collective.broadcast(list(self._variables().values()))

    def train(self) -> None:
        """Run the epochs that remain; at the end rank 0's network has its best weights."""
        first = self._agreed(len(self.history))
        batches = shard_stream.batches(
            self.mine,
            seed=self.parameters.seed,
            first_epoch=first,
            epochs=self.parameters.epochs,
            rank=self.collective.rank,
            limit=self.tiles,
            size=self.parameters.batch_size,
        )
        classes, size = self.shards.classes, self.shards.tile_size
        found = iter(inputs.training(batches, classes, size, self.threads))
        held_out = inputs.validation(
            lambda: self.shards.valid_of(self.collective.rank, self.collective.size),
            classes,
            size,
            self.parameters.batch_size,
            self.threads,
        )
        epoch = first
        while self._agreed(self._goes_on(epoch)):
            self._epoch(epoch + 1, found, held_out, traced=epoch == first)
            epoch += 1
        if self.best is not None:
            self.network.set_weights(self.best)
        chance = chance_loss(self.shards.valid_labels, self.class_weights)
        if self.shards.valid and not self.best_loss < chance:
            self.no_better_than_chance = True
            if self.collective.rank == 0:
                total = self.steps * self.parameters.epochs
                note = f"no better than chance: validation loss {self.best_loss:.3g}, of chance {chance:.3g}"
                progress.report("training", total, total, note, milestone=True)

    def _agreed(self, value: int) -> int:
        """Return rank 0's value on every rank."""
        return self.collective.minimum(value if self.collective.rank == 0 else 1 << 31)

    def _goes_on(self, epochs: int) -> bool:
        patience = self.parameters.patience
        waited = patience and self.best_epoch and epochs - self.best_epoch >= patience
        return epochs < self.parameters.epochs and not waited

    def _epoch(self, number: int, found: Any, held_out: Any, traced: bool) -> None:
        started, reported = time.perf_counter(), 0.0
        waited = counted = 0.0
        tiles = 0
        total = self.steps * self.parameters.epochs
        self.totals.assign(tf.zeros([3], tf.float64))
        for step in range(self.steps):
            before = time.perf_counter()
            images, labels = next(found)
            ready = time.perf_counter()
            self.step(images, labels)
            after = time.perf_counter()
            if not traced or step >= min(_TRACED_STEPS, self.steps - 1):
                waited += ready - before
                counted += after - before
                tiles += len(labels)
            if self.collective.rank == 0 and after - reported > _SECONDS_BETWEEN_REPORTS:
                reported = after
                progress.report("training", (number - 1) * self.steps + step + 1, total, self._note(number))
        train = self.totals.numpy()
        self.collective.average_variables(
            [v for v in self.network.non_trainable_variables if v.dtype.startswith("float")]
        )
        self.totals.assign(tf.zeros([3], tf.float64))
        for images, labels in held_out:
            self.measure(images, labels)
        sums = self.collective.average([*train, *self.totals.numpy(), tiles, counted, waited])
        self._record(number, sums, time.perf_counter() - started)
        if self.collective.rank == 0:
            progress.report("training", number * self.steps, total, self._note(number), milestone=True)
            self._save(number)

    def _record(self, number: int, sums: list[float], seconds: float) -> None:
        loss, correct, tiles, valid_loss, valid_correct, valid_tiles, counted_tiles, counted, waited = sums
        row: Epoch = {
            "epoch": number,
            "loss": loss / tiles,
            "accuracy": correct / tiles,
            "valid_loss": valid_loss / valid_tiles if valid_tiles else None,
            "valid_accuracy": valid_correct / valid_tiles if valid_tiles else None,
            "learning_rate": float(self.schedule(self.optimizer.iterations - 1)),
            "images_per_second": self.collective.size * counted_tiles / counted,
            "input_wait_share": waited / counted,
            "seconds": seconds,
            "ended": time.time(),
        }
        self.history.append(row)
        if row["valid_loss"] is not None and row["valid_loss"] < self.best_loss:
            self.best_epoch, self.best_loss = number, row["valid_loss"]
            self.best = self.network.get_weights() if self.collective.rank == 0 else None

    def _note(self, number: int) -> str:
        if number <= len(self.history):
            row = self.history[number - 1]
            values = [f"{name.replace('_', ' ')} {row[name]:.3f}" for name in _NOTED if row[name] is not None]
        else:
            loss, correct, tiles = self.totals.numpy()
            values = [f"loss {loss / tiles:.3f}", f"accuracy {correct / tiles:.3f}"]
        return " ".join([f"epoch {number}/{self.parameters.epochs}", *values])

    def _save(self, number: int) -> None:
        arrays: Arrays = {name: variable.numpy() for name, variable in self._variables().items()}
        if self.best is not None and self.best_epoch != number:
            arrays |= {f"best-{i:04d}": value for i, value in enumerate(self.best)}
        state = {"history": self.history, "best_epoch": self.best_epoch, "best_loss": self.best_loss}
        self.checkpoints.save(number, arrays, state)

    def _variables(self) -> dict[str, Any]:
        """Return all that a training changes: weights, statistics, random state, the optimizer's moments."""
        network = {f"model-{i:04d}": variable for i, variable in enumerate(self.network.variables)}
        return network | {f"optimizer-{i:04d}": v for i, v in enumerate(self.optimizer.variables)}

    def _optimizer(self) -> Any:
        """Adam with decoupled weight decay; the rate rises over 5 % of the steps, then falls as a cosine."""
        total = self.steps * self.parameters.epochs
        warmup = max(1, round(total * _WARMUP_SHARE))
        rate = self.parameters.learning_rate * self.collective.size
        self.schedule = keras.optimizers.schedules.CosineDecay(
            rate / 10, max(1, total - warmup), alpha=0.01, warmup_target=rate, warmup_steps=warmup
        )
        made = keras.optimizers.AdamW(self.schedule, weight_decay=_WEIGHT_DECAY)
        if keras.mixed_precision.dtype_policy().compute_dtype == "float16":
            return keras.mixed_precision.LossScaleOptimizer(made)
        return made

    def _signature(self) -> list[Any]:
        size = self.shards.tile_size
        return [tf.TensorSpec([None, size, size, 3], tf.uint8), tf.TensorSpec([None], tf.int32)]

    def _loss(self, images: Any, labels: Any, training: bool) -> Any:
        """Return the class-weighted cross entropy of a batch (mean over its tiles), and add to the totals."""
        logits = self.network(tf.cast(images, tf.float32), training=training)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        loss = tf.reduce_mean(losses * tf.gather(tf.constant(self.class_weights, tf.float32), labels))
        correct = tf.argmax(logits, 1, output_type=tf.int32) == labels
        count = tf.cast(tf.size(labels), tf.float64)
        right = tf.reduce_sum(tf.cast(correct, tf.float64))
        self.totals.assign_add([tf.cast(loss, tf.float64) * count, right, count])
        return loss

    def _step(self, images: Any, labels: Any) -> None:
        # The tape watches the tensors' own variables: Horovod's and Keras's wrappers of them do not mix.
        variables = self.network.trainable_variables
        with tf.GradientTape() as tape:
            loss = self.optimizer.scale_loss(self._loss(images, labels, training=True))
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        gradients = self.collective.average_gradients(gradients)
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))

    def _measure(self, images: Any, labels: Any) -> None:
        self._loss(images, labels, training=False)
