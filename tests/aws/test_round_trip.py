"""Requests and answers arrive as they were sent, for every operation of a service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from botocore import xform_name
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brume.aws.client import service_model
from brume.aws.wire.server import Call, Engine
from tests.aws.generating import parameters
from tests.aws.serving import client_of, serve_engine

LOOKOUT = "lookoutvision"
# One service for each protocol and kind of member: rest-json, json 1.1, json 1.0, streams with headers.
QUICK = (LOOKOUT, "athena", "stepfunctions", "polly")
# Services whole in a protocol that botocore does not choose by itself, or that these others do not speak.
WHOLE = (("comprehendmedical", "smithy-rpc-v2-cbor"), ("neptune", "query"))
LONG = ("brumeinspection", "brumerecords", "dynamodb", "iot-data")


class Recorder:
    """A service that has every operation: it keeps what it got, and answers what the test set."""

    def __init__(self) -> None:
        self.got: dict[str, Any] = {}
        self.answer: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        if name.startswith("_"):
            raise AttributeError(name)

        def method(request: dict[str, Any], call: Call) -> dict[str, Any]:
            self.got = request
            return self.answer

        return method


@pytest.fixture(scope="module")
def served(request: pytest.FixtureRequest) -> Iterator[tuple[Recorder, Any]]:
    recorder = Recorder()
    with serve_engine(Engine({request.param: recorder})) as url:
        # The generated values need not make sense to the client's own rules on top of the model.
        yield recorder, client_of(url, request.param, parameter_validation=False, inject_host_prefix=False)


@pytest.fixture(scope="module")
def spoken(request: pytest.FixtureRequest) -> Iterator[tuple[Recorder, Any]]:
    service, protocol = request.param
    recorder = Recorder()
    with serve_engine(Engine({service: recorder})) as url:
        yield (
            recorder,
            client_of(url, service, protocol=protocol, parameter_validation=False, inject_host_prefix=False),
        )


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, datetime) and isinstance(right, datetime):
        return left.timestamp() == right.timestamp()
    return bool(left == right)


def _operations(service: str) -> list[str]:
    model = service_model(service)
    return [
        name
        for name in model.operation_names
        if not model.operation_model(name).has_event_stream_input
        and not model.operation_model(name).has_event_stream_output
    ]


def _for_xml(value: Any) -> Any:
    """Return a value with only characters that XML has, and without what a form cannot show: empty maps.

    Of a SourceRegion botocore makes a presigned URL.
    """
    if isinstance(value, dict):
        inner = {key: _for_xml(item) for key, item in value.items() if key != "SourceRegion"}
        return {key: item for key, item in inner.items() if item != {}}
    if isinstance(value, list):
        return [item for item in map(_for_xml, value) if item != {}]
    if isinstance(value, str):
        return "".join(char if char.isprintable() or char in "\t\n\r" else "?" for char in value)
    return value


def round_trip(
    served: tuple[Recorder, Any],
    service: str,
    operation: str,
    examples: int,
    fit: Callable[[Any], Any] = dict,
) -> None:
    recorder, client = served
    model = service_model(service).operation_model(operation)
    token = model.idempotent_members

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    @given(st.data())
    def check(data: st.DataObject) -> None:
        sent = fit(data.draw(parameters(model.input_shape), label="sent"))
        answer = fit(data.draw(parameters(model.output_shape, output=True), label="answer"))
        recorder.answer = answer
        received = getattr(client, xform_name(operation))(**sent)
        got = {name: value for name, value in recorder.got.items() if name in sent or name not in token}
        assert _same(got, sent), f"sent {sent}, and the engine got {got}"
        del received["ResponseMetadata"]
        received = {
            name: value.read() if hasattr(value, "read") else value for name, value in received.items()
        }
        assert _same(received, answer), f"answered {answer}, and the client got {received}"

    check()


@pytest.mark.parametrize("served", [LOOKOUT], indirect=True)
@pytest.mark.parametrize("operation", _operations(LOOKOUT))
def test_every_operation_of_lookout_for_vision(served: tuple[Recorder, Any], operation: str) -> None:
    round_trip(served, LOOKOUT, operation, 5)


@pytest.mark.parametrize(("served", "service"), [(name, name) for name in QUICK[1:]], indirect=["served"])
def test_some_operations_of_other_protocols(served: tuple[Recorder, Any], service: str) -> None:
    for operation in _operations(service)[::6]:
        round_trip(served, service, operation, 2)


@pytest.mark.parametrize(("spoken", "service"), [(one, one[0]) for one in WHOLE], indirect=["spoken"])
def test_every_operation_of_a_service_in_cbor_and_query(spoken: tuple[Recorder, Any], service: str) -> None:
    for operation in _operations(service):
        round_trip(spoken, service, operation, 2, _for_xml)


@pytest.mark.long
@pytest.mark.parametrize(("served", "service"), [(name, name) for name in QUICK + LONG], indirect=["served"])
def test_every_operation_often(served: tuple[Recorder, Any], service: str) -> None:
    for operation in _operations(service):
        round_trip(served, service, operation, 15)
