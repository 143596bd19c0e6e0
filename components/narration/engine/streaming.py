"""StartSpeechSynthesisStream: text in as it comes, sound out as soon as a sentence is complete.

What has come is spoken up to its last sentence, which may go on; a flush that is forced, a document of SSML
and the end speak all of it. A client that does not read is not spoken for: the sound waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from brume.aws.engine.service import Call, ServiceError
from brume.narration.engine.errors import POLLY, invalid, refusing
from brume.narration.engine.lexicons import Lexicons
from brume.narration.engine.options import TASK, Options, options, script
from brume.narration.engine.speaker import Speaker
from brume.narration.engine.voices import Voices
from brume.narration.model import boundaries
from brume.narration.model.encoding import Encoder
from brume.narration.model.scripts import short
from brume.narration.model.synthesis import RATE, Synthesis

_END = object()


@contextlib.contextmanager
def _modelled() -> Iterator[None]:
    """Turn errors within the block into those that the model has in a stream."""
    try:
        yield
    except ServiceError as error:
        raise POLLY("ValidationException", error.message, reason="invalidInboundEvent") from error


class Streaming:
    """The operation StartSpeechSynthesisStream."""

    def __init__(
        self, speaker: Speaker, voices: Voices, lexicons: Lexicons, streams: int, silence: float
    ) -> None:
        """`streams` speak at once; one is ended after `silence` seconds without an event."""
        self._speaker, self._voices, self._lexicons = speaker, voices, lexicons
        self._silence = silence
        self._pool = ThreadPoolExecutor(streams, thread_name_prefix="narration")

    async def start_speech_synthesis_stream(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Speak a stream of texts."""
        if request["OutputFormat"] == "json":
            raise invalid("OutputFormat json is not supported in a stream: it has no speech marks")
        # AWS's only engine for streams is "generative": clients can name no other.
        asked = {**request, "Engine": None} if request["Engine"] == "generative" else request
        loop = asyncio.get_running_loop()
        with _modelled():
            chosen = await loop.run_in_executor(
                self._pool, options, asked, call, self._voices, self._lexicons
            )
        return {"EventStream": self._events(request["ActionStream"], chosen)}

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    async def _events(
        self, actions: AsyncIterator[Mapping[str, Any]], chosen: Options
    ) -> AsyncIterator[dict[str, Any]]:
        loop = asyncio.get_running_loop()
        stream = _Stream(self._speaker, chosen)
        async for texts in _texts(_events(actions, self._silence), short(chosen.language)):
            parts = stream.sound(*texts)
            while (data := await loop.run_in_executor(self._pool, next, parts, _END)) is not _END:
                if data:
                    yield {"AudioEvent": {"AudioChunk": data}}
        if data := await loop.run_in_executor(self._pool, stream.finish):
            yield {"AudioEvent": {"AudioChunk": data}}
        yield {"StreamClosedEvent": {"RequestCharacters": stream.characters}}


async def _events(
    actions: AsyncIterator[Mapping[str, Any]], silence: float
) -> AsyncIterator[Mapping[str, Any]]:
    """Iterate events until the client closes the stream. Raises `ServiceError` where none comes for long."""
    iterator = aiter(actions)
    while True:
        try:
            event = await asyncio.wait_for(anext(iterator), silence)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise POLLY(
                "ServiceQuotaExceededException",
                f"The stream has sent no event for {silence:g} seconds: close it when there is no more text",
                quotaCode="input-stream-inbound-event-timeout",
                serviceCode="polly",
            ) from None
        if "CloseStreamEvent" in event:
            return
        yield event


async def _texts(actions: AsyncIterator[Mapping[str, Any]], language: str) -> AsyncIterator[tuple[str, str]]:
    """Iterate what can be spoken: text (of TextType text or ssml) that is complete, and its type."""
    waiting = ""
    async for action in actions:
        event = action["TextEvent"]
        text, kind = event["Text"], event.get("TextType") or "text"
        forced = (event.get("FlushStreamConfiguration") or {}).get("Force")
        if kind == "ssml":
            if waiting.strip():
                yield waiting, "text"
            waiting = ""
            yield text, kind
            continue
        waiting += text
        if len(waiting) > TASK.billed:
            raise _too_much()
        end = len(waiting) if forced else _complete(waiting, language)
        if waiting[:end].strip():
            yield waiting[:end], "text"
            waiting = waiting[end:]
    if waiting.strip():
        yield waiting, "text"


def _complete(text: str, language: str) -> int:
    """Return where the sentences end behind which another has begun."""
    ends = boundaries.ends(text, language)
    return ends[-2] if len(ends) > 1 else 0


def _too_much() -> ServiceError:
    return POLLY(
        "ValidationException",
        f"A stream has at most {TASK.billed:,} characters: begin a new one",
        reason="fieldValidationFailed",
    )


class _Stream:
    """One sound out of many texts."""

    def __init__(self, speaker: Speaker, chosen: Options) -> None:
        self._speaker, self._options = speaker, chosen
        self._synthesis: Synthesis | None = None
        self._encoder = Encoder(source=RATE, name=chosen.format, rate=chosen.rate)
        self.characters = 0

    def sound(self, text: str, kind: str) -> Iterator[bytes]:
        """Iterate the sound of a text, sentence by sentence. Raises `ServiceError`."""
        with _modelled():
            read = script(text, kind, self._options, TASK)
        self.characters += read.characters
        if self.characters > TASK.billed:
            raise _too_much()
        with _modelled(), refusing():
            if self._synthesis is None:
                self._synthesis = self._speaker.synthesis(self._options)
            for one in self._speaker.speak(self._synthesis, read.sentences):
                yield self._encoder.encode(one.samples)

    def finish(self) -> bytes:
        """Return the end of the sound."""
        return self._encoder.finish()
