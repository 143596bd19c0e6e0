"""The Dockerfile, as far as it can be checked without building it, and the script that builds it.

What is built is tried in tests/cluster/test_images.py.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "images"
NAMES = ("pipeline", "training", "serving", "engines")
Instruction = tuple[str, str]


def stages() -> dict[str, list[Instruction]]:
    """The instructions of each stage of the Dockerfile, with those of the stages that it is made from."""
    text = (IMAGES / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    found: dict[str, list[Instruction]] = {}
    name = ""
    for line in filter(None, joined.splitlines()):
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            parent, _as, name = rest.split()
            found[name] = [*found.get(parent, [])]
        if name:
            found[name].append((word, rest.strip()))
    return found


def of(stage: list[Instruction], word: str) -> list[str]:
    return [rest for found, rest in stage if found == word]


KNOWN = {"FROM", "RUN", "COPY", "ENV", "ARG", "WORKDIR", "USER", "EXPOSE", "CMD", "ENTRYPOINT", "HEALTHCHECK"}
KNOWN |= {"LABEL", "VOLUME"}


def test_the_dockerfile_names_its_bases_and_copies_existing_files() -> None:
    (base,) = re.findall(r"^ARG BASE=(\S+)$", (IMAGES / "Dockerfile").read_text(), re.MULTILINE)
    assert re.fullmatch(r"[a-z0-9./-]+:(?!latest)[\w.-]+", base)
    for stage in stages().values():
        assert {word for word, _rest in stage} <= KNOWN
        for copy in of(stage, "COPY"):
            if not copy.startswith("--from="):
                for source in copy.split()[:-1]:
                    assert (ROOT / source).exists(), source
        for run in of(stage, "RUN"):
            assert not re.search(r"https?://|--index-url|--trusted-host", run)
            for install in re.findall(r"pip \S+ \S+ install[^&|;]*", run):
                assert re.search(r"--no-deps|pip==", install), "install.py knows the constraints"
    assert '"-c", "constraints.txt"' in (IMAGES / "install.py").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_an_image_is_not_root_and_has_no_compiler(name: str) -> None:
    image = stages()[name]
    assert of(image, "USER") == ["1000"]
    last = max(index for index, (word, _rest) in enumerate(image) if word in ("RUN", "COPY"))
    assert image.index(("USER", "1000")) > last
    assert not re.search(r"g\+\+|make|gcc|build-essential|-dev\b", " ".join(of(image, "RUN")))
    for word in ("CMD", "ENTRYPOINT"):
        for command in of(image, word):
            assert json.loads(command)


@pytest.mark.parametrize("name", NAMES)
def test_the_code_is_the_last_that_an_image_is_made_of(name: str) -> None:
    made = [(word, rest) for word, rest in stages()[name] if word in ("RUN", "COPY")]
    assert made[-1] == ("COPY", "--from=project /project /")


@pytest.mark.parametrize(("name", "module"), [("pipeline", "steps.py"), ("engines", "engine.py")])
def test_an_image_of_many_systems_has_the_extra_of_each(name: str, module: str) -> None:
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    systems = {path.parent.name for path in (ROOT / "components").glob(f"*/{module}")}
    installed = re.findall(r"install\.py ([a-z ]+)", " ".join(of(stages()[name], "RUN")))
    assert systems & known.keys() <= set(" ".join(installed).split())


@pytest.mark.parametrize("name", ["serving", "engines"])
def test_a_server_is_health_checked_at_its_port(name: str) -> None:
    (check,) = of(stages()[name], "HEALTHCHECK")
    (port,) = of(stages()[name], "EXPOSE")
    assert f":{port}/readyz" in check


def test_what_is_no_python_reaches_the_images_too() -> None:
    """An installed package holds what package-data names: service models and pages, as well as modules."""
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["*"]
    for package in ("components", "pipelines"):
        for path in (ROOT / package).rglob("*"):
            if path.is_file() and path.suffix not in (".py", ".pyc"):
                assert any(path.match(pattern) for pattern in patterns), path


@pytest.mark.parametrize("script", ["build.sh", "training/brume-mpirun", "training/brume-rank"])
def test_scripts_are_executable_and_parse(script: str) -> None:
    assert os.access(IMAGES / script, os.X_OK)
    subprocess.run(["sh", "-n", IMAGES / script], check=True)


def test_the_predictor_imports_no_more_than_its_image_has() -> None:
    code = """
