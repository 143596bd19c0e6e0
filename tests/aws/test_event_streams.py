"""Event streams in both directions, with AWS's own clients where there is one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import h2.events
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import EventStreamError

from brume.aws.wire import signature
from brume.aws.wire.eventsigning import EventChain
from brume.aws.wire.eventstream import Decoder, encode
from tests.aws.echo import SERVICE, engine
from tests.aws.serving import KEY, client_of, serve_engine
from tests.aws.test_http import Client, client

PATH = "/stream-transcription"
EVENTS = "STREAMING-AWS4-HMAC-SHA256-EVENTS"


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


class Stream:
    """A signed stream of audio over HTTP/2, as Transcribe's clients send it."""

    def __init__(self, one: Client, url: str) -> None:
        headers = {
            "Content-Type": "application/vnd.amazon.eventstream",
            "X-Amz-Content-SHA256": EVENTS,
            "x-amzn-transcribe-language-code": "en-US",
            "x-amzn-transcribe-sample-rate": "16000",
            "x-amzn-transcribe-media-encoding": "pcm",
        }
        request = AWSRequest("POST", url + PATH, headers)
        signer = SigV4Auth(Credentials(KEY.access_key, KEY.secret), "transcribe", "us-east-1")
        signer.payload = lambda _request: EVENTS  # type: ignore[method-assign]
        signer.add_auth(request)
        signed = [(name.lower(), value) for name, value in request.headers.items()]
        sent = signature.SignedRequest("POST", PATH, "", signed)
        self.chain = EventChain(KEY, signature.claim(sent))
        self.one, self._frames = one, Decoder()
        self.stream = int(one.h2.get_next_available_stream_id())
        head = {":method": "POST", ":path": PATH, ":scheme": "http", ":authority": url.partition("://")[2]}
        one.h2.send_headers(self.stream, [*head.items(), *signed])
        one.flush()

    def audio(self, chunk: bytes) -> None:
        headers = {":message-type": "event", ":event-type": "AudioEvent"}
        frame = encode({**headers, ":content-type": "application/octet-stream"}, chunk)
        self.one.data(self.stream, self.chain.seal(frame))

    def end(self) -> None:
        self.one.data(self.stream, self.chain.seal(b""), end=True)

    def next(self) -> Any:
        """Return the next message of the answer."""
        while True:
            data = self.one.next(h2.events.DataReceived)
            self.one.h2.acknowledge_received_data(data.flow_controlled_length, self.stream)
            messages = self._frames.feed(data.data)
            if messages:
                return messages[0]


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
        one.next(h2.events.StreamEnded)


def test_a_wrong_event_ends_the_stream_with_an_exception(url: str) -> None:
    with client(url) as one:
        stream = Stream(one, url)
        stream.audio(b"fail")
        assert stream.next().headers[":exception-type"] == "BadRequestException"
        one.next(h2.events.StreamEnded)
        for wrong in ("signature", "end"):
            stream = Stream(one, url)
            if wrong == "signature":
                stream.chain.seal(b"an event that does not come")
                stream.audio(bytes(10))
            else:
                one.data(stream.stream, b"", end=True)
            headers = stream.next().headers
            assert headers[":message-type"] in ("exception", "error")
            one.next(h2.events.StreamEnded)


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
