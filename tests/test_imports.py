"""Who may import whom, over every module of components/ and pipelines/, imports inside functions included."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("pipeline", "engine", "model", "demo")
# Libraries of the AWS API, of Kubeflow, of Kubernetes and of the engines' state: not for what computes.
NOT_FOR_MODELS = {"boto3", "botocore", "kfp", "kubernetes", "sqlalchemy"}


@dataclass(frozen=True)
class Import:
    """One import: the importing module, what it imports, and whether that happens when it is loaded."""

    module: str
    target: str
    line: int
    late: bool


def read(root: Path) -> tuple[set[str], list[Import]]:
    """Return the modules below `root`, by import name, and all their imports but those for types alone."""
    files = {name_of(root, path): path for path in sorted(root.glob("*/**/*.py")) if in_package(root, path)}
    imports = []
    for module, path in files.items():
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        for node, late in statements(ast.parse(path.read_text())):
            for target in targets(node, package, files):
                imports.append(Import(module, target, node.lineno, late))
    return set(files), imports


def in_package(root: Path, path: Path) -> bool:
    return path.relative_to(root).parts[0] in ("components", "pipelines")


def name_of(root: Path, path: Path) -> str:
    parts = list(path.relative_to(root).with_suffix("").parts)
    parts = parts[1:] if parts[0] == "components" else parts
    return ".".join(["brume", *(parts[:-1] if parts[-1:] == ["__init__"] else parts)])


def statements(tree: ast.AST, late: bool = False) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Yield every import, and whether it is in a function; those under `if TYPE_CHECKING` are left out."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, late
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for other in node.orelse:
                yield from statements(ast.Module([other], []), late)
        else:
            inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from statements(node, late or inside)


def targets(node: ast.Import | ast.ImportFrom, package: str, modules: dict[str, Path]) -> Iterator[str]:
    """Yield the modules that an import names: for `from a import b`, a.b where that is a module."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    base = node.module or ""
    if node.level:
        parts = package.split(".")
        base = ".".join([*parts[: len(parts) - node.level + 1], *filter(None, [node.module])])
    for alias in node.names:
        whole = f"{base}.{alias.name}"
        yield whole if whole in modules else base


def room_of(module: str) -> tuple[str, str]:
    """Return system and room of a module: ("slides", "model"), ("cluster", ""), ("pipelines", "")."""
    parts = [*module.split("."), "", ""]
    return (parts[1], parts[2] if parts[2] in ROOMS else "") if parts[0] == "brume" else ("", "")


def violations(root: Path) -> list[str]:
    """Return every import that the design does not allow, with its reason."""
    modules, imports = read(root)
    systems = {system for system, room in map(room_of, modules) if room in ("pipeline", "model")}
    kubernetes = reaching(imports, "brume.cluster.", {"kubernetes"})
    found = []
    for one in imports:
        reason = fault(one, systems, kubernetes)
        if reason:
            found.append(f"{one.module}, line {one.line}: imports {one.target}: {reason}")
    return found


def reaching(imports: list[Import], prefix: str, goals: set[str]) -> set[str]:
    """Return the modules of a package that import one of `goals`, directly or through that package."""
    reached: set[str] = set()
    while True:
        more = {
            one.module
            for one in imports
            if one.module.startswith(prefix)
            and (one.target.partition(".")[0] in goals or one.target in goals or one.target in reached)
        }
        if more <= reached:
            return reached
        reached |= more


