"""Every kind of object that the project creates, over the parameters that matter."""

from __future__ import annotations

import copy
import functools
import itertools
import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies
from kubernetes.client import ApiException, CustomObjectsApi
from kubernetes.utils.quantity import parse_quantity

from brume.cluster.jobs import Job, job_manifest
from brume.cluster.kube import INFERENCE_SERVICE, JOB, MPI_JOB, Kind
from brume.cluster.mpi import MpiJob, mpi_job_manifest
from brume.cluster.resources import Resources
from brume.cluster.serving import Model, inference_service_manifest
from tests.cluster.harness import binaries, given, kserve, mpi_operator, upstream
from tests.cluster.harness.api_server import Api, ApiServer

PREDICTOR = "brume.slides.model.predictor"

Object = dict[str, Any]
Place = tuple[str | int, ...]

MANIFESTS = Path(__file__).resolve().parents[2] / "manifests"
OVERLAYS = ("local", "aws", "gpu", "captions", "narration", "records")
KINDS: dict[str, Kind] = {kind.title: kind for kind in (JOB, MPI_JOB, INFERENCE_SERVICE)}

SPOT = {"key": "spot", "operator": "Equal", "value": "true", "effect": "NoExecute", "tolerationSeconds": 60.0}
SHARES = {
    "plain": Resources(),
    "small": Resources(cpu="250m", memory="512Mi", node_selector={"kubernetes.io/arch": "amd64"}),
    "devices": Resources(
        cpu="7500m",
        memory="60Gi",
        gpus=2,
        tolerations=(SPOT,),
        node_selector={"node.kubernetes.io/instance-type": "g5.12xlarge"},
        shared_memory="8Gi",
    ),
}
NAMES = ("t", "9 lives", "Lung tiles of the second cohort, as they were cut on Tuesday, at 20x")
IMAGES = ("", "registry.example:5000/team/brume-training:7", f"team/image@sha256:{'0' * 64}")
VARIABLES: tuple[dict[str, str], ...] = ({}, {"TF_CPP_MIN_LOG_LEVEL": "2", "ODD": "a=b\n$(PATH) é"})


def _mpi_job(
    name: str, namespace: str, image: str, share: Resources, variables: Mapping[str, str], many: int
) -> Object:
    command = ("python3", "-m", "brume.slides.model.training", "--text", "a b $(HOME)")
    return mpi_job_manifest(MpiJob(name, command, many, image, variables, share, namespace), "a1b2c3")


def _inference_service(
    name: str, namespace: str, image: str, share: Resources, variables: Mapping[str, str], many: int
) -> Object:
    model = Model(
        name,
        "s3://bucket/a model",
        image,
        share,
        namespace,
        variables,
        replicas=many,
        most=many // 2 * 4,
        module=PREDICTOR,
    )
    return inference_service_manifest(model)


def _job(
    name: str, namespace: str, image: str, share: Resources, variables: Mapping[str, str], many: int
) -> Object:
    arguments = [f"--number={number}" for number in range(many)]
    manifest = job_manifest(Job(name, "a.module", arguments, variables, "engines", share))
    # The namespace is always that of the program that asks, and the image one of the project's.
    manifest["metadata"]["namespace"] = namespace
    return manifest


BUILDERS: dict[str, Callable[..., Object]] = {
    "MPIJob": _mpi_job,
    "InferenceService": _inference_service,
    "Job": _job,
}


def built(kind: str, namespace: str) -> Iterator[Object]:
    """Yield the objects of a kind, over all combinations of the parameters above."""
    for name, image, share, variables, many in itertools.product(
        NAMES, IMAGES, SHARES.values(), VARIABLES, (1, 3)
    ):
        yield BUILDERS[kind](name, namespace, image, share, variables, many)


def any_built(kind: str, namespace: str) -> strategies.SearchStrategy[Object]:
    """Return a strategy for objects of a kind, over whatever a pipeline's parameters may be."""
    words = strategies.text(strategies.characters(codec="utf-8", exclude_characters="\0"), max_size=60)
    label = strategies.from_regex(r"[a-z0-9]([-a-z0-9.]{0,30}[a-z0-9])?", fullmatch=True)
    processors = strategies.one_of(
        strategies.integers(1, 256).map(str), strategies.integers(1, 9999).map("{}m".format)
    )
    bytes_ = strategies.builds(
        "{}{}".format, strategies.integers(1, 4096), strategies.sampled_from(("Ki", "Mi", "Gi", "M", "G"))
    )
    toleration = strategies.fixed_dictionaries(
        {"key": label, "operator": strategies.just("Exists"), "effect": strategies.just("NoExecute")},
        optional={"tolerationSeconds": strategies.integers(0, 9999).map(float)},
    )
    shares = strategies.builds(
        Resources,
        cpu=processors,
        memory=bytes_,
        gpus=strategies.integers(0, 16),
        tolerations=strategies.lists(toleration, max_size=3).map(tuple),
        node_selector=strategies.dictionaries(label, label, max_size=3),
        shared_memory=strategies.one_of(strategies.just(""), bytes_),
    )
    variable = strategies.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,30}", fullmatch=True)
    return strategies.builds(
        BUILDERS[kind],
        words,
        strategies.just(namespace),
        strategies.sampled_from(IMAGES),
        shares,
        strategies.dictionaries(variable, words, max_size=3),
        strategies.integers(1, 64),
    )


