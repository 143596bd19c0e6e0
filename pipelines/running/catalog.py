"""The pipelines there are, and their parameters as the user meets them."""

from __future__ import annotations

import ast
import difflib
import importlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

FOLDER = Path(__file__).parent.parent


class ParameterError(ValueError):
    """A pipeline, a parameter or a value that does not fit; the message says what would."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a pipeline; `kind` is int, float, str, bool, list or dict."""

    name: str
    kind: str
    default: Any
    required: bool
    help: str


_KINDS = {
    "NUMBER_INTEGER": "int",
    "NUMBER_DOUBLE": "float",
    "STRING": "str",
    "BOOLEAN": "bool",
    "LIST": "list",
    "STRUCT": "dict",
}


def names() -> dict[str, str]:
    """Return each pipeline's name and the first line of its module; nothing is imported for it."""
    found = {}
    for path in sorted(FOLDER.glob("*.py")):
        tree = ast.parse(path.read_text())
        assigned = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
        if "pipeline" in assigned:
            found[path.stem] = (ast.get_docstring(tree) or "").partition("\n")[0]
    return found


@dataclass(frozen=True)
class Pipeline:
    """A pipeline: the kfp object, and its module's `check`, and (where it has them) the rest."""

    name: str
    module: ModuleType

    @property
    def component(self) -> Any:
        """The kfp pipeline."""
        return self.module.pipeline

    @property
    def stages(self) -> list[str]:
        """The names of the stages, in the order in which they start."""
        return [stage.name for stage in self.component.stages]

    @property
    def check(self) -> Callable[[Mapping[str, Any]], None]:
        """Raises `ValueError` for values that the pipeline cannot work with."""
        check: Callable[[Mapping[str, Any]], None] = self.module.check
        return check

    def engines(self, arguments: Mapping[str, Any], out: Path) -> Mapping[str, Mapping[str, str]]:
        """Return the engines that a run into `out` needs, each with the addresses of local folders."""
        declared = getattr(self.module, "engines", None)
        return declared(arguments, out) if declared else {}

    def environment(self, arguments: Mapping[str, Any], out: Path) -> Mapping[str, str]:
        """Return the variables that a run into `out` sets for its steps and engines.

        Raises `ValueError` where it cannot be in that folder.
        """
        declared = getattr(self.module, "environment", None)
        return declared(arguments, out) if declared else {}

    def parameters(self) -> list[Parameter]:
        """Return the parameters in the order in which the pipeline declares them."""
        declared = self.component.pipeline_spec.root.input_definitions.parameters
        parameters = []
        for name in self.component.component_spec.inputs:
            definition = declared[name]
            kind = _KINDS[_type_name(definition)]
            required = not definition.is_optional
            default = None if required else _python(definition.default_value, kind)
            parameters.append(Parameter(name, kind, default, required, definition.description))
        return parameters

    def arguments(self, words: Sequence[str]) -> dict[str, Any]:
        """Turn `key=value` words into typed arguments, defaults included, and check them all.

        An empty value means the default. Raises `ParameterError` that names every wrong word at once.
        """
        known = {parameter.name: parameter for parameter in self.parameters()}
        given: dict[str, Any] = {}
        wrong: list[str] = []
        for word in words:
            name, equals, text = word.partition("=")
            if not equals:
                wrong.append(f"{word!r} is not of the form name=value")
            elif name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}"
                wrong.append(f"no parameter is called {name!r}: {hint}")
            elif name in given:
                wrong.append(f"{name} is given twice")
            elif text:
                try:
                    given[name] = _parse(text, known[name].kind)
                except ValueError as error:
                    wrong.append(f"{name}={text}: {error}")
        complete = {name: given.get(name, parameter.default) for name, parameter in known.items()}
        wrong += [
            f"{name} is required: {parameter.help or 'give it a value'}"
            for name, parameter in known.items()
            if parameter.required and name not in given
        ]
        if not wrong:
            try:
                self.check(complete)
            except ValueError as error:
                wrong.append(str(error))
        if wrong:
            raise ParameterError("\n".join(wrong))
        return complete


def load(name: str) -> Pipeline:
    """Import a pipeline by its name. Raises `ParameterError` when there is none of that name."""
    known = names()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}"
        raise ParameterError(f"no pipeline is called {name!r}: {hint}")
    return Pipeline(name, importlib.import_module(f"brume.pipelines.{name}"))


def _type_name(definition: Any) -> str:
    field = definition.DESCRIPTOR.fields_by_name["parameter_type"]
    return str(field.enum_type.values_by_number[definition.parameter_type].name)


def _python(value: Any, kind: str) -> Any:
    from google.protobuf import json_format

    plain = json_format.MessageToDict(value)
    return int(plain) if kind == "int" else plain


def _parse(text: str, kind: str) -> Any:
    if kind == "str":
        return text
    if kind == "int":
        try:
            return int(text)
        except ValueError:
            raise ValueError("must be a whole number") from None
    if kind == "float":
        try:
            return float(text)
        except ValueError:
            raise ValueError("must be a number") from None
    if kind == "bool":
        truth = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        if text.lower() not in truth:
            raise ValueError("must be true or false")
        return truth[text.lower()]
    try:
        value = json.loads(text)
    except ValueError:
        raise ValueError("must be JSON") from None
    if not isinstance(value, list if kind == "list" else dict):
        raise ValueError(f"must be a JSON {'list' if kind == 'list' else 'object'}")
    return value
