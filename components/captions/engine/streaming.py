"""StartStreamTranscription: audio in, results out, at the pace of the audio.

One task reads a client's audio, and waits while much of it has not been recognised; another recognises what
has come. A stream that falls behind real time takes longer steps: it becomes less smooth and not later.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge

from brume.aws.engine.service import Call, ServiceError
from brume.captions.engine.options import STREAMING, Options, bad, language, options
from brume.captions.engine.recognisers import Recognisers
from brume.captions.engine.settings import CaptionsSettings
from brume.captions.engine.vocabularies import Vocabularies
from brume.captions.engine.vocabulary_filters import VocabularyFilters
from brume.captions.model.audio import AudioError, decoder
from brume.captions.model.hypothesis import RATE, Samples
from brume.captions.model.live import Live, LiveSettings, Result
from brume.captions.model.stabiliser import LEVELS
from brume.captions.model.vocabulary import Filter, Spelling
from brume.weights import WeightsError

_STEP = 0.25  # seconds of audio recognised at once
_LONGEST_STEP = 2.0  # of a stream that is behind
_BEHIND = 0.75  # seconds behind real time from which steps are longer
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
        stream = _Stream(chosen, channels, self._settings, self._metrics, self._pool)
        echoed = {name: value for name, value in request.items() if name != "AudioStream"}
        return {
            "RequestId": call.request_id,
            **echoed,
            "SessionId": request.get("SessionId") or call.request_id,
            "TranscriptResultStream": _Results(stream.results(request["AudioStream"]), self._gone),
        }

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)

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
        entries = [
            entry
            for name in chosen.vocabularies
            for entry in self._vocabularies.entries(name, chosen.languages, call)
        ]
        words = [
            word for name in chosen.filters for word in self._filters.words(name, chosen.languages, call)
        ]
        level = LEVELS[chosen.level]
        settings = LiveSettings(
            spoken,
            replace(level, shown=max(level.shown, self._settings.shown)),
            Spelling(entries),
            Filter(words, chosen.method) if words else None,
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
    settings: CaptionsSettings
    metrics: StreamMetrics
    pool: ThreadPoolExecutor

    async def results(self, events: AsyncIterator[Mapping[str, Any]]) -> AsyncIterator[dict[str, Any]]:
        """Iterate the events of the response. Raises `ServiceError` that ends the stream."""
        audio = _Audio(self.options, self.settings)
        reading = asyncio.create_task(audio.read(events))
        loop = asyncio.get_running_loop()
        began = time.monotonic()
        taken = 0.0  # seconds of audio
        self.metrics.open.inc()
        try:
            while True:
                behind = min(time.monotonic() - began, audio.seconds + _STEP) - taken
                most = _STEP if behind < _BEHIND else _LONGEST_STEP
                samples = await audio.take(most)
                if samples is None:
                    break
                length = len(samples[0]) / RATE
                if length > 1.5 * _STEP:
                    self.metrics.long_steps.inc()
                taken += length
                self.metrics.seconds.inc(length)
                found = await loop.run_in_executor(self.pool, self._accept, samples)
                if found:
                    yield self._event(found)
            found = await loop.run_in_executor(self.pool, self._finish)
            if found:
                yield self._event(found)
            if audio.error is not None:
                raise audio.error
        finally:
            self.metrics.open.dec()
            reading.cancel()
            audio.close()

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

    def __init__(self, chosen: Options, settings: CaptionsSettings) -> None:
        self._decoder = decoder(chosen.encoding, chosen.rate, chosen.channels)
        self._settings = settings
        self._rows: list[Samples] = [np.zeros(0, np.float32) for _ in range(chosen.channels)]
        self._changed = asyncio.Condition()
        self._over = False
        self.error: ServiceError | None = None
        self.seconds = 0.0  # of audio that has come

    async def read(self, events: AsyncIterator[Mapping[str, Any]]) -> None:
        """Read until the end of the stream; what goes wrong is `error`, raised after the last result."""
        iterator = aiter(events)
        try:
            while True:
                try:
                    event = await asyncio.wait_for(anext(iterator), self._settings.silence)
                except StopAsyncIteration:
                    await self._put(self._decoder.finish())
                    return
                except TimeoutError:
                    raise bad(
                        "Your request timed out because no new audio was received for "
                        f"{self._settings.silence} seconds."
                    ) from None
                chunk = event.get("AudioEvent", {}).get("AudioChunk", b"")
                if not chunk:  # how clients end their audio, before the end of the event stream
                    await self._put(self._decoder.finish())
                    return
                await self._put(self._decoder.accept(chunk))
                if self.seconds > self._settings.longest:
                    raise STREAMING(
                        "LimitExceededException",
                        f"A stream has at most {self._settings.longest} seconds of audio: begin a new one",
                    )
        except AudioError as error:
            self.error = bad(str(error))
        except ServiceError as error:
            self.error = error
        finally:
            async with self._changed:
                self._over = True
                self._changed.notify_all()

    async def _put(self, rows: Sequence[Samples]) -> None:
        async with self._changed:
            self._rows = [np.concatenate([old, new]) for old, new in zip(self._rows, rows, strict=True)]
            self.seconds += len(rows[0]) / RATE
            self._changed.notify_all()
            await self._changed.wait_for(lambda: len(self._rows[0]) < _AHEAD * RATE)

    async def take(self, most: float) -> list[Samples] | None:
        """Return the next samples of each channel, at most `most` seconds, when a step is complete.

        None at the end of the stream.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: self._over or len(self._rows[0]) >= _STEP * RATE)
            if not len(self._rows[0]):
                return None
            size = int(most * RATE)
            taken = [row[:size] for row in self._rows]
            self._rows = [row[size:] for row in self._rows]
            self._changed.notify_all()
            return taken

    def close(self) -> None:
        """End the decoder of a stream that is not finished."""
        self._decoder.close()
