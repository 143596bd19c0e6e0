"""A pipeline on a cluster: compiled for its dashboard, submitted to its API, or put on a schedule."""

from __future__ import annotations

import contextlib
import json
import ssl
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brume import storage
from brume.pipelines.running.catalog import Pipeline

SERVICE_ACCOUNT = "brume-pipeline"  # made by manifests/base
_SECONDS = 10.0  # for which a server may be silent before it counts as away


def compile_to(pipeline: Pipeline, folder: Path, *, kubernetes_manifest: bool, namespace: str) -> Path:
    """Compile into `folder`, to IR YAML or to Pipeline and PipelineVersion objects; returns the file."""
    from kfp.compiler import Compiler
    from kfp.compiler.compiler_utils import KubernetesManifestOptions

    target = folder / f"{pipeline.name}.yaml"
    options = KubernetesManifestOptions(
        pipeline_name=pipeline.component.name, namespace=namespace, include_pipeline_manifest=True
    )
    with tempfile.TemporaryDirectory() as scratch:
        compiled = Path(scratch) / target.name
        Compiler().compile(
            pipeline.component,
            str(compiled),
            **(
                {"kubernetes_manifest_format": True, "kubernetes_manifest_options": options}
                if kubernetes_manifest
                else {}
            ),
        )
        storage.upload(compiled, str(target))
    return target


def submit(
    pipeline: Pipeline, arguments: Mapping[str, Any], *, host: str, namespace: str, experiment: str
) -> str:
    """Start a run on the cluster whose Kubeflow Pipelines API is at `host`; returns the run's id."""
    run = _client(host, namespace).create_run_from_pipeline_func(
        pipeline.component,
        arguments=dict(arguments),
        experiment_name=experiment,
        namespace=namespace,
        service_account=SERVICE_ACCOUNT,
    )
    return str(run.run_id)


def schedule(
    pipeline: Pipeline,
    arguments: Mapping[str, Any],
    *,
    cron: str,
    host: str,
    namespace: str,
    experiment: str,
) -> str:
    """Make a recurring run (`cron` has six fields, seconds first); returns its id."""
    client = _client(host, namespace)
    with tempfile.TemporaryDirectory() as scratch:
        compiled = compile_to(pipeline, Path(scratch), kubernetes_manifest=False, namespace=namespace)
        recurring = client.create_recurring_run(
            experiment_id=client.create_experiment(experiment, namespace=namespace).experiment_id,
            job_name=pipeline.component.name,
            cron_expression=cron,
            pipeline_package_path=str(compiled),
            params=dict(arguments),
            service_account=SERVICE_ACCOUNT,
            no_catchup=True,
        )
    return str(recurring.recurring_run_id)


def why(body: str | bytes | None) -> str:
    """Return the first line of the API's refusal; its own call stack comes after."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else body or "it gave no reason"
    with contextlib.suppress(ValueError, KeyError, TypeError):  # where something before the API answered
        text = str(json.loads(text)["message"])
    return text.strip().split("\n")[0]


def _client(host: str, namespace: str) -> Any:
    from kfp.client import Client

    _reach(host)
    return Client(host=host, namespace=namespace)


def _reach(host: str) -> None:
    """Raise `ConnectionError` where nothing answers: the client of kfp asks in vain for two minutes."""
    address = host if host.startswith(("http://", "https://")) else f"http://{host}"
    try:
        urllib.request.urlopen(address, timeout=_SECONDS).close()  # noqa: S310 - the schemes are those
    except urllib.error.HTTPError:  # it answers, and says to its client what it wants
        pass
    except urllib.error.URLError as error:
        if not isinstance(error.reason, ssl.SSLError):  # kfp may know the certificate
            raise ConnectionError(str(error.reason)) from error
