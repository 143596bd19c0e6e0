"""StartStreamTranscription: audio in, results out, at the pace of the audio.

A stream has two tasks on the event loop and no work there: one reads a client's audio, has it decoded, and
waits while much of it has not been recognised; the other, the results' generator, has recognised what has
come. A stream that falls behind takes longer steps: it becomes less smooth and not later.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge
from starlette.requests import ClientDisconnect

from brume.aws.engine.service import Call, ServiceError
from brume.captions.engine.options import STREAMING, GoneError, Options, bad, options
from brume.captions.engine.settings import CaptionsSettings
from brume.captions.engine.vocabularies import Vocabularies
from brume.captions.engine.vocabulary_filters import VocabularyFilters
from brume.captions.model.audio import AudioError, decoder
from brume.captions.model.hypothesis import RATE, Samples
from brume.captions.model.live import Live, LiveSettings, Result
from brume.captions.model.recognisers import Recognisers, language
from brume.captions.model.stabiliser import LEVELS
from brume.captions.model.vocabulary import Spelling
from brume.weights import WeightsError

_STEP = 0.25  # seconds of audio recognised at once
_BEHIND = 0.75  # seconds behind real time from which a step is as long as they are
_AHEAD = 5.0  # seconds of audio that wait to be recognised before no more are read


class StreamMetrics:
    """What /metrics shows of the streams."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.open = Gauge("brume_captions_streams", "Streams that are open", registry=registry)
        self.seconds = Counter(
            "brume_captions_audio_seconds", "Audio recognised in streams", registry=registry
        )
        self.long_steps = Counter(
            "brume_captions_long_steps", "Steps made longer because a stream was behind", registry=registry
        )
        self.ended = Counter(
            "brume_captions_streams_ended", "Streams that ended, by how", ["reason"], registry=registry
        )


