"""The stage contract: a plain typed function on files, done again when what it depends on has changed.

    @stage("shards", outputs={"tiles": "tiles", "rejects": "rejects.csv"})
    def make_shards(cohort: Dataset, groups: Contents, seed: int, tiles: Dataset, rejects: Dataset) -> str:
    ...

Every argument counts: an artifact, `Content` and `Contents` by what lies there, any other by its value. Those
that cannot change the result (a URL, a time limit, the share of a machine) are marked `Operational`. On a
cluster an output lies where Kubeflow Pipelines puts it. In a local run it lies in the run's own folder under
its own name (`OUT/model`), and a stage whose inputs, parameters, code and libraries are those of its last
success is not done again: its result stands in `OUT/work/steps/NAME.json`.
"""

from __future__ import annotations

import contextvars
import errno
import functools
import hashlib
import inspect
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import (
    Annotated,
    Any,
    Generic,
    ParamSpec,
    TypedDict,
    TypeVar,
    Unpack,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from brume import storage
from brume.run import artifacts, lifeline, progress
from brume.run.code import function_digest, function_libraries
from brume.run.content import Counted, content, counted

OUT = "BRUME_OUT"

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


@dataclass(frozen=True)
class _Operational:
    """Marks a value that cannot change the result."""


Content = Annotated[str, Counted()]
Contents = Annotated[list[str], Counted()]
Operational = Annotated[T, _Operational()]


class NotDescribedError(TypeError):
    """A stage whose declaration and signature do not fit; the message says where."""


@dataclass(frozen=True)
class Argument:
    """One argument: its plain type, and its role (input, output, content, value, operational)."""

    name: str
    type: Any
    role: str
    counted: Counted | None = None


class About(TypedDict):
    """What a report shows of its run: `timings` are seconds by step, `facts` when and where it was."""

    parameters: dict[str, Any]
    timings: dict[str, float]
    versions: dict[str, str]
    facts: list[str]


def _reason(error: BaseException) -> str:
    """Return what an error says: one that was foreseen says it all, another is named by its class too."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        places = " or ".join(filter(None, (os.environ.get(OUT), tempfile.gettempdir())))
        return f"{error}: make room in {places}, and run again: what is finished stands"
    foreseen = isinstance(error, (OSError, ValueError, RuntimeError)) and str(error)
    return str(error) if foreseen else f"{type(error).__name__}: {error}"


@dataclass(frozen=True)
class Context:
    """What a working stage may know of its run. `key` is that of what it depends on, "" on a cluster."""

    key: str
    out: Path | None

    def place(self, path: str) -> str | None:
        """Return where `path` lies in the folder of a local run, or None on a cluster."""
        return str(self.out / path) if self.out else None

    def timings(self) -> dict[str, float]:
        """Return the seconds that the stages before this one took in a local run, by name, in their order."""
        if self.out is None:
            return {}
        states = sorted(_states(self.out).glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        return {path.stem: float(json.loads(path.read_text())["seconds"]) for path in states}

    def run_record(self) -> dict[str, Any]:
        """Return the run.json of a local run so far; nothing on a cluster, whose dashboard shows it."""
        place = self.place("run.json")
        return dict(json.loads(storage.read_bytes(place))) if place and storage.exists(place) else {}

    def about(self) -> About:
        """Return what a report shows of its run."""
        record = self.run_record()
        return {
            "parameters": record.get("parameters") or {},
            "timings": self.timings(),
            "versions": record.get("versions") or {},
            "facts": [fact for fact in (record.get("started"), platform.node()) if fact],
        }


_context: contextvars.ContextVar[Context] = contextvars.ContextVar("stage")


def context() -> Context:
    """Return the context of the stage that works."""
    return _context.get(Context("", None))


class Options(TypedDict, total=False):
    """What may be special about a stage.

    `outputs` are the arguments that it writes, each with its place in the folder of a local run; `part` names
    the argument that identifies the members of a loop, and may stand in braces in a place. A stage that
    `acts` changes the world outside its outputs (hosts, publishes), always or with such arguments; one that
    `looks_again` asks for what no argument holds: neither is ever taken as done. One that `ends` is the last
    task of a run, however that went. `runs` are modules that do the work elsewhere: the programs of jobs, the
    engine that is asked. `holds` is asked, with the arguments and the last result, whether what that names
    outside the outputs is still there; `instead` gives the result of a stage that is not needed, or None.
    """

    outputs: Mapping[str, str]
    part: str
    acts: bool | Callable[[Mapping[str, Any]], bool]
    looks_again: bool
    ends: bool
    runs: Iterable[str]
    holds: Callable[[Mapping[str, Any], Any], bool]
    instead: Callable[[Mapping[str, Any]], Any]


class Stage(Generic[P, R]):
    """A stage. Calling it runs it; `function` is the plain function."""

    def __init__(self, name: str, function: Callable[P, R], **options: Unpack[Options]) -> None:
        """Describe a stage: the name that is shown, the plain function, and what is special about it."""
        functools.update_wrapper(self, function)
        self.name = name
        self.function = function
        self.outputs = dict(options.get("outputs", {}))
        self.part = options.get("part", "")
        self.ends = options.get("ends", False)
        self.runs = tuple(options.get("runs", ()))
        acts = options.get("acts", False)
        # Whether its result may be taken over.
        self.once = not (acts is True or options.get("looks_again", False) or self.ends)
        self._acts = acts if callable(acts) else None
        self._holds = options.get("holds")
        self._instead = options.get("instead")

    @functools.cached_property
    def arguments(self) -> tuple[Argument, ...]:
        """The arguments in the order of the signature. Raises `NotDescribedError`."""
        hints = get_type_hints(self.function, include_extras=True)
        found = tuple(
            self._argument(name, hints[name]) for name in inspect.signature(self.function).parameters
        )
        names = {argument.name for argument in found}
        if unknown := (set(self.outputs) | ({self.part} - {""})) - names:
            raise NotDescribedError(f"stage {self.name}: no argument is called {', '.join(sorted(unknown))}")
        return found

    @functools.cached_property
    def returns(self) -> Any:
        """The type of the result."""
        return get_type_hints(self.function)["return"]

    def _argument(self, name: str, hint: Any) -> Argument:
        marks: tuple[Any, ...] = ()
        if get_origin(hint) is Annotated:
            hint, *rest = get_args(hint)
            marks = tuple(rest)
        if name in self.outputs:
            return Argument(name, hint, "output")
        if hint in artifacts.KINDS:
            return Argument(name, hint, "input")
        counted = next((mark for mark in marks if isinstance(mark, Counted)), None)
        if counted:
            return Argument(name, hint, "content", counted)
        operational = any(isinstance(mark, _Operational) for mark in marks)
        return Argument(name, hint, "operational" if operational else "value")

    def libraries(self) -> dict[str, str]:
        """Return the libraries that the result depends on, with their versions."""
        return function_libraries(self.function, self.runs)

    def __call__(self, *args: P.args, **given: P.kwargs) -> R:
        """Do the work, or take over the result of the last time it was done; returns its result.

        An error is noted for the live view and raised again. Nothing is taken over on a cluster, nor of a
        stage that acts on the world or must look again.
        """
        if args:
            raise TypeError(f"stage {self.name} takes its arguments by name")
        lifeline.follow()
        arguments: dict[str, Any] = dict(given)
        progress.part = str(arguments[self.part]) if self.part else ""
        label = self._label(arguments)
        try:
            return self._run(label, arguments)
        except BaseException as error:
            progress.step(label, "failed", note=_reason(error))
            raise

    def _run(self, label: str, arguments: dict[str, Any]) -> R:
        out = _out()
        if out:
            for name, place in self._places(arguments).items():
                arguments[name].uri = str(out / place)
        # Before the work: what changes while it goes on is not what was worked on.
        key = self._key(arguments) if out else ""
        if out and (known := self._known(label, key, arguments)) is not None:
            for name, metadata in known["metadata"].items():
                arguments[name].metadata.update(metadata)
            progress.step(label, "reused")
            return self._result(known["result"])
        if self._instead and (result := self._instead(arguments)) is not None:
            if out and (_states(out) / f"{label}.json").exists():
                progress.step(label, "reused")
            return cast(R, result)
        if not self.ends:
            progress.step(label, "started")
        started = time.time()
        token = _context.set(Context(key, out))
        try:
            done = self.function(**arguments)  # type: ignore[call-arg]
        finally:
            _context.reset(token)
        if self.ends:
            return done
        if out:
            # An input that changed meanwhile may be in the result or not: the next run does it again.
            kept = key if self.once and key == self._key(arguments) else ""
            self._keep(out, label, kept, arguments, done, time.time() - started)
        progress.step(label, "finished")
        return done

    def stands(self, **given: Any) -> bool:
        """Return whether a call with these arguments would take over its last result.

        Outputs and operational arguments may be left out.
        """
        out = _out()
        if not out:
            return False
        arguments = dict(given)
        for name, place in self._places(arguments).items():
            arguments[name] = SimpleNamespace(uri=str(out / place), metadata={})
        return self._known(self._label(arguments), self._key(arguments), arguments) is not None

    def _label(self, arguments: Mapping[str, Any]) -> str:
        return f"{self.name}-{arguments[self.part]}" if self.part else self.name

    def _places(self, arguments: Mapping[str, Any]) -> dict[str, str]:
        named = {self.part: arguments[self.part]} if self.part else {}
        return {name: place.format(**named) for name, place in self.outputs.items()}

    def _known(self, label: str, key: str, arguments: Mapping[str, Any]) -> dict[str, Any] | None:
        out = _out()
        if out is None or not self.once or (self._acts and self._acts(arguments)):
            return None
        try:
            record: dict[str, Any] = json.loads((_states(out) / f"{label}.json").read_text())
            same = record["key"] == key and record["files"] == self._files(arguments)
        except (OSError, ValueError, KeyError):
            return None
        if same and self._holds and not self._holds(arguments, self._result(record["result"])):
            return None
        return record if same else None

    def _keep(
        self, out: Path, label: str, key: str, arguments: Mapping[str, Any], result: Any, seconds: float
    ) -> None:
        record = {
            "key": key,
            "result": result,
            "places": self._places(arguments),
            "metadata": {name: dict(arguments[name].metadata) for name in self.outputs},
            "files": self._files(arguments),
            "seconds": round(seconds, 3),
        }
        storage.write_bytes(str(_states(out) / f"{label}.json"), json.dumps(record, indent=1).encode())

    def _result(self, value: Any) -> R:
        """Return a result as it was before it was JSON."""
        kind = self.returns
        named = isinstance(kind, type) and issubclass(kind, tuple) and value is not None
        result: R = kind(*value) if named else value
        return result

    def _key(self, arguments: Mapping[str, Any]) -> str:
        values: dict[str, Any] = {}
        contents: dict[str, Any] = {}
        for argument in self.arguments:
            if argument.role == "value":
                values[argument.name] = arguments[argument.name]
            elif argument.role == "input":
                contents[argument.name] = content(arguments[argument.name].uri)
            elif argument.counted:
                contents[argument.name] = counted(argument.counted, arguments[argument.name])
        described = {
            "stage": self.name,
            "values": values,
            "contents": contents,
            "code": function_digest(self.function, self.runs),
        }
        return hashlib.sha256(json.dumps(described, sort_keys=True, default=str).encode()).hexdigest()

    def _files(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return {name: content(arguments[name].uri) for name in sorted(self.outputs)}


def stage(name: str, **options: Unpack[Options]) -> Callable[[Callable[P, R]], Stage[P, R]]:
    """Make a function a stage, shown as `name`."""

    def make(function: Callable[P, R]) -> Stage[P, R]:
        return Stage(name, function, **options)

    return make


def _out() -> Path | None:
    out = os.environ.get(OUT)
    return Path(out) if out else None


def _states(out: Path) -> Path:
    return out / "work" / "steps"
