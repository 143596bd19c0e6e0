"""Every object that the project creates, against strict schemas."""

from __future__ import annotations

import copy
import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import jsonschema
import kubernetes_validate
import pytest
from hypothesis import strategies

from brume.cluster.jobs import Job, job_manifest
from brume.cluster.mpi import MpiJob, mpi_job_manifest
from brume.cluster.pods import dns_name
from brume.cluster.resources import Resources
from brume.cluster.serving import Model, inference_service_manifest
from tests.components.cluster import schemas

PREDICTOR = "brume.slides.model.predictor"

ROOT = Path(__file__).resolve().parents[3]
GPU = Resources(
    cpu="7500m",
    memory="60Gi",
    gpus=4,
    tolerations=(
        {"key": "spot", "operator": "Equal", "value": "true", "effect": "NoExecute", "tolerationSeconds": 60},
    ),
    node_selector={"node.kubernetes.io/instance-type": "g5.12xlarge"},
    shared_memory="8Gi",
)
JOBS = [
    MpiJob("t", ("python3", "-m", "m"), 1, namespace="n"),
    MpiJob(
        "slides training",
        (sys.executable, "-m", "m", "--x", "a b"),
        8,
        "r/i:1",
        {"B": "2", "A": "1"},
        GPU,
        "n",
    ),
]
MODELS = [
    Model("m", "s3://bucket/model", namespace="n", module=PREDICTOR),
    Model(
        *("Lung_tiles", "s3://b/m", "r/i:1", GPU, "n", {"TF_CPP_MIN_LOG_LEVEL": "2"}),
        arguments=("--threads", "4"),
        replicas=3,
        most=5,
        module=PREDICTOR,
    ),
]
BACKGROUND = [
    Job("t", "a.module"),
    Job("Cookies training", "a.module", ["--x", "a b"], {"B": "2"}, "serving", GPU),
]
OBJECTS = [
    *map(mpi_job_manifest, JOBS),
    *map(inference_service_manifest, MODELS),
    *map(job_manifest, BACKGROUND),
]


@pytest.fixture(autouse=True)
def no_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KFP_POD_NAME", "KFP_POD_UID", "POD_NAME", "POD_UID", "BRUME_REGISTRY", "BRUME_TAG"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("manifest", OBJECTS, ids=lambda item: f"{item['kind']}-{item['metadata']['name']}")
def test_objects_are_valid(manifest: dict[str, Any]) -> None:
    schemas.validate(manifest)


