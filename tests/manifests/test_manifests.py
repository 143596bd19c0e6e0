"""The kustomize files: valid, complete, and with the least rights."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from brume.aws.engine import catalog
from brume.cluster import images
from brume.cluster.pods import CREDENTIALS, ENDPOINTS, SERVICE_ACCOUNT
from tests.components.cluster import schemas

MANIFESTS = Path(__file__).resolve().parents[2] / "manifests"
OVERLAYS = ("local", "aws", "gpu", "captions", "narration", "records")
ENGINE = "brume-inspection"
# The engines of each overlay, and the service that each answers for.
ENGINES = [
    *((overlay, ENGINE, "LOOKOUTVISION") for overlay in OVERLAYS),
    *((overlay, "brume-labels", "ATHENA") for overlay in OVERLAYS if overlay != "aws"),
    *(
        ("records", "brume-records", api)
        for api in ("KENDRA", "NEPTUNEDATA", "HEALTHLAKE", "COMPREHENDMEDICAL")
    ),
]
KUSTOMIZATIONS = sorted(MANIFESTS.rglob("kustomization.yaml"))
# A patch is a part of an object, which is validated where it is whole: in what an overlay renders.
PATCHES = {
    path.parent / patch["path"]
    for path in KUSTOMIZATIONS
    for patch in yaml.safe_load(path.read_text()).get("patches", [])
    if "path" in patch
}
FILES = sorted({*MANIFESTS.rglob("*.yaml")} - {*KUSTOMIZATIONS} - PATCHES)


@functools.cache
def render(overlay: str) -> list[dict[str, Any]]:
    """Render an overlay."""
    return rendered(overlay)


def rendered(what: str | Path) -> list[dict[str, Any]]:
    """Render an overlay, or the kustomization of a folder, with what is here.

    kubectl before 1.21 has a kustomize of 2019, too old for these.
    """
    if not (shutil.which("kubectl") or shutil.which("kustomize")):
        pytest.skip("neither kubectl nor kustomize is installed")
    done = subprocess.run([MANIFESTS / "render.sh", what], capture_output=True, text=True)
    if done.returncode and not shutil.which("kustomize"):
        version = subprocess.run(["kubectl", "version", "--client"], capture_output=True, text=True).stdout
        if re.search(r'Minor:"(\d|1\d|20)\+?"', version):
            pytest.skip(f"this kubectl is too old to render kustomize files: {version.strip()}")
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr
    return [item for item in yaml.safe_load_all(done.stdout) if item]


def by_name(objects: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(item["kind"], item["metadata"]["name"]): item for item in objects}


@pytest.mark.parametrize("file", FILES, ids=lambda path: str(path.relative_to(MANIFESTS)))
def test_every_file_holds_valid_objects(file: Path) -> None:
    for item in yaml.safe_load_all(file.read_text()):
        schemas.validate(item)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_renders_to_valid_objects_of_one_namespace(overlay: str) -> None:
    objects = render(overlay)
    for item in objects:
        schemas.validate(item)
        if item["kind"] != "Namespace":
            assert item["metadata"]["namespace"] == "brume"
    found = by_name(objects)
    assert {("Namespace", "brume"), ("ServiceAccount", "brume-pipeline"), ("Role", "brume-pipeline")} <= set(
        found
    )
    assert ("ServiceAccount", SERVICE_ACCOUNT) in found
    assert ("ConfigMap", ENDPOINTS) in found
    assert found["ConfigMap", ENDPOINTS]["data"]["AWS_DEFAULT_REGION"]


def test_a_wrong_field_in_a_manifest_would_be_found() -> None:
    item, *_others = yaml.safe_load_all((MANIFESTS / "base" / "roles.yaml").read_text())
    item["rules"][0]["verb"] = ["get"]
    with pytest.raises(kubernetes_validate.ValidationError):
        schemas.validate(item)


def test_aws_has_roles_and_endpoints_only_for_what_aws_does_not_offer() -> None:
    from brume.aws.client import MODELS, offered_by_aws

    found = by_name(render("aws"))
    data = found["ConfigMap", ENDPOINTS]["data"]
    named = {key for key in data if key.startswith("AWS_ENDPOINT_URL")}
    own = {
        json.loads(path.read_text())["metadata"]["serviceId"]
        for path in MODELS.rglob("service-2.json")
        if not offered_by_aws(path.parents[1].name)
    }
    assert named == {f"AWS_ENDPOINT_URL_{identity.upper().replace(' ', '_')}" for identity in own}
    for name in ("brume-pipeline", "brume-engine", SERVICE_ACCOUNT):
        annotations = found["ServiceAccount", name]["metadata"]["annotations"]
        assert annotations["eks.amazonaws.com/role-arn"].startswith("arn:aws:iam::")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_setting_of_the_endpoints_reaches_the_steps(overlay: str) -> None:
    """A step's pod gets single keys of the ConfigMap, which are listed in the code."""
    from brume.pipelines.running import pods

    assert by_name(render(overlay))["ConfigMap", ENDPOINTS]["data"].keys() <= set(pods._SETTINGS)


