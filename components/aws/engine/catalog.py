"""The engines: each is `components/SYSTEM/engine/engine.py`, found by its file.

Such a module has a docstring, whose first line is what it is, and

    PORT: int                                     the port it listens at when none is asked for
    SERVICES: tuple[str, ...]                     the services that it answers for, by botocore's names
    OFFERED: tuple[Service, ...]                  their resources (brume.aws.engine.resources)
    SETTINGS: type                                its dataclass of environment variables (brume.variables)
    def create(settings: Settings) -> Engine      (brume.aws.engine.service.Engine)

and may have

    def notices() -> list[str]                    what `--settings` shows besides, such as licences of models
"""

from __future__ import annotations

import ast
import difflib
import fcntl
import importlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import brume

# What a running engine keeps in its data folder, beside its own state.
STATE, LOCK, CREDENTIALS = "engine.json", "engine.lock", "credentials"


class EngineError(ValueError):
    """An engine that cannot be found or started; the message says why, and what to do."""


@dataclass(frozen=True)
class Settings:
    """What an engine is started with.

    `data` is its own folder. `folders` maps the start of an address to the local folder that stands for it:
    with `{"s3://bucket/photos/": "/photos/"}`, s3://bucket/photos/a.png is /photos/a.png. `database` is an
    SQLAlchemy URL; "" means an SQLite file in `data`.
    """

    data: Path
    folders: Mapping[str, str] = field(default_factory=dict)
    database: str = ""


@dataclass(frozen=True)
class About:
    """What an engine's source file states about it, read without importing it."""

    name: str
    line: str
    port: int
    services: tuple[str, ...]


def names() -> dict[str, About]:
    """Return the engines by name. Raises `EngineError` for a file that lacks PORT or SERVICES."""
    found = {}
    for path in sorted(path for folder in brume.__path__ for path in Path(folder).glob("*/engine/engine.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        constants = {}
        for node in tree.body:
            target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
            value = getattr(node, "value", None)
            if isinstance(target, ast.Name) and target.id in ("PORT", "SERVICES") and value is not None:
                constants[target.id] = ast.literal_eval(value)
        missing = {"PORT", "SERVICES"} - set(constants)
        if missing:
            raise EngineError(f"{path}: an engine's module needs {' and '.join(sorted(missing))}")
        name = path.parents[1].name
        line = (ast.get_docstring(tree) or "").partition("\n")[0]
        found[name] = About(name, line, int(constants["PORT"]), tuple(constants["SERVICES"]))
    return found


def about(name: str) -> About:
    """Return what is known of one engine. Raises `EngineError` when there is none of that name."""
    known = names()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known) or 'none'}"
        raise EngineError(f"no engine is called {name!r}: {hint}")
    return known[name]


def load(name: str) -> ModuleType:
    """Import an engine's module. Raises `EngineError` when there is none, or a package it needs is absent."""
    about(name)
    try:
        return importlib.import_module(f"brume.{name}.engine.engine")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("brume"):
            raise
        raise EngineError(
            f"the engine {name} needs the package {error.name}: pip install 'brume[engines,{name}]'"
        ) from error


def base_folder() -> Path:
    """Return the folder of the engines' folders when nothing else is asked for (XDG base directories)."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "brume"


def data_folder(name: str) -> Path:
    """Return where an engine keeps its data when nothing else is asked for."""
    return base_folder() / name


@dataclass(frozen=True)
class Running:
    """An engine that runs: where it answers, for which services, and its file of keys ("" for none).

    `bundle` is the file of certificates by which clients trust it, "" where they need none.
    """

    name: str
    url: str
    pid: int
    services: tuple[str, ...]
    credentials: str
    bundle: str = ""


def running(data: Path) -> Running | None:
    """Return the engine that runs on a data folder, or None: a killed one leaves its account behind."""
    try:
        with (data / LOCK).open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return None
            except BlockingIOError:
                state = json.loads((data / STATE).read_bytes())
    except (OSError, ValueError):
        return None
    return Running(
        state["name"],
        state["url"],
        state["pid"],
        tuple(state["services"]),
        state.get("credentials", ""),
        state.get("bundle", ""),
    )


def endpoint_variable(service: str) -> str:
    """Return the name of the variable by which boto3 finds the endpoint of a service."""
    from brume.aws.client import service_model

    return "AWS_ENDPOINT_URL_" + str(service_model(service).service_id).upper().replace(" ", "_")
