"""Strict schemas of everything that the project sends to a Kubernetes API.

Core kinds: the schemas of kubernetes-validate, in their strict form, which refuse unknown fields. MPIJob and
InferenceService are custom kinds, whose fields around the pods are written out here, after mpi-operator
v0.8.0 and KServe v0.20.0, only as far as the project uses them: a field that is not here is refused, so that
using a new one means to look it up first. The pods inside are core PodSpecs and are checked as such, all the
way down. Where the operators' own CRDs can be had (`crd`), a test holds the same objects against those too.
"""

from __future__ import annotations

import functools
import importlib.resources
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml
from referencing import Registry, Resource

VERSION = kubernetes_validate.latest_version()
Schema = dict[str, Any]
_DEFINITIONS = "https://kubernetes.io/api/_definitions.json"
_CORE = f"{_DEFINITIONS}#/$defs/"


def _closed(properties: Schema, required: tuple[str, ...] = ()) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_METADATA = {"$ref": f"{_CORE}io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}


def _replicas(most: int | None) -> Schema:
    return _closed(
        {
            "replicas": {"type": "integer", "minimum": 1, **({"maximum": most} if most else {})},
            "restartPolicy": {"enum": ["Never", "OnFailure"]},
            "template": {"$ref": f"{_CORE}io.k8s.api.core.v1.PodTemplateSpec"},
        },
        ("replicas", "restartPolicy", "template"),
    )


def _object(api_version: str, kind: str, spec: Schema) -> Schema:
    head = {"apiVersion": {"const": api_version}, "kind": {"const": kind}, "metadata": _METADATA}
    return _closed({**head, "spec": spec}, ("apiVersion", "kind", "metadata", "spec"))


MPI_JOB = _object(
    "kubeflow.org/v2beta1",
    "MPIJob",
    _closed(
        {
            "slotsPerWorker": {"type": "integer", "minimum": 1},
            "mpiImplementation": {"enum": ["OpenMPI", "Intel", "MPICH"]},
            "sshAuthMountPath": _TEXT,
            "launcherCreationPolicy": {"enum": ["AtStartup", "WaitForWorkersReady"]},
            "runPolicy": _closed(
                {"cleanPodPolicy": {"enum": ["None", "Running", "All"]}, "backoffLimit": _COUNT},
                ("cleanPodPolicy",),
            ),
            "mpiReplicaSpecs": _closed(
                {"Launcher": _replicas(1), "Worker": _replicas(None)}, ("Launcher", "Worker")
            ),
        },
        ("slotsPerWorker", "sshAuthMountPath", "mpiReplicaSpecs", "runPolicy"),
    ),
)


@functools.cache
def _definitions() -> Schema:
    files = importlib.resources.files("kubernetes_validate").joinpath("kubernetes-json-schema")
    newest = files.joinpath(f"v{VERSION}-local-strict")
    found: Schema = json.loads(newest.joinpath("_definitions.json").read_text())
    return found


def inference_service() -> Schema:
    """A predictor is a PodSpec with KServe's own fields beside the pod's."""
    pod = _definitions()["$defs"]["io.k8s.api.core.v1.PodSpec"]
    own = {"minReplicas": _COUNT, "maxReplicas": _COUNT}
    predictor = {**pod, "properties": {**pod["properties"], **own}}
    text = json.dumps(predictor).replace('"#/$defs/', f'"{_CORE}')
    return _object(
        "serving.kserve.io/v1beta1",
        "InferenceService",
        _closed({"predictor": json.loads(text)}, ("predictor",)),
    )


def validate(manifest: Schema) -> None:
    """Raise `jsonschema.ValidationError` for what an API server with strict field checks would refuse."""
    kind = manifest.get("kind")
    if kind not in ("MPIJob", "InferenceService"):
        kubernetes_validate.validate(manifest, VERSION, strict=True)
        return
    schema = MPI_JOB if kind == "MPIJob" else inference_service()
    registry: Registry[Any] = Registry().with_resource(_DEFINITIONS, Resource.from_contents(_definitions()))
    jsonschema.Draft202012Validator(schema, registry=registry).validate(manifest)


CRDS = {
    "MPIJob": ("github.com/kubeflow/mpi-operator@v0.8.0", "manifests/base/kubeflow.org_mpijobs.yaml"),
    "InferenceService": (
        "github.com/kserve/kserve@v0.20.0",
        "config/crd/full/serving.kserve.io_inferenceservices.yaml",
    ),
}


def crd(kind: str) -> Schema | str:
    """Return a CRD's own schema, unknown fields refused, from the Go module of its project.

    The files are large and not ours: they are not kept here. Returns the reason where there is no Go, or
    the module cannot be downloaded.
    """
    module, path = CRDS[kind]
    if shutil.which("go") is None:
        return "no Go toolchain to fetch the operators' CRDs with"
    done = subprocess.run(["go", "mod", "download", "-json", module], capture_output=True, text=True, cwd="/")
    if done.returncode:
        return f"{module} cannot be downloaded: {done.stdout.strip()} {done.stderr.strip()}"[:300]
    file = Path(json.loads(done.stdout)["Dir"]) / path
    definition = yaml.load(file.read_text(), Loader=yaml.CSafeLoader)
    (version,) = (item for item in definition["spec"]["versions"] if item["storage"])
    schema: Schema = _strict(version["schema"]["openAPIV3Schema"])
    schema["properties"]["metadata"] = {"type": "object"}
    return schema


def _strict(schema: Any) -> Any:
    """Refuse unknown fields everywhere, as the API server does with `fieldValidation=Strict`."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    found = {
        key: (
            {name: _strict(item) for name, item in value.items()} if key == "properties" else _strict(value)
        )
        for key, value in schema.items()
        if key not in ("default", "format", "description")
    }
    if "properties" in found and not schema.get("x-kubernetes-preserve-unknown-fields"):
        found.setdefault("additionalProperties", False)
    return found
