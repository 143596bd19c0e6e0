"""The code that a result depends on, by its imports: a digest of it, and the libraries with their versions.

Imports are read from the source, late ones too; nothing is imported. A string that is the name of one of this
package's modules counts as an import: such a module is run as a program.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import importlib.metadata
import importlib.util
import platform
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PACKAGE = "brume"
# What runs a stage and shows how far it is, and cannot change what comes out.
_WITHOUT_EFFECT = (
    "brume.pipelines",
    "brume.run.artifacts",
    "brume.run.code",
    "brume.run.content",
    "brume.run.lifeline",
    "brume.run.progress",
    "brume.run.stage",
    "brume.run.terminal",
)
_SHARED = 2  # more distributions of one top-level name make a namespace, of which an import needs one
_TRIES = 3  # to parse a source
_MODULE_NAME = re.compile(rf"{PACKAGE}(\.\w+)+")
_REQUIREMENT = re.compile(r"([\w.-]+)(?:\[([\w,.-]+)\])?[^;]*(?:;(.*))?")
_EXTRA = re.compile(r"extra\s*==\s*['\"]([\w.-]+)['\"]")


@dataclass(frozen=True)
class _Source:
    """One module: a digest of its file and of the data beside it, and what it imports."""

    digest: str
    imports: frozenset[str]  # of this package, and the top names of others


def code_digest(*modules: str) -> str:
    """Return a digest of the source of modules and of all that they import, the same in every image.

    Raises `ModuleNotFoundError` for a name that is no module of this package.
    """
    for module in modules:
        if _file(module) is None:
            raise ModuleNotFoundError(f"{module} is no module of {PACKAGE}", name=module)
    return _source_digest("", _closure(modules))


def function_digest(function: Callable[..., Any], also: Iterable[str] = ()) -> str:
    """Return a digest of a function, of what it uses, and of the modules named in `also`, with libraries.

    Of the function's own module those definitions count that it uses; of other modules, all.
    """
    source, _ = _used_by(function)
    closure = function_modules(function, also)
    versions = _libraries(closure) | {"python": "{}.{}".format(*sys.version_info[:2])}
    return _source_digest(source + repr(sorted(versions.items())), closure)


def function_libraries(function: Callable[..., Any], also: Iterable[str] = ()) -> dict[str, str]:
    """Return the libraries that a function, what it uses and the modules in `also` need: name -> version."""
    return _libraries(function_modules(function, also))


def function_modules(function: Callable[..., Any], also: Iterable[str] = ()) -> set[str]:
    """Return the modules that a function, what it uses and the modules in `also` import, and `also`.

    Those of this package have their whole names, of others the top name stands.
    """
    return _closure([*_used_by(function)[1], *also])


def _source_digest(own: str, closure: Iterable[str]) -> str:
    digest = hashlib.sha256(own.encode())
    for name in sorted(closure):
        if (file := _file(name)) is not None:
            digest.update(f"{name}\0{_read(file).digest}\0".encode())
    return digest.hexdigest()


def _closure(modules: Iterable[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in found or name.startswith(_WITHOUT_EFFECT):
            continue
        found.add(name)
        if (file := _file(name)) is not None:
            waiting += _read(file).imports
            parent = name.rpartition(".")[0]
            if parent and parent != PACKAGE:
                waiting.append(parent)  # a package's own module is run when one below it is imported
    return found


@functools.cache
def _file(name: str) -> Path | None:
    """Return the file of a module of this package; None when there is none, or it is another package's."""
    head, *parts = name.split(".")
    if head != PACKAGE:
        return None
    root = Path(__file__).parents[1]
    if parts[:1] == ["pipelines"]:  # a folder of its own in the source tree
        found = importlib.util.find_spec(f"{PACKAGE}.pipelines")
        if found is None or found.origin is None:
            return None
        root, parts = Path(found.origin).parent, parts[1:]
    path = root.joinpath(*parts)
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return file
    return None


@functools.cache
def _read(file: Path) -> _Source:
    content = file.read_bytes()
    digest = hashlib.sha256(content)
    if file.name == "__init__.py":
        for data in _data_of(file.parent):
            digest.update(data.name.encode() + b"\0" + data.read_bytes())
    return _Source(digest.hexdigest(), frozenset(_imports(_parsed(content))))


def _parsed(source: str | bytes) -> ast.Module:
    """Return the syntax tree of a module.

    CPython before 3.12 counts the depth of the tree that it builds once for all: when memory is collected
    meanwhile, and something that is collected formats a traceback (which parses too), it raises `SystemError`
    (python/cpython#106905). The source is not at fault, and is parsed again.
    """
    for _ in range(_TRIES - 1):
        with contextlib.suppress(SystemError):
            return ast.parse(source)
    return ast.parse(source)


