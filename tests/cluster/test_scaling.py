"""A busy model gets replicas on a real cluster: KServe, autoscaler and metrics-server."""

from __future__ import annotations

import pytest

from brume.cluster.kube import INFERENCE_SERVICE, Cluster
from brume.cluster.resources import Resources
from brume.cluster.serving import Model, inference_service_manifest
from tests.cluster.harness.installed import Installed
from tests.polling import until

PREDICTOR = "brume.slides.model.predictor"

# Answers every question, and is busy all the time: it stands for a model whose callers never rest.
BUSY = """
import http.server, threading
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    log_message = lambda *_: None
def work():
    while True:
        pass
threading.Thread(target=work, daemon=True).start()
http.server.ThreadingHTTPServer(("", 8080), Answer).serve_forever()
"""


@pytest.mark.long
def test_a_busy_model_gets_a_replica_more_and_no_further(brume: Installed) -> None:
    share = Resources(cpu="100m", memory="128Mi")
    manifest = inference_service_manifest(
        Model("Busy", "s3://b/m", "", share, brume.namespace, most=2, module=PREDICTOR)
    )
    manifest["spec"]["predictor"]["containers"][0]["command"] = ["python3", "-c", BUSY]
    with brume.acting_as("brume-engine"):
        cluster = Cluster(brume.namespace)
        try:
            cluster.create(INFERENCE_SERVICE, manifest)
            autoscaler = ("hpa", "busy-predictor", "--namespace", brume.namespace)
            until(lambda: brume.names("hpa") != [], "an autoscaler of KServe's", pause=0.5)
            spec = brume.api.get(*autoscaler)["spec"]
            assert (spec["minReplicas"], spec["maxReplicas"]) == (1, 2)

            def wanted() -> int:
                return int(brume.api.get(*autoscaler)["status"].get("desiredReplicas", 0))

            until(
                lambda: wanted() == 2,
                lambda: f"a second replica: {brume.api.get(*autoscaler)['status']}",
                seconds=300,
                pause=0.5,
            )
            selector = "serving.kserve.io/inferenceservice=busy"
            until(lambda: len(brume.names("pods", selector)) == 2, "a second pod", pause=0.5)
        finally:
            cluster.delete(INFERENCE_SERVICE, "busy")
    assert brume.names("hpa") == []
