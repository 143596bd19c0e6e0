"""The application imports nothing of this project, and only what it declares."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import kubernetes_validate
import yaml

from tests.edge.conftest import EDGE

MODULES = sorted((EDGE / "brume_edge").glob("**/*.py"))
PACKAGES = {"PIL": "pillow", "cv2": "opencv-python-headless", "paho": "paho-mqtt"}
OF_THE_SYSTEM = {"picamera2"}  # it comes with Raspberry Pi OS


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "an import names the whole path"
            yield str(node.module)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "find_spec")):
            [name] = node.args
            if isinstance(name, ast.Constant):
                yield str(name.value)


def test_it_imports_only_itself_and_what_it_declares() -> None:
    facts = tomllib.loads((EDGE / "pyproject.toml").read_text())["project"]
    declared = facts["dependencies"] + [
        line for extra in facts["optional-dependencies"].values() for line in extra
    ]
    names = {re.match(r"[\w-]+", line).group() for line in declared}  # type: ignore[union-attr]
    found = {name.split(".")[0] for path in MODULES for name in imported(path)}
    others = found - set(sys.stdlib_module_names) - {"brume_edge"} - OF_THE_SYSTEM
    assert not others & {"components", "pipelines", "boto3", "tensorflow", "tests"}
    needed = {PACKAGES.get(name, name.replace("_", "-")) for name in others}
    assert needed <= names
    assert names - needed == {"lgpio"}, "what gpiozero uses on a Raspberry Pi, and nothing else"


def test_the_manifest_is_one_that_kubernetes_takes() -> None:
    manifests = list(yaml.safe_load_all((EDGE / "k3s" / "brume-edge.yaml").read_text()))
    for manifest in manifests:
        kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)
    for text in (EDGE / "k3s" / "brume-edge.yaml", EDGE / "systemd" / "brume-edge.service"):
        assert "AWS_SECRET_ACCESS_KEY=" not in text.read_text(), "secrets are named, not written"
