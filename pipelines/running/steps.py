"""Steps of Kubeflow Pipelines, derived from the stages: a pipeline is composed of these.

@pipeline("slides", "Train, serve and explain a model of whole-slide images.")
def pipeline(slides: str, labels: str, ...) -> None:
    step = Steps(locals())
    admitted = step(stages.admit_slides, cpu="2", memory="2Gi")
"""

from __future__ import annotations

import functools
import linecache
import typing
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, get_type_hints

from kfp import dsl

from brume.cluster.images import reference
from brume.pipelines.running.pods import pod
from brume.run.stage import Stage

PIPELINE_IMAGE = "pipeline"


class Steps:
    """Makes the steps of one pipeline. A stage's argument that is not given is the parameter of its name."""

    _made: typing.ClassVar[list[Stage[..., Any]]] = []  # of the pipeline that is being defined

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        """Take the pipeline's parameters by name, as `locals()` has them on its first line."""
        self._parameters = dict(parameters)

    def __call__(self, stage: Stage[..., Any], *, cpu: str, memory: str, **given: Any) -> Any:
        """Make a step of a stage, with its share of a node; returns kfp's task.

        Raises `TypeError` that names an argument which the stage does not have, or which nothing is given
        for.
        """
        arguments = self.resolve(stage, given)
        if not stage.ends and stage not in self._made:
            self._made.append(stage)
        task = component(stage)(**arguments)
        by_content = any(argument.role == "content" for argument in stage.arguments)
        if by_content or not stage.once:
            # Kubeflow's cache sees an address, not what lies there, and takes what acts for done.
            task.set_caching_options(False)
        return pod(task, cpu=cpu, memory=memory)

    def resolve(self, stage: Stage[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
        """Return all arguments of a stage but its outputs.

        Raises `TypeError` that names an argument that the stage does not have, or that has no value.
        """
        wanted = [argument.name for argument in stage.arguments if argument.role != "output"]
        if unknown := sorted(set(given) - set(wanted)):
            raise TypeError(f"stage {stage.name} has no argument {', '.join(unknown)}")
        if missing := [name for name in wanted if name not in given and name not in self._parameters]:
            raise TypeError(f"stage {stage.name}: nothing is given for {', '.join(missing)}")
        return {name: given[name] if name in given else self._parameters[name] for name in wanted}


def pipeline(name: str, description: str) -> Callable[[Callable[..., None]], Any]:
    """Make a function a kfp pipeline that knows its `stages`, in the order in which they are first made."""

    def make(function: Callable[..., None]) -> Any:
        Steps._made = []
        made = dsl.pipeline(name=name, description=description)(function)
        made.stages = tuple(Steps._made)
        return made

    return make


@functools.cache
def component(stage: Stage[..., Any]) -> Any:
    """Return the kfp component of a stage: its signature, around one import and one call.

    kfp reads a component's source; this one is generated, and known to `linecache` alone.
    """
    source = _source(stage)
    file = f"<step {stage.function.__module__}.{stage.function.__name__}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    names: dict[str, Any] = {"dsl": dsl, "NamedTuple": NamedTuple, "__name__": f"{__name__}.{stage.name}"}
    exec(compile(source, file, "exec", dont_inherit=True), names)  # noqa: S102 - made of our own signatures
    # The image holds this package and what it needs: nothing is installed when a step starts.
    return dsl.component(
        names[stage.function.__name__],
        base_image=reference(PIPELINE_IMAGE),
        packages_to_install=[],
        install_kfp_package=False,
    )


def _source(stage: Stage[..., Any]) -> str:
    function = stage.function
    taken = [
        f"    {argument.name}: {_annotation(argument.role, argument.type)}," for argument in stage.arguments
    ]
    if stage.ends:
        taken.append("    status: dsl.PipelineTaskFinalStatus,")
    passed = ", ".join(f"{argument.name}={argument.name}" for argument in stage.arguments)
    returned = _returned(stage.returns)
    first = (function.__doc__ or "").partition("\n")[0]
    return "\n".join(
        [
            f"def {function.__name__}(",
            *taken,
            f") -> {returned}:",
            f"    {first!r}",
            f"    from {function.__module__} import {function.__name__} as stage",
            "",
            f"    return stage({passed})",
            "",
        ]
    )


def _annotation(role: str, kind: Any) -> str:
    if role in ("input", "output"):
        return f"dsl.{role.title()}[dsl.{kind.__name__}]"
    return _plain(kind)


def _plain(kind: Any) -> str:
    origin = typing.get_origin(kind) or kind
    return str(origin.__name__)


def _returned(kind: Any) -> str:
    if kind is type(None):
        return "None"
    if isinstance(kind, type) and issubclass(kind, tuple):
        fields = ", ".join(f'("{name}", {_plain(hint)})' for name, hint in get_type_hints(kind).items())
        return f'NamedTuple("{kind.__name__}", [{fields}])'
    return _plain(kind)