@functools.cache
def define(api: Api) -> None:
    """See that the API knows the kinds of mpi-operator and KServe; their own modules define them."""
    if not isinstance(api, ApiServer):
        for kind in (MPI_JOB, INFERENCE_SERVICE):
            given.require(api, "crd", f"{kind.plural}.{kind.group}")
        return
    mpi_operator.install(api)
    file = "config/crd/full/serving.kserve.io_inferenceservices.yaml"
    upstream.install(api, upstream.parsed((binaries.module_dir("kserve", kserve.MODULE) / file).read_text()))


@functools.cache
def _objects(api: Api) -> CustomObjectsApi:
    """Return the way to objects of any kind: one connection, since there are a thousand requests."""
    return CustomObjectsApi(api.client())


def create(api: Api, manifest: Object, *, keep: bool = False) -> Object:
    """Have the API server take an object, strictly; return what it stores.

    Unless it is to be `kept`, all is done but the storing itself. Raises `ApiException`.
    """
    kind = KINDS[manifest["kind"]]
    options = {} if keep else {"dry_run": "All"}
    where = (kind.group, kind.version, manifest["metadata"]["namespace"], kind.plural)
    answer: Object = _objects(api).create_namespaced_custom_object(
        *where, manifest, field_validation="Strict", **options
    )
    if not keep:
        return answer
    found: Object = _objects(api).get_namespaced_custom_object(*where, manifest["metadata"]["name"])
    return found


def rejection(api: Api, manifest: Object) -> str:
    """Return the status and message with which the API server rejects an object; "" when it takes it."""
    try:
        create(api, manifest)
    except ApiException as error:
        return f"{error.status} {error.body}"
    return ""


def pods_of(manifest: Object) -> list[Object]:
    """Return the pods of an object, as it describes them; its operator adds to them, and names them."""
    spec, about = manifest["spec"], manifest["metadata"]
    match manifest["kind"]:
        case "MPIJob":
            named = {role.lower(): one["template"] for role, one in spec["mpiReplicaSpecs"].items()}
        case "InferenceService":
            pod = {key: value for key, value in spec["predictor"].items() if not key.endswith("Replicas")}
            named = {"predictor": {"metadata": {"labels": about["labels"]}, "spec": pod}}
        case _:
            named = {"pod": spec["template"]}
    return [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                **template.get("metadata", {}),
                "name": f"{about['name']}-{role}",
                "namespace": about["namespace"],
            },
            "spec": template["spec"],
        }
        for role, template in named.items()
    ]


def lost(sent: Any, stored: Any, where: str = "") -> list[str]:
    """Return where what was stored is not what was sent; what the server adds is no loss."""
    if isinstance(sent, Mapping) and isinstance(stored, Mapping):
        return [line for key, value in sent.items() for line in _lost(value, stored, key, f"{where}.{key}")]
    if isinstance(sent, Sequence) and isinstance(stored, list) and not isinstance(sent, str):
        if len(sent) != len(stored):
            return [f"{where} has {len(stored)} items, not {len(sent)}"]
        return [
            line
            for index, (one, other) in enumerate(zip(sent, stored, strict=True))
            for line in lost(one, other, f"{where}[{index}]")
        ]
    return (
        [] if sent == stored or _quantity(sent) == _quantity(stored) else [f"{where}: {sent!r}: {stored!r}"]
    )


def _lost(value: Any, stored: Mapping[str, Any], key: str, where: str) -> list[str]:
    if key in stored:
        return lost(value, stored[key], where)
    return [] if value == "" else [f"{where} is gone"]  # a text without letters is as good as none


def _quantity(value: Any) -> Decimal | str:
    """Return a number of Kubernetes' as one ("1000m" is stored as "1"), other things as they are."""
    try:
        number: Decimal = parse_quantity(value)
    except (ValueError, InvalidOperation):
        return repr(value)
    return number


# Below these, the names are the user's own, not the API's.
_FREE = (
    "annotations",
    "labels",
    "matchLabels",
    "nodeSelector",
    "requests",
    "limits",
    "data",
    "hard",
    "selector",
)


def places(value: Any, path: Place = ()) -> Iterator[Place]:
    """Yield the path of every object inside `value` whose fields' names are the API's."""
    if isinstance(value, dict):
        yield path
        for key, item in value.items():
            if key not in _FREE:
                yield from places(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*path, index))


def misspelt(manifest: Object, place: Place) -> Object:
    """Return an object with a field at `place` that there is not."""
    wrong = copy.deepcopy(manifest)
    found: Any = wrong
    for key in place:
        found = found[key]
    found["replicsa"] = 1
    return wrong


def overlaid(overlay: str, namespace: str, folder: Path) -> Path:
    """Write a kustomization that puts an overlay into a namespace, as manifests/README.md shows."""
    resource = os.path.relpath(MANIFESTS / "overlays" / overlay, folder)
    (folder / "kustomization.yaml").write_text(
        yaml.safe_dump({"namespace": namespace, "resources": [resource]})
    )
    return folder


def own_namespace(overlay: str) -> str:
    """Return the name of a namespace that nobody else uses."""
    return f"brume-{overlay}-{secrets.token_hex(3)}"