@pytest.fixture(scope="module", params=["MPIJob", "InferenceService"])
def crd(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    schema = schemas.crd(request.param)
    if isinstance(schema, str):
        pytest.skip(schema)
    return request.param, schema


def test_objects_are_valid_by_the_operators_own_crds(crd: tuple[str, dict[str, Any]]) -> None:
    kind, schema = crd
    for manifest in OBJECTS:
        if manifest["kind"] == kind:
            jsonschema.Draft202012Validator(schema).validate(manifest)


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every object inside `value` whose field names are fixed by the API."""
    if isinstance(value, dict):
        yield path
        for key, item in value.items():
            if key not in ("annotations", "labels", "nodeSelector", "requests", "limits"):
                yield from paths(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from paths(item, (*path, index))


@pytest.mark.parametrize("number", [1, 3, 5])
def test_a_wrong_field_anywhere_is_refused(number: int) -> None:
    places = list(paths(OBJECTS[number]))
    assert len(places) > 20
    for place in places:
        wrong = copy.deepcopy(OBJECTS[number])
        found = wrong
        for key in place:
            found = found[key]
        found["replicsa"] = 1
        with pytest.raises((jsonschema.ValidationError, kubernetes_validate.ValidationError)):
            schemas.validate(wrong)


def test_a_wrong_field_anywhere_is_refused_by_the_crds(crd: tuple[str, dict[str, Any]]) -> None:
    """Shows that the strict form of the CRDs' schemas is strict: the metadata is not theirs to check."""
    kind, schema = crd
    manifest = next(item for item in reversed(OBJECTS) if item["kind"] == kind)
    validator = jsonschema.Draft202012Validator(schema)
    for place in paths(manifest):
        if place[:1] == ("metadata",):
            continue
        wrong = copy.deepcopy(manifest)
        found = wrong
        for key in place:
            found = found[key]
        found["replicsa"] = 1
        assert not validator.is_valid(wrong), place


WRONG_VALUES: list[tuple[str, tuple[Any, ...], Any]] = [
    ("MPIJob", ("spec", "runPolicy", "cleanPodPolicy"), "Runing"),
    ("MPIJob", ("spec", "slotsPerWorker"), "1"),
    ("MPIJob", ("spec", "mpiReplicaSpecs", "Worker", "replicas"), 0),
    ("MPIJob", ("apiVersion",), "kubeflow.org/v1"),
    (
        "MPIJob",
        ("spec", "mpiReplicaSpecs", "Worker", "template", "spec", "containers", 0, "ports"),
        [{"port": 1}],
    ),
    ("InferenceService", ("spec", "predictor", "minReplicas"), -1),
    ("InferenceService", ("spec", "predictor", "containers", 0, "image"), 7),
    ("InferenceService", ("spec", "predictor", "containers", 0, "livenessProbe", "httpGet"), {"path": "/"}),
]


@pytest.mark.parametrize(("kind", "place", "value"), WRONG_VALUES)
def test_a_wrong_value_is_refused(kind: str, place: tuple[Any, ...], value: Any) -> None:
    wrong = copy.deepcopy(next(item for item in OBJECTS if item["kind"] == kind))
    found = wrong
    for key in place[:-1]:
        found = found[key]
    found[place[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        schemas.validate(wrong)


def test_what_was_asked_for_is_in_the_job() -> None:
    manifest = mpi_job_manifest(JOBS[1])
    launcher, worker = (
        manifest["spec"]["mpiReplicaSpecs"][role]["template"]["spec"] for role in ("Launcher", "Worker")
    )
    assert manifest["spec"]["mpiReplicaSpecs"]["Worker"]["replicas"] == 8
    assert worker["containers"][0]["resources"]["limits"] == {
        "cpu": "7500m",
        "memory": "60Gi",
        "nvidia.com/gpu": "4",
    }
    assert "nvidia.com/gpu" not in launcher["containers"][0]["resources"]["limits"]
    assert {"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": "8Gi"}} in worker[
        "volumes"
    ]
    assert [item["key"] for item in worker["tolerations"]] == ["spot", "nvidia.com/gpu"]
    assert Resources(gpus=1).shared_memory == "1Gi"  # NCCL wants more than a container has by itself
    assert Resources().shared_memory == ""
    assert worker["nodeSelector"] == {"node.kubernetes.io/instance-type": "g5.12xlarge"}
    command = launcher["containers"][0]["command"]
    assert command[:3] == ["brume-mpirun", "-n", "8"]
    assert command[-6:] == ["brume-rank", "python3", "-m", "m", "--x", "a b"]
    assert [command[i + 1] for i, word in enumerate(command) if word == "-x"] == ["A", "B"]


@pytest.mark.parametrize("manifest", OBJECTS, ids=lambda item: f"{item['kind']}-{item['metadata']['name']}")
def test_pods_may_do_nothing_beyond_their_work_and_hold_no_secret(manifest: dict[str, Any]) -> None:
    spec = manifest["spec"]
    if manifest["kind"] == "MPIJob":
        pods = [item["template"]["spec"] for item in spec["mpiReplicaSpecs"].values()]
    elif manifest["kind"] == "Job":
        pods = [spec["template"]["spec"]]
    else:
        pods = [spec["predictor"]]
    for pod in pods:
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        (container,) = pod["containers"]
        context = container["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert container["envFrom"] == [
            {"configMapRef": {"name": "brume-endpoints", "optional": True}},
            {"secretRef": {"name": "brume-s3", "optional": True}},
        ]


def test_a_model_is_served_by_plain_deployments_and_probed() -> None:
    manifest = inference_service_manifest(MODELS[1])
    assert manifest["metadata"]["name"] == "lung-tiles"
    assert manifest["metadata"]["annotations"] == {"serving.kserve.io/deploymentMode": "Standard"}
    (container,) = manifest["spec"]["predictor"]["containers"]
    assert container["command"][5:7] == ["--name", "Lung_tiles"]
    assert container["command"][-2:] == ["--threads", "4"]
    predictor = manifest["spec"]["predictor"]
    assert (predictor["minReplicas"], predictor["maxReplicas"]) == (3, 5)
    always = inference_service_manifest(MODELS[0])["spec"]["predictor"]
    assert (always["minReplicas"], always["maxReplicas"]) == (1, 1)
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["port"] == container["ports"][0]["containerPort"]


def test_a_background_job_runs_its_module_once_and_is_cleared_away() -> None:
    spec = job_manifest(BACKGROUND[1])["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    assert container["command"] == ["python3", "-m", "a.module", "--x", "a b"]
    assert container["image"].startswith("brume-serving:")
    assert {"name": "B", "value": "2"} in container["env"]
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    assert spec["ttlSecondsAfterFinished"] > 3600
    moved, failed = spec["podFailurePolicy"]["rules"]
    assert (moved["action"], failed["action"]) == ("Count", "FailJob")


@pytest.mark.parametrize("replicas", [0, -1])
def test_a_model_that_nothing_would_serve_is_refused(replicas: int) -> None:
    with pytest.raises(ValueError, match="model m: replicas is"):
        Model("m", "s3://bucket/model", replicas=replicas, module=PREDICTOR)
    with pytest.raises(ValueError, match="model m: most is 1, fewer than its 2 replicas"):
        Model("m", "s3://bucket/model", replicas=2, most=1, module=PREDICTOR)


def test_the_step_that_waits_for_a_job_owns_it_and_what_outlives_its_step_is_nobodys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KFP_POD_NAME", "step-1")
    monkeypatch.setenv("KFP_POD_UID", "u-1")
    job = mpi_job_manifest(JOBS[0])
    schemas.validate(job)
    assert job["metadata"]["ownerReferences"] == [
        {"apiVersion": "v1", "kind": "Pod", "name": "step-1", "uid": "u-1"}
    ]
    for outlives in (inference_service_manifest(MODELS[0]), job_manifest(BACKGROUND[0])):
        assert "ownerReferences" not in outlives["metadata"]


@hypothesis.given(strategies.text(max_size=120), strategies.integers(0, 999))
def test_any_name_becomes_one_that_kubernetes_takes(text: str, index: int) -> None:
    import re

    name = dns_name(text)
    assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name)
    assert len(f"{name}-worker-{index}") <= 63


def test_two_long_names_stay_two() -> None:
    assert dns_name("a" * 60) != dns_name("a" * 61)


@pytest.mark.mpi
def test_the_launchers_command_runs_and_hands_the_environment_on(tmp_path: Path) -> None:
    """The very command of the manifest, with our mpirun script: forwarded are names, never values."""
    job = dataclasses.replace(
        JOBS[0],
        command=("sh", "-c", "echo $OMPI_COMM_WORLD_RANK $WORD $AWS_ENDPOINT_URL_S3"),
        ranks=2,
        env={"WORD": "w"},
    )
    (container,) = mpi_job_manifest(job)["spec"]["mpiReplicaSpecs"]["Launcher"]["template"]["spec"][
        "containers"
    ]
    for script in ("brume-mpirun", "brume-rank"):
        (tmp_path / script).symlink_to(ROOT / "images" / "training" / script)
    (tmp_path / "hostfile").write_text("localhost slots=2\n")
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "OMPI_MCA_orte_default_hostfile": str(tmp_path / "hostfile"),
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
        "WORD": "w",
        "AWS_ENDPOINT_URL_S3": "http://store:9000/a b",
        "ODD": "line\nAWS_FAKE=1",
    }
    done = subprocess.run(container["command"], env=environment, capture_output=True, text=True, check=True)
    lines = sorted(line for line in done.stdout.splitlines() if "store" in line)
    assert lines == [f"[1,{rank}]<stdout>:{rank} w http://store:9000/a b" for rank in range(2)]
    assert "AWS_FAKE" not in done.stderr


def test_whole_numbers_of_tolerations_stay_whole() -> None:
    """A pipeline's list parameter arrives with floats; the API server takes integers alone."""
    resources = Resources(tolerations=({"key": "gpu", "operator": "Exists", "tolerationSeconds": 60.0},))
    assert resources.tolerations[0]["tolerationSeconds"] == 60
    assert isinstance(resources.tolerations[0]["tolerationSeconds"], int)