def test_local_has_an_endpoint_and_gpu_a_quota() -> None:
    assert by_name(render("local"))["ConfigMap", ENDPOINTS]["data"]["AWS_ENDPOINT_URL_S3"].startswith(
        "http://"
    )
    quota = by_name(render("gpu"))["ResourceQuota", "brume-gpus"]
    assert "requests.nvidia.com/gpu" in quota["spec"]["hard"]


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    yield path, value
    for key, item in value.items() if isinstance(value, dict) else ():
        yield from paths(item, (*path, key))
    for index, item in enumerate(value) if isinstance(value, list) else ():
        yield from paths(item, (*path, index))


@pytest.mark.parametrize(("overlay", "name", "api"), ENGINES)
def test_an_engine_is_deployed_so_that_what_belongs_together_meets(overlay: str, name: str, api: str) -> None:
    """Names, ports and labels are repeated over the objects: only a cluster would show a mismatch."""
    found = by_name(render(overlay))
    deployment, service = found["Deployment", name]["spec"], found["Service", name]["spec"]
    template = deployment["template"]
    pod, labels = template["spec"], template["metadata"]["labels"]
    (engine,) = pod["containers"]
    (port,) = engine["ports"]
    assert engine["args"][engine["args"].index("--port") + 1] == str(port["containerPort"])
    for selector in (deployment["selector"], {"matchLabels": service["selector"]}):
        assert selector["matchLabels"].items() <= labels.items()
    assert service["ports"][0]["targetPort"] == port["name"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert engine[probe]["httpGet"]["port"] == port["name"]
    assert ("ServiceAccount", pod["serviceAccountName"]) in found
    assert {mount["name"] for mount in engine["volumeMounts"]} == {item["name"] for item in pod["volumes"]}
    for path, value in paths(pod):
        if path[-1:] == ("claimName",):
            assert ("PersistentVolumeClaim", value) in found
        if path[-2:] == ("configMapRef", "name"):
            assert ("ConfigMap", value) in found
    keys = next(mount for mount in engine["volumeMounts"] if mount["name"] == "keys")["mountPath"]
    assert {"name": "BRUME_KEYS_FILE", "value": f"{keys}/credentials"} in engine["env"]
    address = f"http://{name}:{service['ports'][0]['port']}"
    assert found["ConfigMap", ENDPOINTS]["data"][f"AWS_ENDPOINT_URL_{api}"] == address
    places = [value for value in found["ConfigMap", name]["data"].values() if value.startswith("s3://")]
    assert len(places) == 1  # a pod's own disk is nobody else's


@pytest.mark.parametrize(
    ("system", "apis"), [("captions", ("TRANSCRIBE", "TRANSCRIBE_STREAMING")), ("narration", ("POLLY",))]
)
def test_an_engine_of_several_pods_has_one_database(system: str, apis: tuple[str, ...]) -> None:
    found = by_name(render(system))
    name = f"brume-{system}"
    spec = found["Deployment", name]["spec"]
    pod, (engine,) = spec["template"]["spec"], spec["template"]["spec"]["containers"]
    assert spec["replicas"] > 1 and spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert {"name": "data", "emptyDir": {}} in pod["volumes"]  # nothing of one pod is to last
    assert ("PersistentVolumeClaim", name) not in found
    (database,) = (one for one in engine["env"] if one["name"] == "BRUME_DATABASE")
    assert database["valueFrom"]["secretKeyRef"] == {"name": f"{name}-database", "key": "url"}
    (port,) = found["Service", name]["spec"]["ports"]
    assert port["appProtocol"] == "kubernetes.io/h2c"
    for api in apis:
        assert found["ConfigMap", ENDPOINTS]["data"][f"AWS_ENDPOINT_URL_{api}"] == f"http://{name}:8080"
    scaler = found["HorizontalPodAutoscaler", name]["spec"]
    assert scaler["scaleTargetRef"]["name"] == name
    assert scaler["minReplicas"] == spec["replicas"]
    policy = found["NetworkPolicy", f"{name}-database"]["spec"]
    assert policy["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == name
    (rule,) = policy["egress"]
    assert rule["to"][0]["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "postgresql"}


@pytest.mark.parametrize("system", ["captions", "narration"])
def test_an_engine_of_several_pods_ends_after_its_place_in_the_service(system: str) -> None:
    """The pause, and what the server gives to what goes on, are within the pod's last seconds."""
    from brume.aws.wire.http import server

    pod = by_name(render(system))["Deployment", f"brume-{system}"]["spec"]["template"]["spec"]
    pause = int(pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][-1])
    assert pause + server._END_SECONDS < pod["terminationGracePeriodSeconds"]


def test_captions_get_another_pod_before_one_is_full() -> None:
    found = by_name(render("captions"))
    (metric,) = found["HorizontalPodAutoscaler", "brume-captions"]["spec"]["metrics"]
    most = found["ConfigMap", "brume-captions"]["data"]["BRUME_CAPTIONS_STREAMS"]
    assert int(metric["pods"]["target"]["averageValue"]) < int(most)


def test_the_metric_that_scales_is_one_of_the_engine() -> None:
    from prometheus_client import CollectorRegistry

    from brume.captions.engine.streaming import StreamMetrics

    registry = CollectorRegistry()
    StreamMetrics(registry)
    (metric,) = by_name(render("captions"))["HorizontalPodAutoscaler", "brume-captions"]["spec"]["metrics"]
    assert registry.get_sample_value(metric["pods"]["metric"]["name"]) == 0


NAMES = ["brume-inspection", "brume-labels"]
RUN = [
    *(("local", name) for name in NAMES),
    ("captions", "brume-captions"),
    ("narration", "brume-narration"),
    ("records", "brume-records"),
]


@pytest.mark.parametrize(("overlay", "name"), RUN)
def test_an_engine_is_started_with_options_that_it_has(
    overlay: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from brume.aws.engine import command

    (engine,) = by_name(render(overlay))["Deployment", name]["spec"]["template"]["spec"]["containers"]
    for variable in engine["env"]:
        monkeypatch.setenv(variable["name"], variable.get("value", "of a Secret"))
    given = command.engine.make_context("engine", list(engine["args"])).params
    assert given["name"] in catalog.names()
    assert given["data"] in [mount["mountPath"] for mount in engine["volumeMounts"]]
    assert given["keys"].endswith("/credentials")
    assert not given["allow_anonymous"]


@pytest.mark.parametrize("name", [*NAMES, "brume-records"])
def test_an_engine_that_keeps_sqlite_is_never_two(name: str) -> None:
    spec = by_name(render("records"))["Deployment", name]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_the_records_engine_does_not_start_without_a_file_of_rights() -> None:
    pod = by_name(render("records"))["Deployment", "brume-records"]["spec"]["template"]["spec"]
    (volume,) = (one for one in pod["volumes"] if one["name"] == "access")
    assert volume["secret"]["secretName"] == "brume-records-access"
    assert not volume["secret"].get("optional")
    (engine,) = pod["containers"]
    (mount,) = (one for one in engine["volumeMounts"] if one["name"] == "access")
    assert {"name": "BRUME_RECORDS_ACCESS", "value": f"{mount['mountPath']}/access.json"} in engine["env"]


@pytest.mark.parametrize(("overlay", "name"), RUN)
def test_engines_keep_to_the_pod_security_standard_restricted(overlay: str, name: str) -> None:
    pod = by_name(render(overlay))["Deployment", name]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for volume in pod["volumes"]:
        assert {"persistentVolumeClaim", "secret", "emptyDir", "name"} >= set(volume)
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }


def test_an_engine_and_what_it_starts_are_of_one_build(monkeypatch: pytest.MonkeyPatch) -> None:
    found = by_name(render("local"))
    for name, value in found["ConfigMap", ENGINE]["data"].items():
        monkeypatch.setenv(name, value)
    for name in NAMES:
        (engine,) = found["Deployment", name]["spec"]["template"]["spec"]["containers"]
        assert engine["image"] == images.reference("engines")
    monkeypatch.delenv("BRUME_TAG")
    assert engine["image"] == images.reference("engines"), "the version of the project has moved on"


@pytest.mark.parametrize("file", sorted(MANIFESTS.rglob("*.yaml")), ids=lambda path: path.name)
def test_a_file_starts_with_what_it_is(file: Path) -> None:
    assert file.read_text().startswith("# ")


def test_the_namespace_refuses_pods_that_are_not_restricted() -> None:
    for overlay in OVERLAYS:
        labels = by_name(render(overlay))["Namespace", "brume"]["metadata"]["labels"]
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_in_a_shared_namespace_nothing_concerns_the_pods_of_others(overlay: str, tmp_path: Path) -> None:
    """As README.md shows for a namespace of Kubeflow's."""
    relative = {
        key: [os.path.relpath(MANIFESTS / folder, tmp_path)]
        for key, folder in (("resources", f"overlays/{overlay}"), ("components", "shared-namespace"))
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump({"namespace": "kubeflow", **relative}))
    objects = rendered(tmp_path)
    assert {item["metadata"]["namespace"] for item in objects} == {"kubeflow"}
    own = {(item["kind"], item["metadata"]["name"]) for item in render(overlay)}
    taken_out = own - {(item["kind"], item["metadata"]["name"]) for item in objects}
    assert ("Namespace", "brume") in taken_out
    assert {kind for kind, _ in taken_out} == {"Namespace", "NetworkPolicy"}
    for item in objects:
        if item["kind"] in ("NetworkPolicy", "PodDisruptionBudget"):
            selector = item["spec"].get("podSelector", item["spec"].get("selector"))["matchLabels"]
            names = {"app.kubernetes.io/part-of", "app.kubernetes.io/name"}
            assert any(selector.get(name, "").startswith("brume") for name in names), item["metadata"]["name"]


def test_no_secret_is_in_the_files() -> None:
    for path in MANIFESTS.rglob("*"):
        if path.is_file():
            text = path.read_text()
            assert "kind: Secret" not in text
            assert not re.search(r"AWS_SECRET_ACCESS_KEY[:=] *[\"']?[A-Za-z0-9/+]{8,}", text)
    readme = (MANIFESTS / "README.md").read_text()
    assert CREDENTIALS in readme
    assert "brume-keys" in readme