import sys
import boto3
import brume.aws.client, brume.slides.model.predictor, brume.storage
others = ("kfp", "kubernetes", "pyarrow", "rich", "PIL", "numpy", "mpi4py")
print([name for name in others if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


ENGINE = """#!/bin/sh
# A double of a container engine: notes its arguments and what lies in the context.
case $1 in info | --version) exit ${ENGINE_INFO:-0} ;; esac
for last; do :; done
case $1 in
    save) touch "$3"; exit ;;
    push) last=${last#docker-archive:}; touch "${last%%:*}"; exit ;;
esac
echo "$@" >>"$NOTES"
ls "$last" | tr '\\n' ' ' >>"$NOTES"
ls "$last/images/training" >/dev/null
"""


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A PATH on which build.sh finds what it needs, and no container engine."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ("sh", "sed", "dirname", "mktemp", "cp", "find", "rm", "ls", "tr", "mkdir", "touch"):
        for place in ("/usr/bin", "/bin"):
            if (Path(place) / tool).exists():
                (folder / tool).symlink_to(Path(place) / tool)
                break
    return folder


def build(tools: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(tools), "NOTES": str(tools / "notes"), **env}
    command = [IMAGES / "build.sh", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("engine", ["docker", "podman", "buildah"])
def test_any_engine_builds_all_images_under_their_names(tools: Path, engine: str) -> None:
    (tools / engine).write_text(ENGINE)
    (tools / engine).chmod(0o755)
    done = build(tools, "registry.example/team", "7")
    assert done.returncode == 0, done.stderr
    notes = (tools / "notes").read_text()
    assert re.findall(r"build -t (\S+)", notes) == [f"registry.example/team/brume-{name}:7" for name in NAMES]
    assert [word in notes for word in ("--format docker", "--layers")] == [engine != "docker"] * 2
    assert f"{engine} push registry.example/team/brume-serving:7" in done.stderr
    assert "LICENSE README.md components constraints.txt images pipelines pyproject.toml" in notes
    assert ".venv" not in notes


def test_the_default_names_are_those_that_pipelines_use(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from brume.cluster import images

    monkeypatch.delenv("BRUME_REGISTRY", raising=False)
    monkeypatch.delenv("BRUME_TAG", raising=False)
    (tools / "docker").write_text(ENGINE)
    (tools / "docker").chmod(0o755)
    assert build(tools, "", "").returncode == 0
    notes = (tools / "notes").read_text()
    assert re.findall(r"build -t (\S+)", notes) == [images.reference(name) for name in NAMES]


def test_the_base_is_the_users_to_pin_and_to_name(tools: Path) -> None:
    (tools / "docker").write_text(ENGINE)
    (tools / "docker").chmod(0o755)
    pinned = f"registry.example/python@sha256:{'0' * 64}"
    assert build(tools, BASE=pinned, IMAGES="serving", OPTIONS="--pull --no-cache").returncode == 0
    notes = (tools / "notes").read_text()
    assert f"--build-arg BASE={pinned} --label org.opencontainers.image.base.name={pinned} " in notes
    assert "--pull --no-cache" in notes
    assert "--target serving" in notes
    assert "--target engines" not in notes


SYFT = """#!/bin/sh
# A double of syft: notes its arguments; its last one is spdx-json=FILE.
for last; do :; done
[ -f "${3#docker-archive:}" ] || exit 1
echo "$@" >"${last#spdx-json=}"
"""


@pytest.mark.parametrize("engine", ["docker", "podman", "buildah"])
def test_what_is_in_an_image_is_listed_beside_it(tools: Path, tmp_path: Path, engine: str) -> None:
    for name, script in ((engine, ENGINE), ("syft", SYFT)):
        (tools / name).write_text(script)
        (tools / name).chmod(0o755)
    done = build(tools, "", "7", IMAGES="serving", SBOM=str(tmp_path / "lists"))
    assert done.returncode == 0, done.stderr
    (listed,) = (tmp_path / "lists").iterdir()
    assert listed.name == "brume-serving-7.spdx.json"
    assert "--source-name brume-serving:7 --source-version 7" in listed.read_text()


def test_without_syft_it_reports_that_nothing_is_listed(tools: Path) -> None:
    (tools / "docker").write_text(ENGINE)
    (tools / "docker").chmod(0o755)
    assert "install syft, or say SBOM=no" in build(tools).stderr
    assert "syft" not in build(tools, SBOM="no").stderr


def test_without_an_engine_it_reports_what_to_install(tools: Path) -> None:
    done = build(tools)
    assert done.returncode == 3
    assert "install docker, podman or buildah" in done.stderr


def test_an_engine_that_does_not_run_is_not_blamed_on_the_images(tools: Path) -> None:
    (tools / "docker").write_text(ENGINE)
    (tools / "docker").chmod(0o755)
    done = build(tools, ENGINE_INFO="1")
    assert done.returncode == 3
    assert "docker is installed but does not run" in done.stderr
