"""The parameters of a training: passed as JSON to every rank and kept in the model."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Self, get_type_hints

MODELS = ("small", "resnet50")
COLLECTIVES = ("auto", "horovod", "mpi4py")


class ParameterError(ValueError):
    """A training parameter that cannot be used; the message names it."""


@dataclass(frozen=True)
class TrainingParameters:
    """The parameters of one training.

    `weights` is for `resnet50`: empty takes the ImageNet weights that Keras downloads, `none` random ones,
    anything else is the path or s3:// URI of a Keras weights file. `batch_size` is that of one rank: a step
    sees `ranks * batch_size` tiles. `learning_rate` is for one rank: it is multiplied by `ranks`.
    Training ends before `epochs` when the validation loss has not improved for `patience` epochs; 0 never
    stops early. `threads` are TensorFlow's in each rank; 0 shares the machine's cores among its ranks.
    """

    model: str = "small"
    weights: str = ""
    epochs: int = 10
    batch_size: int = 32
    learning_rate: float = 0.001
    ranks: int = 2
    collective: str = "auto"
    seed: int = 0
    patience: int = 5
    threads: int = 0

    def __post_init__(self) -> None:
        """Check type and range of every field; a whole float (as JSON may give) passes for an integer."""
        for name, kind in get_type_hints(type(self)).items():
            object.__setattr__(self, name, _typed(name, kind, getattr(self, name)))
        for name, choices in (("model", MODELS), ("collective", COLLECTIVES)):
            if getattr(self, name) not in choices:
                raise ParameterError(f"{name} is {getattr(self, name)!r}: choose one of {', '.join(choices)}")
        for name, least in (("epochs", 1), ("batch_size", 1), ("ranks", 1), ("patience", 0), ("threads", 0)):
            if getattr(self, name) < least:
                raise ParameterError(f"{name} is {getattr(self, name)}: it must be at least {least}")
        if not 0 < self.learning_rate < float("inf"):
            raise ParameterError(f"learning_rate is {self.learning_rate}: it must be above 0")

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read parameters from a JSON object; an absent field has its default.

        Raises `ParameterError` naming a field that is unknown, of the wrong type or out of range.
        """
        try:
            given = json.loads(text)
        except ValueError as error:
            raise ParameterError(f"the training parameters are no JSON: {error}") from error
        if not isinstance(given, dict):
            raise ParameterError(f"the training parameters are no JSON object: {text[:60]}")
        known = [field.name for field in fields(cls)]
        for name in given:
            if name not in known:
                raise ParameterError(f"{name} is no training parameter: there are {', '.join(known)}")
        return cls(**given)

    def to_json(self) -> str:
        """Return the parameters as a JSON object; `from_json` gives an equal record back."""
        return json.dumps(asdict(self))


def _typed(name: str, kind: type, value: Any) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is str and isinstance(value, str):
        return value
    if kind is float and number:
        return float(value)
    if kind is int and number and value == int(value):
        return int(value)
    wanted = {str: "text", float: "a number", int: "a whole number"}[kind]
    raise ParameterError(f"{name} is {value!r}: it must be {wanted}")
