"""Every batch operation that is implemented: requests and responses arrive as botocore sends them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from brume.aws.wire.server import Engine
from brume.captions.engine.engine import TRANSCRIBE
from tests.aws.serving import client_of, serve_engine
from tests.aws.test_round_trip import Recorder, round_trip

pytestmark = pytest.mark.slow
OPERATIONS = [one.name for one in TRANSCRIBE.operations() if one.resource]


@pytest.fixture(scope="module")
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture(scope="module")
def url(recorder: Recorder) -> Iterator[str]:
    with serve_engine(Engine({"transcribe": recorder})) as made:
        yield made


@pytest.mark.parametrize("protocol", ["smithy-rpc-v2-cbor", "json"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_arrives_as_it_was_sent(
    recorder: Recorder, url: str, operation: str, protocol: str
) -> None:
    boto = client_of(
        url, "transcribe", protocol=protocol, parameter_validation=False, inject_host_prefix=False
    )
    round_trip((recorder, boto), "transcribe", operation, 2)
