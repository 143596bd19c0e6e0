"""The kustomize files: valid, complete, and with the least rights."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from components.cluster.pods import CREDENTIALS, ENDPOINTS, SERVICE_ACCOUNT
from tests.components.cluster import schemas

MANIFESTS = Path(__file__).resolve().parents[2] / "manifests"
OVERLAYS = ("local", "aws", "gpu")
FILES = sorted(path for path in MANIFESTS.rglob("*.yaml") if path.name != "kustomization.yaml")


def render(overlay: str) -> list[dict[str, Any]]:
    """Render an overlay with what is here; kubectl before 1.21 has a kustomize of 2019, too old for these."""
    if not (shutil.which("kubectl") or shutil.which("kustomize")):
        pytest.skip("neither kubectl nor kustomize is installed")
    done = subprocess.run([MANIFESTS / "render.sh", overlay], capture_output=True, text=True)
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
    (item, _other) = yaml.safe_load_all((MANIFESTS / "base" / "roles.yaml").read_text())
    item["rules"][0]["verb"] = ["get"]
    with pytest.raises(kubernetes_validate.ValidationError):
        schemas.validate(item)


def test_steps_may_do_what_they_do_and_nothing_else() -> None:
    role, binding = yaml.safe_load_all((MANIFESTS / "base" / "roles.yaml").read_text())
    rights = {
        (group, resource): set(rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    own = {"create", "get", "list", "watch", "delete"}
    assert rights == {
        ("kubeflow.org", "mpijobs"): own,
        ("serving.kserve.io", "inferenceservices"): own,
        ("", "pods"): {"get", "list", "watch"},
        ("", "pods/log"): {"get"},
        ("", "events"): {"list"},
    }
    assert [item["name"] for item in binding["subjects"]] == ["brume-pipeline"]


def test_aws_has_roles_and_no_endpoints_of_its_own() -> None:
    found = by_name(render("aws"))
    assert not [key for key in found["ConfigMap", ENDPOINTS]["data"] if key.startswith("AWS_ENDPOINT_URL")]
    for name in ("brume-pipeline", SERVICE_ACCOUNT):
        annotations = found["ServiceAccount", name]["metadata"]["annotations"]
        assert annotations["eks.amazonaws.com/role-arn"].startswith("arn:aws:iam::")


def test_local_has_an_endpoint_and_gpu_a_quota() -> None:
    assert by_name(render("local"))["ConfigMap", ENDPOINTS]["data"]["AWS_ENDPOINT_URL_S3"].startswith(
        "http://"
    )
    quota = by_name(render("gpu"))["ResourceQuota", "brume-gpus"]
    assert "requests.nvidia.com/gpu" in quota["spec"]["hard"]


def test_no_secret_is_in_the_files() -> None:
    for path in MANIFESTS.rglob("*"):
        if path.is_file():
            text = path.read_text()
            assert "kind: Secret" not in text
            assert not re.search(r"AWS_SECRET_ACCESS_KEY[:=] *[\"']?[A-Za-z0-9/+]{8,}", text)
    assert CREDENTIALS in (MANIFESTS / "README.md").read_text()
