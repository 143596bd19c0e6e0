"""A cluster of kind's is made and ended as it should be, and the operators work beside one.

No node of kind's runs here: `kind` and `docker` are stand-ins, which keep account of their calls and hand out
the kubeconfig of a real API server of the tests' own. That API server calls KServe as a node's would.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from brume.cluster.pods import SERVICE_ACCOUNT
from brume.cluster.serving import Model, inference_service_manifest
from tests.cluster.harness import kind, kserve
from tests.cluster.harness.api_server import Api, ApiServer, KubectlError
from tests.cluster.harness.binaries import Unavailable
from tests.cluster.harness.cluster import MadeCluster, OwnCluster, made_here
from tests.cluster.harness.kind import KindNode

PREDICTOR = "brume.slides.model.predictor"

ROOT = Path(__file__).resolve().parents[2]
KIND = """\
#!/bin/sh
cd {folder}
echo "kind $*" >> calls
case "$1 $2" in
"get clusters") cat clusters 2>/dev/null || echo "No kind clusters found." >&2 ;;
"create cluster")
    [ ! -f failure ] || {{ cat failure >&2; exit 1; }}
    echo brume-test > clusters; touch network; cp server.kubeconfig "$6" ;;
"load image-archive") [ -f "$3" ] || {{ echo "no file $3" >&2; exit 1; }} ;;
"delete cluster") rm clusters ;;
"version ") echo "kind v0.0.0-stand-in go0.0 linux/amd64" ;;
*) echo "the stand-in knows no $*" >&2; exit 2 ;;
esac
"""
DOCKER = """\
#!/bin/sh
cd {folder}
echo "docker $*" >> calls
[ ! -f down ] || {{ echo "Cannot connect to the Docker daemon" >&2; exit 1; }}
case "$1 $2" in
"info ") ;;
"version --format") echo 0.0.0-stand-in ;;
"network inspect")
    [ -f network ] || {{ echo "Error: No such network: kind" >&2; exit 1; }}
    echo '[{{"IPAM": {{"Config": [{{"Subnet": "fc00::/64"}}, {{"Gateway": "{gateway}"}}]}}}}]' ;;
"network rm") rm network ;;
*) echo "the stand-in knows no $*" >&2; exit 2 ;;
esac
"""


class StandIn:
    """The folder of the stand-ins, with what they know and what they were asked."""

    def __init__(self, folder: Path, gateway: str = "127.0.0.1") -> None:
        """Write them to `folder / "bin"`."""
        self.folder = folder
        (folder / "bin").mkdir(parents=True)
        for name, program in (("kind", KIND), ("docker", DOCKER)):
            file = folder / "bin" / name
            file.write_text(program.format(folder=folder, gateway=gateway))
            file.chmod(0o755)
        (folder / "server.kubeconfig").touch()

    @property
    def path(self) -> str:
        """Return a PATH with them first."""
        return f"{self.folder / 'bin'}:{os.environ['PATH']}"

    def know(self, name: str, content: str = "") -> None:
        """Let there be a file that they look for."""
        (self.folder / name).write_text(content)

    def calls(self) -> list[str]:
        """Return the commands that change something, in their order."""
        idle = ("docker info", "docker version", "docker network inspect", "kind get", "kind version")
        return [one for one in (self.folder / "calls").read_text().splitlines() if not one.startswith(idle)]


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """The stand-ins, first on the PATH."""
    made = StandIn(tmp_path / "stand-in")
    monkeypatch.setenv("PATH", made.path)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a cluster."""
    place = tmp_path / "cluster"
    place.mkdir()
    return place


def test_kind_is_taken_where_its_engine_answers(stand_in: StandIn, folder: Path) -> None:
    made = made_here(folder)
    assert isinstance(made, MadeCluster)
    assert not isinstance(made, OwnCluster)
    assert made.way == "a node of kind's"
    stand_in.know("down")
    assert not kind.at_hand()
    with pytest.raises(Unavailable, match="kind is not on the PATH with a Docker engine that answers"):
        KindNode(folder)


