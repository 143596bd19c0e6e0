"""Write the skeleton of a new system: ``scripts/new_system.py NAME SERVICE [--root FOLDER]``.

NAME is the system's, SERVICE botocore's name of the AWS service that its engine answers for. The skeleton
has the four rooms, a pipeline of one stage, an extra in pyproject.toml, and tests that pass. It counts the
lines of a text, as an example of each part to replace.
"""

from __future__ import annotations

import argparse
import ast
import keyword
import re
import sys
import tomllib
from pathlib import Path
from string import Template

from botocore import xform_name
from botocore.session import get_session

FILES = {
    "components/$name/__init__.py": '"""$title, in the four rooms of a system."""\n',
    "components/$name/model/__init__.py": '"""What $name computes, without AWS and without Kubeflow."""\n',
    "components/$name/model/lines.py": '''"""Counts the lines of a text."""


def count_lines(text: str, least: int) -> int:
    """Return the number of lines that have at least `least` characters."""
    return sum(len(line) >= least for line in text.splitlines())
''',
    "components/$name/pipeline/__init__.py": '"""The stages of the $name pipeline and its parameters."""\n',
    "components/$name/pipeline/settings.py": '''"""Checks of the parameters of the $name pipeline."""

from collections.abc import Mapping
from typing import Any

from brume import storage


def check(arguments: Mapping[str, Any]) -> None:
    """Raise `ValueError` that names every parameter the pipeline cannot work with."""
    wrong = []
    if arguments["least"] < 0:
        wrong.append(f"least={arguments['least']} must be 0 or more")
    if not storage.exists(arguments["source"]):
        wrong.append(f"source={arguments['source']} does not exist")
    if wrong:
        raise ValueError("\\n".join(wrong))
''',
    "components/$name/pipeline/stages.py": '''"""The stages of the $name pipeline."""

from __future__ import annotations

import json

from brume import storage
from brume.$name.model.lines import count_lines
from brume.run.artifacts import Metrics
from brume.run.stage import Content, stage


@stage("count", outputs={"metrics": "metrics.json"})
def count(source: Content, least: int, metrics: Metrics) -> int:
    """Count the lines of the text at `source`; returns their number."""
    found = count_lines(storage.read_bytes(source).decode(), least)
    metrics.metadata["lines"] = found
    storage.write_bytes(metrics.uri, json.dumps({"lines": found}).encode())
    return found
''',
    "components/$name/engine/__init__.py": '"""The engine of $service."""\n',
    "components/$name/engine/engine.py": '''"""$title: answers for $service with what $name computes."""

from brume.aws.engine.catalog import Settings
from brume.aws.engine.resources import Service
from brume.aws.engine.service import Engine

PORT = $port
SERVICES = ("$service",)
# One class per resource of the API, each in a module of its own. What none has is refused by its name.
SERVICE = Service("$service", ())
OFFERED = (SERVICE,)


def create(settings: Settings) -> Engine:
    """Return the engine, with its state in `settings.data`."""
    return Engine({"$service": SERVICE.mount()})
''',
    "components/$name/demo/__init__.py": '"""Makes the input of the demo of $name."""\n',
    "components/$name/demo/__main__.py": '''"""Write the demo's input: ``python -m brume.$name.demo FILE``."""

import sys
from pathlib import Path

from brume.$name.demo.text import write_text

write_text(Path(sys.argv[1]))
''',
    "components/$name/demo/text.py": '''"""A text with lines of every length up to nine characters."""

from pathlib import Path


def write_text(path: Path) -> None:
    """Write ten lines, of 0 to 9 characters."""
    path.write_text("".join("x" * length + "\\n" for length in range(10)))
''',
    "pipelines/$name.py": '''"""$title: counts the lines of a text.

brume run $name source=FILE --out out/$name
"""

from collections.abc import Mapping
from typing import Any

from brume.$name.pipeline import settings, stages
from brume.pipelines.running import steps


def check(arguments: Mapping[str, Any]) -> None:
    """Raise `ValueError` that names every parameter the pipeline cannot work with."""
    settings.check(arguments)


@steps.pipeline("$kebab", "Count the lines of a text.")
def pipeline(source: str, least: int = 0) -> None:
    """Count the lines of a text.

    Args:
        source: A text file, local or s3://.
        least: Characters that a line must have to be counted.
    """
    step = steps.Steps(locals())
    step(stages.count, cpu="500m", memory="512Mi")
''',
    "tests/components/$name/test_lines.py": '''"""Lines are counted from a length on."""

from brume.$name.model.lines import count_lines


def test_lines_below_the_least_length_are_not_counted() -> None:
    assert [count_lines("\\nx\\nxx", least) for least in range(4)] == [3, 2, 1, 0]
''',
    "tests/components/$name/test_engine.py": '''"""AWS's own client against the engine."""

from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from brume.$name.engine import engine
from brume.aws.engine.catalog import Settings
from tests.aws.serving import client_of, serve_engine


def test_an_operation_that_is_not_implemented_is_named(tmp_path: Path) -> None:
    with serve_engine(engine.create(Settings(tmp_path))) as url:
        client = client_of(url, "$service")
        with pytest.raises(ClientError, match="$operation"):
            client.$method()
''',
    "tests/pipelines/test_$name.py": '''"""The $name pipeline, and again with each input changed."""

import json
from pathlib import Path

from brume.$name.demo.text import write_text
from tests.pipelines.runs import brume


def test_a_run_counts_and_runs_again_when_an_argument_changes(tmp_path: Path) -> None:
    source, out = tmp_path / "text", tmp_path / "out"
    write_text(source)

    def run(least: int) -> tuple[int, str]:
        done = brume("run", "$name", f"source={source}", f"least={least}", "--out", str(out))
        assert done.returncode == 0, done.stdout + done.stderr
        record = json.loads((out / "run.json").read_text())
        states = {step["step"]: step["state"] for step in record["steps"]}
        return json.loads((out / "metrics.json").read_text())["lines"], states["count"]

    assert run(0) == (10, "finished")
    assert run(0) == (10, "reused")
    assert run(5) == (5, "finished")
    source.write_text("another text\\n")
    assert run(5) == (1, "finished")
''',
}


