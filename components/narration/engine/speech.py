"""SynthesizeSpeech, by POST as AWS's clients send it and by presigned URL as a page's <audio> does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from brume.aws.client import service_model
from brume.aws.engine.routes import Reply, RouteRequest, SignedRoute
from brume.aws.engine.service import Call
from brume.aws.wire.reading import PlainReader
from brume.aws.wire.requests import RequestError
from brume.narration.engine.errors import invalid
from brume.narration.engine.lexicons import Lexicons
from brume.narration.engine.options import REQUEST, Asked, options, script
from brume.narration.engine.speaker import Speaker
from brume.narration.engine.voices import Voices

PATH = "/v1/speech"


class Speech:
    """The operation SynthesizeSpeech."""

    def __init__(self, speaker: Speaker, voices: Voices, lexicons: Lexicons) -> None:
        self._speaker, self._voices, self._lexicons = speaker, voices, lexicons

    def synthesize_speech(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Speak a text; the sound is sent while it is made, from its first sentence on."""
        chosen = options(request, call, self._voices, self._lexicons)
        read = script(request["Text"], request.get("TextType"), chosen, REQUEST)
        output = self._speaker.output(Asked(request["Text"], read, chosen))
        first = next(output, b"")  # a text that cannot be spoken is refused before the head is sent
        return {
            "AudioStream": _from(first, output),
            "ContentType": chosen.media,
            "RequestCharacters": read.characters,
        }

    def route(self) -> SignedRoute:
        """Return the route of the presigned URL, whose query has the members of the operation."""
        return SignedRoute("polly", PATH, "SynthesizeSpeech", self._answer)

    def _answer(self, request: RouteRequest, call: Call) -> Reply:
        found = self.synthesize_speech(_parameters(request), call)
        headers = {
            "content-type": found["ContentType"],
            "x-amzn-requestcharacters": str(found["RequestCharacters"]),
            "access-control-allow-origin": "*",  # who has the URL may read it, from any page
        }
        return Reply(200, found["AudioStream"], headers)


def _from(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _parameters(request: RouteRequest) -> dict[str, Any]:
    """Return the members of the operation in a query. Raises `ServiceError`."""
    shape = service_model("polly").operation_model("SynthesizeSpeech").input_shape
    found: dict[str, Any] = {}
    for name, value in request.query:
        member = shape.members.get(name)
        if member is None:
            continue
        if member.type_name == "list":
            found.setdefault(name, []).append(value)
        else:
            found[name] = value
    try:
        return PlainReader().read(shape, found)
    except RequestError as error:
        raise invalid(str(error)) from None