def fault(one: Import, systems: set[str], kubernetes: set[str]) -> str:
    """Return why an import is not allowed, "" where it is."""
    system, room = room_of(one.module)
    other, other_room = room_of(one.target)
    entry_point = one.module.endswith(".__main__")
    if other == "pipelines" and system != "pipelines" and not entry_point:
        return "only pipelines/ imports pipelines/"
    if other in systems and system not in (other, "pipelines") and not entry_point:
        return "no other system and no shared room imports a system"
    if other_room == "demo" and (system, room) != (other, "demo"):
        if (room == "pipeline" and one.late) or entry_point:
            return ""  # a stage makes the demo's input
        return "demo/ is imported by entry points, and inside the stage that makes its input"
    if system not in systems or not room:
        return ""
    if other == system and other_room:
        allowed = {"pipeline": {"pipeline", "model"}, "engine": {"engine", "model"}, "model": {"model"}}
        if other_room not in allowed.get(room, {"demo", "model"}):
            return f"{room}/ does not import {other_room}/"
    if room == "model":
        if one.target.partition(".")[0] in NOT_FOR_MODELS or other == "aws":
            return "model/ knows no AWS, no kfp, no Kubernetes and no SQL store"
        if one.target in kubernetes:
            return "model/ does not import cluster's Kubernetes side"
    return ""


def circle(root: Path) -> list[str]:
    """Return the modules of an import circle, [] where there is none."""
    modules, imports = read(root)
    graph: dict[str, set[str]] = {module: set() for module in modules}
    for one in imports:
        if one.target in modules and one.target != one.module:
            graph[one.module].add(one.target)
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def test_every_import_is_one_that_the_design_allows() -> None:
    found = violations(ROOT)
    assert not found, "\n".join(found)


def test_no_module_imports_itself_by_way_of_others() -> None:
    found = circle(ROOT)
    assert not found, " imports ".join(reversed(found))


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


SYSTEM = {
    "components/parts/model/fit.py": "import numpy",
    "components/parts/pipeline/stages.py": "def make():\n    from brume.parts import demo",
    "components/parts/engine/engine.py": "from brume.parts.model import fit\nimport sqlalchemy",
    "components/parts/demo/__init__.py": "from brume.parts.model import fit",
    "components/other/model/fit.py": "from brume import storage",
    "components/aws/client.py": "import boto3",
    "components/cluster/kube.py": "import kubernetes",
    "components/cluster/jobs.py": "from brume.cluster.kube import Cluster",
    "components/storage.py": "from brume.aws import client",
    "components/__main__.py": "from brume.pipelines import cli",
    "pipelines/cli.py": "from brume.parts.pipeline import stages\nfrom brume.parts import demo as _\n",
}


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("components/parts/model/bad.py", "from brume.other.model import fit"),
        ("components/parts/model/bad.py", "def late():\n    import brume.aws.client"),
        ("components/parts/model/bad.py", "from sqlalchemy import select"),
        ("components/parts/model/bad.py", "from brume.cluster import jobs"),
        ("components/parts/model/bad.py", "from ..engine import engine"),
        ("components/parts/pipeline/bad.py", "from brume.parts.engine import engine"),
        ("components/parts/pipeline/bad.py", "from brume.parts import demo"),
        ("components/parts/engine/bad.py", "from brume.parts.pipeline import stages"),
        ("components/parts/engine/bad.py", "def late():\n    from brume.parts import demo"),
        ("components/parts/demo/bad.py", "from brume.parts.engine import engine"),
        ("components/parts/pipeline/bad.py", "from brume.pipelines import cli"),
        ("components/run/bad.py", "from brume.parts.model import fit"),
    ],
)
def test_a_wrong_import_is_found(tmp_path: Path, module: str, text: str) -> None:
    allowed = {name: code for name, code in SYSTEM.items() if name != "pipelines/cli.py"}
    allowed["pipelines/cli.py"] = "from brume.parts.pipeline import stages"
    assert violations(write(tmp_path, allowed)) == []
    (fault,) = violations(write(tmp_path, {module: text}))
    assert "bad, line" in fault


def test_a_circle_is_found_also_by_a_late_import_and_types_alone_make_none(tmp_path: Path) -> None:
    types = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from brume.parts.model import fit"
    root = write(tmp_path, SYSTEM | {"components/parts/model/choice.py": types})
    write(root, {"components/parts/model/fit.py": "def fit():\n    from brume.parts.model import choice"})
    assert circle(root) == []
    write(root, {"components/parts/model/choice.py": "from brume.parts.model import fit"})
    assert {"brume.parts.model.fit", "brume.parts.model.choice"} == set(circle(root))