@pytest.mark.parametrize("name", ["kind", "docker"])
def test_it_takes_both(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert kind.at_hand()
    (stand_in.folder / "bin" / name).unlink()
    monkeypatch.setenv("PATH", str(stand_in.folder / "bin"))
    assert not kind.at_hand()


def test_a_cluster_of_the_name_is_left_alone(stand_in: StandIn, folder: Path) -> None:
    stand_in.know("clusters", "others\nbrume-test\n")
    with pytest.raises(Unavailable, match="already, which is left alone: end it by `kind delete cluster"):
        made_here(folder)
    assert stand_in.calls() == []


def test_the_operators_work_beside_it_and_it_is_ended(
    api: Api, stand_in: StandIn, folder: Path, tmp_path: Path
) -> None:
    if not isinstance(api, ApiServer):
        pytest.skip("a given API server does not reach programs of this machine")
    stand_in.know("server.kubeconfig", api.kubeconfig.read_text())
    image = tmp_path / "image.tar"
    image.touch()
    about = {"name": SERVICE_ACCOUNT, "namespace": "of-kind"}
    service = inference_service_manifest(
        Model("Tiles", "s3://models/tiles", namespace="of-kind", module=PREDICTOR)
    )
    service["metadata"]["name"] = "1-tiles"  # which KServe alone refuses
    node = KindNode(folder).start()
    try:
        assert node.api.kubeconfig == folder / "kubeconfig"
        assert node.api.certificates.authority.read_bytes() != api.certificates.authority.read_bytes()
        node.load_image(image)
        kserve.start(node.api)
        node.api.apply(
            [
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "of-kind"}},
                {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": about},
            ]
        )
        with pytest.raises(KubectlError, match=r'InferenceService "1-tiles" is invalid'):
            node.api.apply([service])
    finally:
        api.kubectl("delete", "mutatingwebhookconfigurations,validatingwebhookconfigurations", "--all")
        node.close()
    assert stand_in.calls() == [
        f"kind create cluster --name brume-test --kubeconfig {folder}/kubeconfig --wait 180s",
        f"kind load image-archive {image} --name brume-test",
        f"kind delete cluster --name brume-test --kubeconfig {folder}/kubeconfig",
        "docker network rm kind",
    ]


def test_a_network_that_was_there_stays(stand_in: StandIn, folder: Path) -> None:
    stand_in.know("network")
    KindNode(folder).start().close()
    assert stand_in.calls()[-1].startswith("kind delete cluster")


def test_an_engine_of_another_machine_is_refused_and_the_cluster_ended(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in = StandIn(tmp_path / "stand-in", gateway="192.0.2.1")
    monkeypatch.setenv("PATH", stand_in.path)
    with pytest.raises(Unavailable, match=r"192\.0\.2\.1, the gateway .* is no address of this machine"):
        KindNode(folder).start()
    assert stand_in.calls()[-2:] == [
        f"kind delete cluster --name brume-test --kubeconfig {folder}/kubeconfig",
        "docker network rm kind",
    ]


def test_a_level_that_kind_cannot_bring_up_is_not_run(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.know("failure", 'ERROR: failed to create cluster: failed to pull image "kindest/node"\n')
    test = "tests/cluster/test_node_services.py::test_what_nodes_use_is_measured"
    variables = {"TMPDIR": str(tmp_path), "BRUME_TEST_CLUSTER": "", "BRUME_CLUSTER_LEVELS": "node"}
    session = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", test],
        cwd=ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert session.returncode == pytest.ExitCode.TESTS_FAILED, session.stdout
    assert "1 skipped" in session.stdout
    assert "node: NOT RUN: kind cannot make a cluster: `kind create cluster` failed:" in session.stdout
    assert 'failed to pull image "kindest/node"' in session.stdout
    # What failed has been removed by kind; there is nothing to be ended that is the tests' own.
    assert [call.split()[:3] for call in stand_in.calls()] == [["kind", "create", "cluster"]]
    assert not list(tmp_path.glob("brume-node-*"))
