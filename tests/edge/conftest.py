"""The application under test lies in edge/, outside this project's own packages."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

EDGE = Path(__file__).resolve().parents[2] / "edge"
sys.path.insert(0, str(EDGE))


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bundle whose score is the brightness of a picture: the bright ones are anomalous."""
    from tests.edge.bundles import write

    return write(tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def pins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Replace the device's pins by mock pins that record when they change."""
    from gpiozero import Device

    from tests.edge.conveyor import mock_pins

    monkeypatch.setattr(Device, "pin_factory", mock_pins())
    yield
    Device.pin_factory.reset()


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the credentials that the test's service accepts."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDTEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret of the tests")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