class Streaming:
    """The operation StartStreamTranscription."""

    def __init__(
        self,
        recognisers: Recognisers,
        vocabularies: Vocabularies,
        filters: VocabularyFilters,
        settings: CaptionsSettings,
        metrics: StreamMetrics,
    ) -> None:
        self._recognisers, self._settings, self._metrics = recognisers, settings, metrics
        self._vocabularies, self._filters = vocabularies, filters
        self._pool = ThreadPoolExecutor(settings.threads, thread_name_prefix="captions")
        self._decoding = ThreadPoolExecutor(settings.threads, thread_name_prefix="captions-audio")
        self._open = 0

    async def start_stream_transcription(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Transcribe a stream; the response has the request's options and then the results."""
        chosen = options(request)
        if self._open >= self._settings.streams:
            raise STREAMING(
                "LimitExceededException",
                f"This server transcribes {self._settings.streams} streams at once, and all are taken: try "
                "again later (BRUME_CAPTIONS_STREAMS)",
            )
        self._open += 1  # the results' generator gives the place back, whether it runs or not
        try:
            loop = asyncio.get_running_loop()
            channels = await loop.run_in_executor(self._pool, self._channels, chosen, call)
        except BaseException:
            self._open -= 1
            raise
        audio = _Audio(chosen, self._settings, self._decoding)
        stream = _Stream(chosen, channels, audio, self._metrics, self._pool)
        echoed = {name: value for name, value in request.items() if name != "AudioStream"}
        return {
            "RequestId": call.request_id,
            **echoed,
            "SessionId": request.get("SessionId") or call.request_id,
            "TranscriptResultStream": _Results(stream.results(request["AudioStream"]), self._gone),
        }

    def close(self) -> None:
        """End the threads."""
        for pool in (self._pool, self._decoding):
            pool.shutdown(wait=True, cancel_futures=True)

    def _gone(self) -> None:
        self._open -= 1

    def _channels(self, chosen: Options, call: Call) -> list[Live]:
        """Return what recognises each channel. Raises `ServiceError`."""
        spoken = tuple(language(code) for code in chosen.languages)
        try:
            recogniser = self._recognisers.of(spoken)
        except WeightsError as error:
            raise STREAMING("ServiceUnavailableException", str(error)) from error
        unknown = [
            code
            for code, one in zip(chosen.languages, spoken, strict=True)
            if one not in recogniser.languages
        ]
        if unknown:
            raise bad(f"{', '.join(unknown)} is not spoken by this server's model {recogniser.name}")
        level = LEVELS[chosen.level]
        settings = LiveSettings(
            spoken,
            replace(level, shown=max(level.shown, self._settings.shown)),
            Spelling(
                entry
                for name in chosen.vocabularies
                for entry in self._vocabularies.entries(name, chosen.languages, call)
            ),
            tuple(
                self._filters.filter(name, chosen.languages, chosen.method, call) for name in chosen.filters
            ),
            preferred=language(chosen.preferred),
        )
        return [Live(recogniser, settings) for _ in range(chosen.channels)]


class _Results:
    """An async generator that gives back a stream's place when it is closed, even if it never ran."""

    def __init__(self, source: AsyncIterator[dict[str, Any]], gone: Any) -> None:
        self._source, self._gone = source, gone

    def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        return self._source

    async def aclose(self) -> None:
        gone, self._gone = self._gone, None
        if gone is not None:
            gone()
        await self._source.aclose()  # type: ignore[attr-defined]


@dataclass(frozen=True)
class _Stream:
    options: Options
    channels: Sequence[Live]
    audio: _Audio
    metrics: StreamMetrics
    pool: ThreadPoolExecutor

    async def results(self, events: AsyncIterator[Mapping[str, Any]]) -> AsyncIterator[dict[str, Any]]:
        """Iterate the events of the response. Raises `ServiceError` that ends the stream."""
        reading = asyncio.create_task(self.audio.read(events))
        reason = "disconnected"
        self.metrics.open.inc()
        try:
            async with contextlib.aclosing(self._events()) as found:
                async for event in found:
                    yield event
            reason = "complete"
        except (ClientDisconnect, ConnectionError):
            raise
        except Exception as error:
            reason = error.code if isinstance(error, ServiceError) else "failed"
            raise
        finally:
            self.metrics.open.dec()
            self.metrics.ended.labels(reason).inc()
            reading.cancel()
            self.audio.close()
            await asyncio.gather(reading, return_exceptions=True)

    async def _events(self) -> AsyncGenerator[dict[str, Any], None]:
        loop = asyncio.get_running_loop()
        while (samples := await self.audio.take()) is not None:
            length = len(samples[0]) / RATE
            if length >= _BEHIND:
                self.metrics.long_steps.inc()
            found = await loop.run_in_executor(self.pool, self._accept, samples)
            self.metrics.seconds.inc(length)
            if found:
                yield self._event(found)
        found = await loop.run_in_executor(self.pool, self._finish)
        if found:
            yield self._event(found)
        if self.audio.error is not None:
            raise self.audio.error

    def _accept(self, samples: Sequence[Samples]) -> list[tuple[int, Result]]:
        return [
            (index, result)
            for index, (live, part) in enumerate(zip(self.channels, samples, strict=True))
            for result in live.accept(part)
        ]

    def _finish(self) -> list[tuple[int, Result]]:
        return [(index, result) for index, live in enumerate(self.channels) for result in live.finish()]

    def _event(self, results: Sequence[tuple[int, Result]]) -> dict[str, Any]:
        return {
            "TranscriptEvent": {
                "Transcript": {"Results": [self._result(index, result) for index, result in results]}
            }
        }

    def _result(self, channel: int, result: Result) -> dict[str, Any]:
        stabilised = self.options.level != "off"
        items = [
            {
                "StartTime": round(item.start, 3),
                "EndTime": round(item.end, 3),
                "Type": "pronunciation" if item.pronunciation else "punctuation",
                "Content": item.text,
                "VocabularyFilterMatch": item.filtered,
                "Confidence": item.confidence,
                "Stable": item.stable if stabilised else None,
            }
            for item in result.items
        ]
        shown: dict[str, Any] = {
            "ResultId": result.identity,
            "StartTime": round(result.start, 3),
            "EndTime": round(result.end, 3),
            "IsPartial": result.partial,
            "Alternatives": [{"Transcript": result.text, "Items": items}],
        }
        if self.options.channels > 1:
            shown["ChannelId"] = f"ch_{channel}"
        if result.languages:
            codes = {language(code): code for code in self.options.languages}
            shown["LanguageCode"] = codes[result.language]
            shown["LanguageIdentification"] = [
                {"LanguageCode": codes[one], "Score": round(score, 4)}
                for one, score in sorted(result.languages.items(), key=lambda pair: -pair[1])
            ]
        return shown


class _Audio:
    """The audio of one client: read as it comes, taken as it can be recognised."""

    def __init__(self, chosen: Options, settings: CaptionsSettings, pool: ThreadPoolExecutor) -> None:
        self._decoder = decoder(chosen.encoding, chosen.rate, chosen.channels)
        self._settings, self._pool = settings, pool
        self._rows: list[Samples] = [np.zeros(0, np.float32) for _ in range(chosen.channels)]
        self._changed = asyncio.Condition()
        self._over = False
        self._lost: Exception | None = None  # why there is nobody to recognise the rest for
        self._began = 0.0  # when audio first came
        self._come = self._taken = 0.0  # seconds of audio
        self.error: ServiceError | None = None  # what ends the stream after its last result

    async def read(self, events: AsyncIterator[Mapping[str, Any]]) -> None:
        """Read until the end of the stream."""
        iterator = aiter(events)
        coming = asyncio.ensure_future(self._chunk(iterator))
        try:
            while chunk := await coming:
                coming = asyncio.ensure_future(self._chunk(iterator))
                await self._decode_before(chunk, coming)
            await self._decode(None)
        except AudioError as error:
            self.error = bad(str(error))
        except ServiceError as error:
            self.error = error
        except Exception as error:
            self._lost = error
        finally:
            coming.cancel()
            async with self._changed:
                self._over = True
                self._changed.notify_all()

    async def _decode_before(self, chunk: bytes, coming: asyncio.Future[bytes]) -> None:
        """Decode a piece, which may be hours, while its client is there: the next piece shows that."""
        decoding = asyncio.ensure_future(self._decode(chunk))
        try:
            both: list[asyncio.Future[Any]] = [decoding, coming]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if not decoding.done() and not coming.cancelled():
                error = coming.exception()
                if error is not None and (
                    isinstance(error, GoneError) or not isinstance(error, ServiceError)
                ):
                    raise error
            await decoding
        finally:
            decoding.cancel()

    async def _chunk(self, iterator: AsyncIterator[Mapping[str, Any]]) -> bytes:
        """Return the next piece of audio; b"" at the end, which clients announce by an empty piece."""
        try:
            event = await asyncio.wait_for(anext(iterator), self._settings.silence)
        except StopAsyncIteration:
            return b""
        except TimeoutError:
            raise bad(
                "Your request timed out because no new audio was received for "
                f"{self._settings.silence} seconds."
            ) from None
        return bytes(event.get("AudioEvent", {}).get("AudioChunk", b""))

    async def _decode(self, chunk: bytes | None) -> None:
        loop, parts = asyncio.get_running_loop(), self._decoder.decode(chunk)
        while (rows := await loop.run_in_executor(self._pool, next, parts, None)) is not None:
            await self._put(rows)

    async def _put(self, rows: Sequence[Samples]) -> None:
        async with self._changed:
            self._began = self._began or asyncio.get_running_loop().time()
            self._rows = [np.concatenate([old, new]) for old, new in zip(self._rows, rows, strict=True)]
            self._come += len(rows[0]) / RATE
            self._changed.notify_all()
            await self._changed.wait_for(lambda: len(self._rows[0]) < _AHEAD * RATE)
        if self._come > self._settings.longest:
            raise STREAMING(
                "LimitExceededException",
                f"A stream has at most {self._settings.longest} seconds of audio: begin a new one",
            )

    async def take(self) -> list[Samples] | None:
        """Return the next samples of each channel when a step is complete; None at the end of the stream.

        Raises the error by which the client was lost.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: self._over or len(self._rows[0]) >= _STEP * RATE)
            if self._lost is not None:
                raise self._lost
            if not len(self._rows[0]):
                return None
            elapsed = asyncio.get_running_loop().time() - self._began
            behind = min(elapsed, self._come) - self._taken  # a client may send faster than real time
            size = int((_STEP if behind < _BEHIND else min(behind, _AHEAD)) * RATE)
            taken = [row[:size] for row in self._rows]
            self._rows = [row[size:] for row in self._rows]
            self._taken += len(taken[0]) / RATE
            self._changed.notify_all()
            return taken

    def close(self) -> None:
        """End the decoder of a stream that is not finished."""
        self._decoder.close()
