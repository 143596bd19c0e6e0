"""Engines that a local run starts for itself, and stops when it ends."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from brume.aws.client import NoEndpointError, client
from brume.aws.engine import catalog
from brume.aws.engine.local import started


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A user without any configuration for AWS."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def _projects(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Any:
    with monkeypatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        return client("lookoutvision").list_projects()["Projects"]


@pytest.mark.slow
def test_an_engine_runs_for_as_long_as_its_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    root = tmp_path / "out" / "engines"
    with (
        pytest.raises(ValueError, match="a step failed"),
        started({"inspection": {"s3://bucket/": str(photos)}}, root) as variables,
    ):
        assert _projects(variables, monkeypatch) == []
        assert catalog.running(root / "inspection") is not None
        raise ValueError("a step failed")
    assert catalog.running(root / "inspection") is None
    with pytest.raises(NoEndpointError, match="AWS_ENDPOINT_URL_LOOKOUTVISION"):
        client("lookoutvision")


@pytest.mark.long
def test_the_users_own_credentials_are_taken_and_never_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDOWN")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush hush")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "hush token")
    with started({"inspection": {}}, tmp_path / "engines") as variables:
        assert "AWS_ACCESS_KEY_ID" not in variables
        assert _projects(variables, monkeypatch) == []
        files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not any(b"hush" in content for content in files)


def test_an_engine_whose_services_have_an_endpoint_is_not_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured = tmp_path / ".aws" / "config"
    configured.parent.mkdir()
    configured.write_text("[default]\nendpoint_url = http://127.0.0.1:9\n")
    with started({"inspection": {}}, tmp_path / "engines") as variables:
        assert variables == {}
    configured.unlink()
    for service in catalog.about("inspection").services:
        monkeypatch.setenv(catalog.endpoint_variable(service), "http://127.0.0.1:9")
    with started({"inspection": {}}, tmp_path / "engines") as variables:
        assert variables == {}
    assert not (tmp_path / "engines").exists()


def test_an_engine_that_does_not_start_says_why_and_nothing_of_earlier_starts(tmp_path: Path) -> None:
    log = tmp_path / "inspection" / "engine.log"
    log.parent.mkdir()
    log.write_text("error: of last week\n")
    with (
        pytest.raises(catalog.EngineError, match=r"code 1\): brume: --folder .*: there is no folder"),
        started({"inspection": {"s3://bucket/": "/no/such/folder"}}, tmp_path),
    ):
        pytest.fail("it has started")
