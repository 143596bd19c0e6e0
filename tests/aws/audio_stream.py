"""A signed stream of audio over HTTP/2, frame by frame, as Transcribe's clients send it."""

from __future__ import annotations

from typing import Any

import h2.events
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from brume.aws.wire import signature
from brume.aws.wire.eventsigning import EventChain
from brume.aws.wire.eventstream import Decoder, Message, encode
from tests.aws.serving import KEY
from tests.aws.test_http import Client

PATH = "/stream-transcription"
EVENTS = "STREAMING-AWS4-HMAC-SHA256-EVENTS"


class Stream:
    """One stream on a connection; `parameters` as in `language_code="en-US"`, None leaves one out."""

    def __init__(self, one: Client, url: str, **parameters: object) -> None:
        given = {"language_code": "en-US", "sample_rate": 16000, "media_encoding": "pcm", **parameters}
        headers = {"Content-Type": "application/vnd.amazon.eventstream", "X-Amz-Content-SHA256": EVENTS}
        headers |= {
            f"x-amzn-transcribe-{name.replace('_', '-')}": str(value)
            for name, value in given.items()
            if value is not None
        }
        request = AWSRequest("POST", url + PATH, headers)
        signer = SigV4Auth(Credentials(KEY.access_key, KEY.secret), "transcribe", "eu-west-1")
        signer.payload = lambda _request: EVENTS  # type: ignore[method-assign]
        signer.add_auth(request)
        signed = [(name.lower(), value) for name, value in request.headers.items()]
        sent = signature.SignedRequest("POST", PATH, "", signed)
        self.chain = EventChain(KEY, signature.claim(sent))
        self.one, self._frames = one, Decoder()
        self._messages: list[Message] = []
        self.ended = False  # the answer
        self.stream = int(one.h2.get_next_available_stream_id())
        scheme, _, authority = url.partition("://")
        head = {":method": "POST", ":path": PATH, ":scheme": scheme, ":authority": authority}
        one.h2.send_headers(self.stream, [*head.items(), *signed])
        one.flush()

    def audio(self, chunk: bytes) -> None:
        """Send a piece of audio."""
        self.send(self.sealed(chunk))

    def sealed(self, chunk: bytes) -> bytes:
        """Return the signed frame of the next piece of audio."""
        headers = {":message-type": "event", ":event-type": "AudioEvent"}
        return self.chain.seal(encode({**headers, ":content-type": "application/octet-stream"}, chunk))

    def send(self, data: bytes, *, end: bool = False) -> None:
        """Send bytes as the server takes them, and take what comes meanwhile; none once it has ended."""
        while data and not self.ended:
            size = min(self.one.h2.local_flow_control_window(self.stream), 16384, len(data))
            if size > 0:
                self.one.data(self.stream, data[:size], end=end and size == len(data))
                data = data[size:]
            self._take(wait=size <= 0)

    def end(self) -> None:
        """Send the signed frame that ends the stream."""
        self.send(self.chain.seal(b""), end=True)

    def next(self) -> Message | None:
        """Return the next message of the answer, None at its end."""
        while not self._messages:
            if self.ended:
                return None
            self._take(wait=True)
        return self._messages.pop(0)

    def _take(self, *, wait: bool) -> None:
        while not (waiting := self.one.waiting()) and (wait or self.one.readable()):
            self.one.read()
            wait = False
        for event in waiting:
            if isinstance(event, h2.events.DataReceived):
                if not self.ended:
                    self.one.h2.acknowledge_received_data(event.flow_controlled_length, self.stream)
                self._messages += self._frames.feed(event.data)
            elif isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)):
                self.ended = True
        self.one.flush()

    def head(self) -> dict[str, str]:
        """Return the headers of the answer."""
        return dict(self.one.next(h2.events.ResponseReceived).headers)

    def rest(self) -> list[Any]:
        """Return the messages until the end of the answer."""
        return list(iter(self.next, None))
