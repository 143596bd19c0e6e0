"""The captions engine with its own models, which the tests of recognition share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.components.captions.engines import require_models, serve_captions


@pytest.fixture(scope="session")
def captions_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the engine with the packaged models: its tests run in one process (`SHARED`)."""
    require_models("whisper-tiny.en")
    with serve_captions(tmp_path_factory.mktemp("captions")) as url:
        yield url