def _data_of(package: Path) -> list[Path]:
    """Return the templates, queries and other files of a package that are no code."""
    found = []
    for path in sorted(package.iterdir()):
        if path.is_dir() and path.name != "__pycache__" and not any(path.glob("*.py")):
            found += [below for below in sorted(path.rglob("*")) if below.is_file()]
        elif path.is_file() and path.suffix not in (".py", ".pyc"):
            found.append(path)
    return found


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (_known(alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if _file(full) else _known(node.module)
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and _MODULE_NAME.fullmatch(node.value)
            and _file(node.value)
        ):
            yield node.value


def _known(name: str) -> str:
    """Return a module of this package by its whole name, and any other by the name of its package."""
    top = name.partition(".")[0]
    return name if top == PACKAGE else top


def _used_by(function: Callable[..., Any]) -> tuple[str, set[str]]:
    """Return the source of a function with the definitions that it uses, and the modules they import."""
    file = Path(function.__code__.co_filename)
    text = file.read_text(encoding="utf-8")
    definitions, imports = _top_level(_parsed(text))
    sources: dict[str, str] = {}
    modules: set[str] = set()
    waiting = [function.__name__]
    while waiting:
        name = waiting.pop()
        modules |= imports.get(name, set())
        if name in sources or name not in definitions:
            continue
        node = definitions[name]
        sources[name] = ast.get_source_segment(text, node) or ""
        modules |= set(_imports(node))
        waiting += [inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)]
    return "\n".join(sources[name] for name in sorted(sources)), modules


def _top_level(tree: ast.Module) -> tuple[dict[str, ast.stmt], dict[str, set[str]]]:
    """Return a module's definitions by name, and for each imported name the module that it is of."""
    definitions: dict[str, ast.stmt] = {}
    imports: dict[str, set[str]] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            definitions[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                for inner in ast.walk(target):
                    if isinstance(inner, ast.Name):
                        definitions[inner.id] = node
        elif isinstance(node, ast.Import):
            for alias in node.names:
                imports[alias.asname or alias.name.partition(".")[0]] = {_known(alias.name)}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                imports[alias.asname or alias.name] = {full if _file(full) else _known(node.module)}
    return definitions, imports


def _libraries(closure: set[str]) -> dict[str, str]:
    """Return the installed distributions that modules are of, and those of the extras of their systems."""
    names: set[str] = set()
    extras: set[str] = set()
    for module in closure:
        if _file(module) is not None:
            extras.update(module.split(".")[1:2])
        elif module not in sys.stdlib_module_names and module != PACKAGE:
            names.update(_distributions().get(module, ()))
    names |= _required_by(frozenset(extras))
    return {name: version for name in sorted(names) if (version := _version(name))}


@functools.cache
def _distributions() -> dict[str, list[str]]:
    """Return the distributions of every installed top-level module, but for names that many share."""
    found: dict[str, set[str]] = {}
    for distribution in importlib.metadata.distributions():
        name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()
        for top in _top_names(distribution):
            found.setdefault(top, set()).add(name)
    return {top: sorted(names) for top, names in found.items() if len(names) <= _SHARED}


def _top_names(distribution: importlib.metadata.Distribution) -> set[str]:
    """Return a distribution's top-level modules, as `importlib.metadata.packages_distributions` does.

    That makes an object of each of its files, which takes most of the time that a stage needs to find that
    its result still holds.
    """
    if declared := (distribution.read_text("top_level.txt") or "").split():
        return set(declared)
    recorded = (line.partition(",")[0] for line in (distribution.read_text("RECORD") or "").splitlines())
    return {path.partition("/")[0].removesuffix(".py") for path in recorded if path.endswith(".py")}


@functools.cache
def _required_by(extras: frozenset[str]) -> frozenset[str]:
    """Return what this package requires for extras; those that name no extra require nothing."""
    found: set[str] = set()
    try:
        lines = importlib.metadata.requires(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        return frozenset()
    for line in lines:
        match = _REQUIREMENT.fullmatch(line)
        extra = _EXTRA.search(match.group(3) or "") if match else None
        if match and extra and extra.group(1) in extras:
            if match.group(1) == PACKAGE:
                found |= _required_by(frozenset((match.group(2) or "").split(",")) - extras)
            else:
                found.add(match.group(1))
    return frozenset(found)


@functools.cache
def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def platform_versions() -> dict[str, str]:
    """Return the version of this package, of Python, and the platform."""
    return {
        PACKAGE: _version(PACKAGE),
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
