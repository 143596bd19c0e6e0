"""One service in every protocol, through botocore over HTTP."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import cbor2
import pytest
from botocore.exceptions import ClientError, EventStreamError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.aws import echo
from tests.aws.serving import client_of, serve_engine

PROTOCOLS = ("rest-json", "smithy-rpc-v2-cbor", "json", "query")
GIVEN: dict[str, Any] = {
    "Name": "a & b",
    "Mode": "LOUD",
    "Count": 2**40,
    "Share": 0.25,
    "Loud": True,
    "Data": b"\x00\xff",
    "Time": datetime(2030, 1, 31, 12, 30, tzinfo=UTC),
    "Tags": {"owner": "<me>"},
    "Words": ["one", " two\r\n"],
    "Things": [{"Name": "x", "Data": b"y", "Numbers": [1.5, 2.0], "Inner": {"Name": "z"}}],
    "ClientToken": "token",
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve_engine(echo.engine()) as address:
        yield address


@pytest.fixture(params=PROTOCOLS)
def client(url: str, request: pytest.FixtureRequest) -> Any:
    return client_of(url, echo.SERVICE, protocol=request.param)


def test_every_kind_of_member_in_every_protocol(client: Any) -> None:
    received = client.echo(**GIVEN)
    assert received["ResponseMetadata"]["RequestId"]
    assert {name: received[name] for name in GIVEN} == GIVEN


def test_a_client_token_comes_by_itself(client: Any) -> None:
    assert len(client.echo(Name="a")["ClientToken"]) == 36


def test_errors_in_every_protocol(client: Any) -> None:
    with pytest.raises(client.exceptions.ConflictException, match="one of this name already"):
        client.echo(Name="taken")
    with pytest.raises(ClientError) as caught:
        client.echo(Name="x" * 30, Mode="SOFT")
    error = caught.value.response["Error"]
    assert error["Code"] == "BadRequestException"
    assert "2 validation errors" in error["Message"]
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_pages_in_every_protocol(client: Any) -> None:
    pages = client.get_paginator("list_words").paginate(PaginationConfig={"PageSize": 10})
    assert [page["Words"] for page in pages] == [echo.WORDS[:10], echo.WORDS[10:20], echo.WORDS[20:]]


@pytest.mark.parametrize("protocol", PROTOCOLS[:3])
def test_events_and_exceptions_reach_botocore(url: str, protocol: str) -> None:
    client = client_of(url, echo.SERVICE, protocol=protocol)
    answer = client.count(Most=2)
    assert answer["Started"] == echo.TIME
    heard = {"HeardEvent": {"Size": 1, "Text": "é", "Time": echo.TIME}}
    assert list(answer["ResultStream"])[2:] == [heard, {"RawEvent": {"Data": b"\x00", "Position": 1}}]
    with pytest.raises(EventStreamError, match="counted too far"):
        list(client.count(Most=1, Fail=True)["ResultStream"])


def test_a_blob_is_streamed(url: str) -> None:
    answer = client_of(url, echo.SERVICE, protocol="rest-json").speak(Text="hello", Parts=3)
    assert (answer["ContentType"], answer["Characters"]) == ("audio/echo", 5)
    assert answer["AudioStream"].read() == b"0:hello;1:hello;2:hello;"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from([*GIVEN, ""]), inner),
    max_leaves=5,
)
NAMES = st.lists(st.sampled_from([*GIVEN, "member", "entry", "key", "value", "1", "x", ""]), max_size=6)


@pytest.fixture(scope="module")
def unsigned() -> Iterator[http.client.HTTPConnection]:
    with serve_engine(echo.engine(), keys=None) as address:
        connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
        yield connection
        connection.close()


def post(connection: http.client.HTTPConnection, path: str, body: bytes, **headers: str) -> int:
    connection.request("POST", path, body, {name.replace("_", "-"): text for name, text in headers.items()})
    answer = connection.getresponse()
    answer.read()
    return answer.status


@settings(max_examples=60, deadline=None)
@given(body=st.one_of(st.binary(max_size=30), VALUES.map(cbor2.dumps)))
def test_no_cbor_makes_the_server_fail(unsigned: http.client.HTTPConnection, body: bytes) -> None:
    status = post(unsigned, "/service/Echo/operation/Echo", body, smithy_protocol="rpc-v2-cbor")
    assert status in (200, 400, 409)


@settings(max_examples=60, deadline=None)
@given(fields=st.lists(st.tuples(NAMES, st.text(max_size=3)), max_size=6))
def test_no_form_makes_the_server_fail(
    unsigned: http.client.HTTPConnection, fields: list[tuple[list[str], str]]
) -> None:
    form = urlencode([("Action", "Echo"), *((".".join(names), text) for names, text in fields)])
    status = post(unsigned, "/", form.encode(), content_type="application/x-www-form-urlencoded")
    assert status in (200, 400, 409)
