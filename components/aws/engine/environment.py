"""The variables by which AWS clients reach running engines."""

from __future__ import annotations

import shlex
from pathlib import Path

from brume.aws.engine import catalog
from brume.aws.wire import keys


def lines(name: str | None, data: Path | None) -> list[str]:
    """Return `export` lines for the engine `name`, the one on the folder `data`, or all that run here.

    `data` may also be a folder of engines' folders, as `brume engines up --data` has it. Raises `EngineError`
    when none runs, or when engines that run take different keys or have different authorities of TLS.
    """
    if data is not None:
        folders = [data, *(data / known for known in catalog.names())]
    else:
        folders = [catalog.data_folder(catalog.about(name).name)] if name else []
        folders = folders or [catalog.data_folder(known) for known in catalog.names()]
    found = [running for running in map(catalog.running, folders) if running]
    if name:
        found = [running for running in found if running.name == name]
    if not found:
        which = f" {name}" if name else ""
        if data:
            raise catalog.EngineError(f"no engine{which} runs on {data}: start one, brume engine NAME")
        raise catalog.EngineError(
            f"no engine{which} runs in its usual folder: start one, brume engine NAME, or name the folder "
            "that one was started with, --data"
        )
    variables = {
        catalog.endpoint_variable(service): running.url for running in found for service in running.services
    }
    bundles = {running.bundle for running in found if running.bundle}
    if len(bundles) > 1:
        raise catalog.EngineError("the engines that run have different authorities of TLS: name one of them")
    for bundle in bundles:  # boto3 reads the first; SDKs on OpenSSL and the AWS CRT read the second
        variables |= {"AWS_CA_BUNDLE": bundle, "SSL_CERT_FILE": bundle}
    accepted = {(key.access_key, key.secret, key.token) for running in found for key in _first(running)}
    if len(accepted) > 1:
        raise catalog.EngineError(
            "the engines that run take different keys: name one of them, or start them with the same --keys"
        )
    for access, secret, token in accepted or {("anonymous", "anonymous", "")}:
        variables |= {"AWS_ACCESS_KEY_ID": access, "AWS_SECRET_ACCESS_KEY": secret}
        variables |= {"AWS_SESSION_TOKEN": token} if token else {}
    written = [f"export {key}={shlex.quote(value)}" for key, value in variables.items()]
    return [*written, 'export AWS_DEFAULT_REGION="${AWS_DEFAULT_REGION:-us-east-1}"']


def _first(running: catalog.Running) -> list[keys.Key]:
    """Return the first key that an engine takes; none for one that lets nobody sign."""
    return list(keys.load(Path(running.credentials)).values())[:1] if running.credentials else []
