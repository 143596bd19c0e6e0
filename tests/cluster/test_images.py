"""The project's images: their contents, and what works in them, in restricted pods."""

from __future__ import annotations

import importlib.metadata
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from brume.cluster.images import reference
from tests.cluster.harness import binaries, images
from tests.cluster.harness.cluster import Cluster, OwnCluster
from tests.cluster.harness.installed import STEP, Installed

NAMES = images.NAMES
IMPORTS = {
    "pipeline": "kfp.dsl.executor_main brume.slides.pipeline.stages brume.slides.pipeline.results"
    " brume.inspection.pipeline.stages brume.labels.pipeline.stages brume.records.pipeline.stages"
    " openslide cv2 duckdb pyiceberg kubernetes",
    "training": "brume.slides.model.training_loop brume.slides.model.export horovod.tensorflow mpi4py.MPI"
    " boto3",
    "serving": "brume.slides.model.predictor tensorflow boto3 uvicorn",
    "engines": "brume.inspection.engine.engine brume.inspection.engine.training_jobs"
    " brume.inspection.model.predictor brume.labels.engine.engine brume.records.engine.engine tensorflow"
    " kubernetes pg8000",
}
TOOLS = ("cc", "gcc", "g++", "clang", "ld", "make", "cmake", "git", "curl")
# In a layer, these would be what somebody forgot to remove.
LEFTOVERS = (
    "root/.cache/pip/",
    "var/lib/apt/lists/",
    "var/cache/apt/archives/",
    "src/",
    "tmp/",
    "etc/ssh/ssh_host_",
)


@dataclass(frozen=True)
class Image:
    """An image as it was exported."""

    config: Mapping[str, Any]
    layers: Sequence[str]
    files: frozenset[str]
    """What its layers hold, beyond the base: paths without the first slash."""


@pytest.fixture(scope="module")
def exported(cluster: Cluster) -> dict[str, Image]:
    if not isinstance(cluster, OwnCluster):
        pytest.skip("the images of a cluster that was there are not ours to take apart")
    with tarfile.open(images.archive()) as archive:
        entries = {tag: entry for entry in _json(archive, "manifest.json") for tag in entry["RepoTags"]}
        found = {}
        for name in NAMES:
            entry = entries[f"docker.io/library/{reference(name)}"]
            files: set[str] = set()
            for layer in entry["Layers"][1:]:
                content = archive.extractfile(layer)
                with tarfile.open(fileobj=content) as inside:
                    files.update(member.name for member in inside if not member.isdir())
            found[name] = Image(_json(archive, entry["Config"])["config"], entry["Layers"], frozenset(files))
    return found


def _json(archive: tarfile.TarFile, name: str) -> Any:
    content = archive.extractfile(name)
    assert content
    return json.load(content)


def inside(brume: Installed, name: str, program: str) -> str:
    return brume.run_inside(program, image=reference(name), labels=STEP)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_the_build_is_left(exported: dict[str, Image], name: str) -> None:
    left = [
        file
        for file in exported[name].files
        if file.startswith(LEFTOVERS) and not file.endswith("/.wh..wh..opq")
    ]
    assert left == []
    assert not [file for file in exported[name].files if file.endswith((".whl", ".deb"))]


def test_images_have_in_common_all_but_what_is_their_own(exported: dict[str, Image]) -> None:
    """A node that has pulled one of those with TensorFlow has most of the others."""
    tensorflow = "opt/brume/lib/python3.11/site-packages/tensorflow/libtensorflow_cc.so.2"
    heavy = [image for image in exported.values() if tensorflow in image.files]
    assert len(heavy) == 3
    assert len({tuple(image.layers[:4]) for image in heavy}) == 1
    assert len({image.layers[-1] for image in exported.values()}) == 1, "the code is the same, and the last"


@pytest.mark.parametrize("name", NAMES)
def test_an_image_names_its_contents(exported: dict[str, Image], name: str) -> None:
    labels = exported[name].config["Labels"]
    assert labels["org.opencontainers.image.version"] == importlib.metadata.version("brume")
    for key in ("title", "description"):
        assert labels[f"org.opencontainers.image.{key}"]


