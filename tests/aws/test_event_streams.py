"""Event streams in both directions, with AWS's own clients where there is one."""

from __future__ import annotations

import json
from collections.abc import Iterator

import h2.events
import pytest
from botocore.exceptions import EventStreamError

from tests.aws.audio_stream import Stream
from tests.aws.echo import SERVICE, engine
from tests.aws.serving import client_of, serve_engine
from tests.aws.test_http import client


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve_engine(engine()) as address:
        yield address


def test_boto3_reads_events_and_the_error_that_ends_them(url: str) -> None:
    answer = client_of(url, SERVICE).count(Most=3)
    found = list(answer["ResultStream"])
    assert [next(iter(event)) for event in found] == ["HeardEvent", "RawEvent"] * 3
    assert found[2]["HeardEvent"]["Text"] == "é"
    with pytest.raises(EventStreamError, match="counted too far"):
        list(client_of(url, SERVICE).count(Most=1, Fail=True)["ResultStream"])


def test_results_come_while_the_audio_is_sent(url: str) -> None:
    with client(url) as one:
        stream = Stream(one, url)
        head = dict(one.next(h2.events.ResponseReceived).headers)  # before any audio
        assert head[":status"] == "200"
        assert head["x-amzn-transcribe-language-code"] == "en-US"
        for number in (1, 2):
            stream.audio(bytes(3200))
            result = json.loads(stream.next().payload)["Transcript"]["Results"][0]
            assert result["Alternatives"][0]["Transcript"] == f"{3200 * number} bytes"
        stream.end()
        assert json.loads(stream.next().payload)["Transcript"]["Results"][0]["IsPartial"] is False
        assert stream.next() is None


def test_a_wrong_event_ends_the_stream_with_an_exception(url: str) -> None:
    with client(url) as one:
        stream = Stream(one, url)
        stream.audio(b"fail")
        assert stream.next().headers[":exception-type"] == "BadRequestException"
        assert stream.next() is None
        for wrong in ("signature", "end"):
            stream = Stream(one, url)
            if wrong == "signature":
                stream.chain.seal(b"an event that does not come")
                stream.audio(bytes(10))
            else:
                one.data(stream.stream, b"", end=True)
            headers = stream.next().headers
            assert headers[":message-type"] in ("exception", "error")
            assert stream.next() is None


def test_a_client_that_goes_ends_the_method(url: str) -> None:
    for _ in range(3):
        with client(url) as one:
            stream = Stream(one, url)
            stream.audio(bytes(10))
            stream.next()
    with client(url) as one:  # and its place is free
        stream = Stream(one, url)
        stream.end()
        assert stream.next()