class SkeletonError(ValueError):
    """A skeleton that cannot be written; the message says why, and what to do."""


def write(root: Path, name: str, service: str) -> list[Path]:
    """Write the skeleton into the project at `root`; returns the files. Raises `SkeletonError`."""
    values = {"name": name, "service": service, "title": name.replace("_", " ").capitalize()}
    values |= {"kebab": name.replace("_", "-"), "port": str(_free_port(root))}
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise SkeletonError(f"NAME={name} must be a name of a Python module in small letters, as captions")
    files = {root / Template(path).substitute(values): text for path, text in FILES.items()}
    if there := [str(path.relative_to(root)) for path in files if path.exists()] or (
        (root / "components" / name).exists() and [f"components/{name}"]
    ):
        raise SkeletonError(f"{there[0]} exists: choose another NAME")
    values |= _operation(service)
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_sorted_imports(Template(text).substitute(values)))
    _add_extra(root / "pyproject.toml", name)
    return [*files, root / "pyproject.toml"]


def _sorted_imports(text: str) -> str:
    """Return a module with its imports of the project in order, which depends on the system's name."""
    return re.sub(r"(?m)(^from brume.*\n)+", lambda block: "".join(sorted(block[0].splitlines(True))), text)


def _operation(service: str) -> dict[str, str]:
    """Return an operation of a service that needs no argument, as the model and as boto3 name it."""
    session = get_session()
    if service not in session.get_available_services():
        raise SkeletonError(
            f"SERVICE={service} is no service that botocore knows: take its name there, as polly"
        )
    model = session.get_service_model(service)
    for operation in model.operation_names:
        shape = model.operation_model(operation).input_shape
        if shape is None or not shape.required_members:
            return {"operation": operation, "method": xform_name(operation)}
    raise SkeletonError(
        f"SERVICE={service}: every operation needs arguments; write the engine's test by hand"
    )


def _free_port(root: Path) -> int:
    """Return the port after the highest of the engines there are."""
    ports = [8400]
    for path in root.glob("components/*/engine/engine.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "PORT":
                ports.append(int(ast.literal_eval(node.value)))
    return max(ports) + 1


def _add_extra(path: Path, name: str) -> None:
    """Add an empty extra of this name to pyproject.toml, and to what developers install.

    It stands before `dev`, and becomes the last of the extras that `dev` takes from the project itself.
    Raises `SkeletonError`, with the file as it was, when it has no such places.
    """
    text = path.read_text()
    extra = f"# What the system {name} needs beside the rest.\n{name} = []\n"
    project = tomllib.loads(text)["project"]
    extras = project.get("optional-dependencies", {})
    everything = next((one for one in extras.get("dev", []) if one.startswith(f"{project['name']}[")), "]")
    longer = f"{everything[:-1]},{name}]"
    changed = re.sub(r"(?m)^(?=dev = \[)", extra, text, count=1).replace(f'"{everything}"', f'"{longer}"')
    dev = [longer if one == everything else one for one in extras.get("dev", [])]
    if tomllib.loads(changed)["project"].get("optional-dependencies") != {**extras, name: [], "dev": dev}:
        raise SkeletonError(f"{path}: the place of the extras was not found: add {name} = [] by hand")
    path.write_text(changed)


def main() -> int:
    """Write a skeleton, and print what there is to do next."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("service")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    chosen = parser.parse_args()
    try:
        files = write(chosen.root, chosen.name, chosen.service)
    except SkeletonError as error:
        print(f"system: {error}", file=sys.stderr)
        return 1
    for file in files:
        print(file.relative_to(chosen.root))
    print("Next: CONTRIBUTING.md, How a system is built")
    return 0


if __name__ == "__main__":
    sys.exit(main())