@pytest.mark.parametrize("name", NAMES)
def test_an_image_runs_as_an_ordinary_user_without_what_builds(brume: Installed, name: str) -> None:
    program = f"import os, shutil; print(os.getuid(), [tool for tool in {TOOLS} if shutil.which(tool)])"
    assert inside(brume, name, program).strip() == "1000 []"


@pytest.mark.parametrize("name", NAMES)
def test_an_image_has_all_that_its_jobs_import(brume: Installed, name: str) -> None:
    program = (
        f"import importlib\nfor name in {IMPORTS[name].split()}: importlib.import_module(name)\nprint('all')"
    )
    assert inside(brume, name, program).splitlines()[-1] == "all"


@pytest.mark.parametrize(("name", "words"), [("pipeline", ""), ("engines", "engine")])
def test_the_command_is_there(brume: Installed, name: str, words: str) -> None:
    program = f"import subprocess; subprocess.run(['brume', *'{words}'.split(), '--help'], check=True)"
    assert f"Usage: brume {words}".strip() in inside(brume, name, program)


def test_ranks_find_each_other_by_mpi_and_by_horovod(brume: Installed) -> None:
    rank = (
        "import horovod.tensorflow as hvd; from mpi4py import MPI; hvd.init();"
        "print(f'sum {MPI.COMM_WORLD.allreduce(MPI.COMM_WORLD.rank + 1)} {hvd.size()}')"  # in one write
    )
    command = [
        "brume-mpirun",
        "--oversubscribe",
        "--bind-to",
        "none",
        "-n",
        "2",
        "brume-rank",
        "python3",
        "-c",
        rank,
    ]
    output = inside(brume, "training", f"import subprocess; subprocess.run({command}, check=True)")
    assert output.count("sum 3 2") == 2


MODEL = """
import tensorflow as tf

class Model(tf.Module):
    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def classify(self, image_bytes):
        return {"probabilities": tf.fill([tf.size(image_bytes), 2], 0.5)}

model = Model()
tf.saved_model.save(model, "/tmp/model", signatures={"serving_default": model.classify})
open("/tmp/model/labels.json", "w").write('{"classes": ["a", "b"]}')
"""
# How each service is started in its image, and where the check is to find it well.
STARTS = {
    "engines": "BRUME_COMPUTE=local exec brume engine inspection --host 0.0.0.0 --port 8080 --data /tmp/data",
    "training": "mkdir -p ~/.ssh && ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_rsa"
    " && exec /usr/sbin/sshd -De -f /etc/brume/sshd_config",
    "serving": "python3 - <<'END' && exec python3 -m brume.slides.model.predictor"
    f" --model /tmp/model --name m --port 8080\n{MODEL}END",
}
WATCH = """
import subprocess, sys, time
healthy = lambda: subprocess.run({check}, capture_output=True).returncode == 0
print(f"before {{healthy()}}")
process = subprocess.Popen(["sh", "-c", {start}])
end = time.monotonic() + 240
while not (well := healthy()) and process.poll() is None and time.monotonic() < end:
    time.sleep(0.1)
print(f"started {{well}}")
process.terminate()
process.wait()
print(f"after {{healthy()}}")
"""


@pytest.mark.parametrize("name", STARTS)
def test_the_health_check_knows_a_service_that_runs(
    exported: dict[str, Image], brume: Installed, name: str
) -> None:
    how, *check = exported[name].config["Healthcheck"]["Test"]
    assert how == "CMD"
    output = inside(brume, name, WATCH.format(check=check, start=repr(STARTS[name])))
    states = [line for line in output.splitlines() if line.startswith(("before ", "started ", "after "))]
    assert states == ["before False", "started True", "after False"], output


def test_a_list_of_contents_is_made_with_an_image(
    exported: dict[str, Image], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(binaries.folder("syft")), prepend=":")
    with images.builder() as builder:
        builder.build(["training"], tmp_path)
    (file,) = tmp_path.iterdir()
    content = json.loads(file.read_text())
    listed = {package["name"]: package["versionInfo"] for package in content["packages"]}
    assert content["spdxVersion"].startswith("SPDX-")
    assert listed["tensorflow-cpu"] == images.tensorflow()
    assert listed["brume"] == importlib.metadata.version("brume")
    # What pip did not install: Debian's packages, with their versions.
    assert listed["openssh-server"].startswith("1:")
    assert {"openmpi-bin", "horovod"} <= listed.keys()
