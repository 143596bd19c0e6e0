"""Event streams: frames, signatures in their chain, events by the shapes of a model."""

from __future__ import annotations

import struct
import uuid
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given, settings
from hypothesis import strategies as st

from brume.aws.client import service_model
from brume.aws.engine.service import ServiceError
from brume.aws.wire.events import EventReader, EventWriter
from brume.aws.wire.eventsigning import EventChain
from brume.aws.wire.eventstream import Decoder, Header, Long, Message, encode
from brume.aws.wire.protocols import PROTOCOLS
from brume.aws.wire.signature import Claim
from tests.aws.serving import KEY, OTHER

REST, CBOR, JSON = (PROTOCOLS[name] for name in ("rest-json", "smithy-rpc-v2-cbor", "json"))
CLAIM = Claim(
    KEY.access_key, "20300131", "eu-west-1", "echo", ("host",), "ab" * 32, datetime(2030, 1, 31), None, ""
)
START = datetime(2030, 1, 31, 23, 59, 59, tzinfo=UTC)
VALUES = st.one_of(
    st.booleans(),
    st.integers(-(2**31), 2**31 - 1),
    st.integers(-(2**63), 2**63 - 1).map(Long),
    st.binary(max_size=30),
    st.text(max_size=20),
    st.integers(0, 2**42).map(lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)),
    st.uuids(),
)
HEADERS = st.dictionaries(st.text(min_size=1, max_size=20), VALUES, max_size=4)
FRAMES = st.lists(st.tuples(HEADERS, st.binary(max_size=60)), max_size=4)
CHEAP = settings(max_examples=40, deadline=None)


def operation(name: str) -> Any:
    return service_model("brumeecho").operation_model(name)


def audio(chunk: bytes) -> bytes:
    return encode({":message-type": "event", ":event-type": "AudioEvent"}, chunk)


@CHEAP
@given(FRAMES, st.integers(1, 40))
def test_frames_are_found_however_the_bytes_are_cut(
    frames: list[tuple[dict[str, Header], bytes]], size: int
) -> None:
    data = b"".join(encode(headers, payload) for headers, payload in frames)
    decoder = Decoder()
    found = [message for at in range(0, len(data), size) for message in decoder.feed(data[at : at + size])]
    decoder.close()
    assert found == [Message(headers, payload) for headers, payload in frames]


