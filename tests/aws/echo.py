"""A service of the tests in every protocol: unary, streamed, with event streams and pages.

Its model is models/brumeecho: botocore knows it by AWS_DATA_PATH (conftest.py). `Transcribe` is a double of
Transcribe's streaming service for AWS's own clients: it answers what it was sent.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

from brume.aws.engine.listing import list_items
from brume.aws.wire.server import Call, Engine, ServiceError

SERVICE = "brumeecho"
WORDS = [f"word{number:03}" for number in range(25)]
TIME = datetime(2030, 1, 31, 12, tzinfo=UTC)


class Echo:
    """Every operation gives back what it was given."""

    def echo(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        if request["Name"] == "taken":
            raise ServiceError("ConflictException", "there is one of this name already")
        return request

    def speak(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        def parts() -> Iterator[bytes]:
            for number in range(request.get("Parts", 1)):
                yield f"{number}:{request['Text']};".encode()

        return {"AudioStream": parts(), "ContentType": "audio/echo", "Characters": len(request["Text"])}

    def count(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        def events() -> Iterator[dict[str, Any]]:
            for number in range(request["Most"]):
                yield {"HeardEvent": {"Size": number, "Text": "é" * number, "Time": TIME}}
                yield {"RawEvent": {"Data": bytes(range(number)), "Position": number}}
            if request.get("Fail"):
                raise ServiceError("BadRequestException", "counted too far")

        return {"Started": TIME, "ResultStream": events()}

    async def converse(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        async def results() -> AsyncIterator[dict[str, Any]]:
            async for event in request["AudioStream"]:
                if "ControlEvent" in event:
                    yield {"HeardEvent": {"Size": 0, "Text": event["ControlEvent"].get("Word", "")}}
                    continue
                chunk = event["AudioEvent"]["AudioChunk"]
                if chunk == b"fail":
                    raise ServiceError("BadRequestException", "this cannot be heard")
                yield {"RawEvent": {"Data": chunk, "Position": len(chunk)}}

        return {"Session": request["Session"], "ResultStream": results()}

    def list_words(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return list_items(WORDS, request, call, key=str, describe=str)


class Transcribe:
    """StartStreamTranscription: for each piece of audio a result with its length."""

    async def start_stream_transcription(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        rate = request["MediaSampleRateHertz"]

        async def results() -> AsyncIterator[dict[str, Any]]:
            heard = 0
            async for event in request["AudioStream"]:
                chunk = event["AudioEvent"].get("AudioChunk", b"")
                if chunk == b"fail":
                    raise ServiceError("BadRequestException", "this cannot be heard")
                heard += len(chunk)
                yield _transcript(heard, rate, partial=True)
            yield _transcript(heard, rate, partial=False)

        kept = ("LanguageCode", "MediaSampleRateHertz", "MediaEncoding", "SessionId")
        return {name: request.get(name) for name in kept} | {
            "RequestId": call.request_id,
            "TranscriptResultStream": results(),
        }


def _transcript(heard: int, rate: int, *, partial: bool) -> dict[str, Any]:
    result = {
        "ResultId": "1",
        "StartTime": 0.0,
        "EndTime": heard / 2 / rate,
        "IsPartial": partial,
        "Alternatives": [{"Transcript": f"{heard} bytes", "Items": []}],
    }
    return {"TranscriptEvent": {"Transcript": {"Results": [result]}}}


def engine() -> Engine:
    """Return an engine that serves both."""
    return Engine({SERVICE: Echo(), "transcribe-streaming": Transcribe()})