def _as_botocore(value: Header) -> object:
    if isinstance(value, datetime):
        return (value - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    return value.bytes if isinstance(value, uuid.UUID) else value


@CHEAP
@given(HEADERS, st.binary(max_size=60))
def test_botocore_reads_the_frames(headers: dict[str, Header], payload: bytes) -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(encode(headers, payload))
    (message,) = buffer
    assert message.headers == {name: _as_botocore(value) for name, value in headers.items()}
    assert message.payload == payload


@CHEAP
@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_is_noticed(place: int, change: int) -> None:
    frame = bytearray(encode({":event-type": "AudioEvent", "at": START}, b"some audio"))
    frame[place % len(frame)] ^= change
    decoder = Decoder()
    with pytest.raises(ServiceError, match="event stream cannot be read"):
        list(decoder.feed(bytes(frame)))
        decoder.close()


def test_a_frame_that_is_too_large_is_refused_before_it_has_come() -> None:
    with pytest.raises(ServiceError, match="at most 1000 are taken") as caught:
        list(Decoder(limit=1000, code="BadRequestException").feed(encode({}, bytes(5000))[:12]))
    assert caught.value.code == "BadRequestException"


@pytest.mark.parametrize("payload", [b"\xff\x03", b"\x01a\x0b", b"\x01a\x07\x00\x09b", b"\x01a\x00\x01a\x00"])
def test_headers_that_cannot_be_read_are_refused(payload: bytes) -> None:
    framed = bytearray(encode({}, payload))
    framed[:8] = struct.pack(">II", len(framed), len(payload))
    framed[8:12] = zlib.crc32(framed[:8]).to_bytes(4, "big")
    framed[-4:] = zlib.crc32(framed[:-4]).to_bytes(4, "big")
    with pytest.raises(ServiceError, match="headers of a frame"):
        list(Decoder().feed(bytes(framed)))


def sealed(events: list[bytes], key: Any = KEY) -> list[bytes]:
    """Sign events two minutes apart, from just before midnight."""
    chain = EventChain(key, CLAIM)
    return [chain.seal(event, START + timedelta(minutes=2 * at)) for at, event in enumerate(events)]


def reader(protocol: Any = REST, **options: Any) -> EventReader:
    return EventReader(operation("Converse"), protocol, EventChain(KEY, CLAIM), **options)


def test_signed_events_are_read_in_their_chain_past_midnight() -> None:
    frames = sealed([audio(b"one"), audio(b"two"), b""])
    stream = reader()
    assert list(stream.feed(frames[0] + frames[1])) == [
        {"AudioEvent": {"AudioChunk": b"one"}},
        {"AudioEvent": {"AudioChunk": b"two"}},
    ]
    assert not stream.ended
    assert list(stream.feed(frames[2])) == []
    assert stream.ended
    stream.close()
    with pytest.raises(ServiceError, match="goes on after its end"):
        list(stream.feed(audio(b"more")))


@pytest.mark.parametrize(
    "changed",
    [
        lambda frames: frames[1:],  # one is left out
        lambda frames: [frames[0], frames[0]],  # one is repeated
        lambda frames: [frames[1], frames[0]],
        lambda frames: sealed([audio(b"one")], OTHER),
        lambda frames: [audio(b"one")],  # not signed
    ],
)
def test_events_out_of_their_chain_are_refused(changed: Any) -> None:
    with pytest.raises(ServiceError) as caught:
        list(reader().feed(b"".join(changed(sealed([audio(b"one"), audio(b"two")])))))
    assert caught.value.code == "InvalidSignatureException"


def test_a_stream_without_its_end_is_an_error_that_says_so() -> None:
    stream = reader()
    list(stream.feed(sealed([audio(b"one")])[0]))
    with pytest.raises(ServiceError, match="stops without its end") as caught:
        stream.close()
    assert caught.value.code == "BadRequestException"
    cut = reader()
    list(cut.feed(sealed([audio(b"one")])[0][:-3]))
    with pytest.raises(ServiceError, match="ends inside a frame"):
        cut.close()


def test_unsigned_frames_of_a_presigned_websocket() -> None:
    stream = reader(may_be_unsigned=True)
    assert list(stream.feed(audio(b"one"))) == [{"AudioEvent": {"AudioChunk": b"one"}}]
    stream.close()
    signed = reader(may_be_unsigned=True)
    assert list(signed.feed(sealed([audio(b"one")])[0]))
    with pytest.raises(ServiceError, match="not signed"):
        list(signed.feed(audio(b"two")))


def test_a_wrong_event_names_what_is_wrong() -> None:
    for event, message in (
        (encode({":message-type": "event", ":event-type": "Nothing"}), "AudioEvent, ControlEvent"),
        (encode({":event-type": "AudioEvent"}), ":message-type event"),
        (
            encode({":message-type": "event", ":event-type": "ControlEvent"}, b'{"Word":"%s"}' % (b"x" * 30)),
            "Word must be at most 20",
        ),
        (encode({":message-type": "event", ":event-type": "ControlEvent"}, b"{"), "not JSON"),
        (
            encode({":message-type": "event", ":event-type": "ControlEvent", "Urgent": "yes"}, b"{}"),
            "Urgent must be true or false",
        ),
    ):
        with pytest.raises(ServiceError, match=message) as caught:
            list(reader().feed(sealed([event])[0]))
        assert caught.value.code == "BadRequestException"


@pytest.mark.parametrize("protocol", [CBOR, JSON])
def test_rpc_protocols_send_the_parameters_as_the_first_event(protocol: Any) -> None:
    parameters = protocol.format.dumps({"Session": "a", "Loud": True})
    if protocol is JSON:
        parameters = b'{"x-amzn-session":"a","x-amzn-loud":true}'
    first = encode({":message-type": "event", ":event-type": "initial-request"}, parameters)
    frames = sealed([first, audio(b"one"), b""])
    stream = reader(protocol)
    assert stream.initial is None
    assert list(stream.feed(frames[0])) == []
    assert stream.initial == {"Session": "a", "Loud": True}
    assert list(stream.feed(frames[1])) == [{"AudioEvent": {"AudioChunk": b"one"}}]
    with pytest.raises(ServiceError, match="must be initial-request"):
        list(reader(protocol).feed(sealed([audio(b"one")])[0]))


def _parsed(protocol: str, frames: bytes) -> list[dict[str, Any]]:
    """Return events as botocore's parser gives them to its users."""
    from botocore.parsers import create_parser

    shape = operation("Count").get_event_stream_output()
    parser = create_parser(protocol)._event_stream_parser
    buffer = EventStreamBuffer()
    buffer.add_data(frames)
    return [parser.parse(message.to_response_dict(), shape) for message in buffer]


@pytest.mark.parametrize("protocol", [REST, CBOR, JSON])
def test_botocore_reads_events_and_exceptions(protocol: Any) -> None:
    writer = EventWriter(operation("Count"), protocol)
    frames = writer.event({"HeardEvent": {"Size": 3, "Text": "é", "Time": START}})
    frames += writer.event({"RawEvent": {"Data": b"\x00\x01", "Position": 2**40}})
    frames += writer.exception(ServiceError("BadRequestException", "too far"))
    frames += writer.exception(ServiceError("OtherException", "not of this stream"))
    heard, raw, failed, other = _parsed(protocol.name, frames)
    assert heard["HeardEvent"]["Text"] == "é"
    assert heard["HeardEvent"]["Time"] == START
    assert raw["RawEvent"] == {"Data": b"\x00\x01", "Position": 2**40}
    assert failed["Error"] == {"Code": "BadRequestException", "Message": "too far"}
    assert other["Error"] == {"Code": "OtherException", "Message": "not of this stream"}


def test_the_first_event_of_an_answer_has_the_other_members() -> None:
    output = {"Started": START, "ResultStream": []}
    assert EventWriter(operation("Count"), REST).initial(output) == b""
    (message,) = Decoder().feed(EventWriter(operation("Count"), CBOR).initial(output))
    assert message.headers[":event-type"] == "initial-response"
    assert CBOR.format.loads(message.payload) == {"Started": START}
