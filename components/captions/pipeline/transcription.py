"""Streams every file at every level, and keeps what came back and when.

What is kept of a stream is a file of JSON lines: a line about the stream, then one for each event with the
time of its arrival, by the clock of the audio (0 is the start of the recording).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from brume import storage
from brume.captions.model.cues import Cues
from brume.captions.model.hypothesis import RATE, Samples
from brume.captions.model.items import Item
from brume.captions.model.live import Result
from brume.captions.model.subtitles import write
from brume.captions.model.transcript import transcript
from brume.captions.pipeline.observation import Seen, Token
from brume.captions.pipeline.settings import REAL_TIME
from brume.captions.pipeline.sources import Clip, read
from brume.captions.pipeline.stream import StreamConnectionError, StreamError, transcribe
from brume.run import progress

CHUNK = 0.1  # seconds of audio in one event
STEP = "transcribe"
SUBTITLES = ("vtt", "srt")
_ATTEMPTS = 4
_PAUSE = 1.0  # seconds before the second attempt; twice as long before each that follows
# What another attempt may find otherwise.
_PASSES = ("LimitExceededException", "ServiceUnavailableException", "InternalFailureException")


@dataclass(frozen=True)
class How:
    """How files are streamed: `vocabularies` and `filters` are names in the service, with commas."""

    levels: Sequence[str]
    speed: str
    streams: int  # at once
    vocabularies: Mapping[str, str]  # by the language of the clip
    filters: Mapping[str, str]


def parameters(language: str, level: str, vocabulary: str, vocabulary_filter: str) -> dict[str, str]:
    """Return the parameters of a stream, as StartStreamTranscription's address has them."""
    several = "," in language
    found = {"media-encoding": "pcm", "sample-rate": str(RATE)}
    found |= {"identify-language": "true", "language-options": language} if several else {}
    found |= {} if several else {"language-code": language}
    if level != "off":
        found |= {"enable-partial-results-stabilization": "true", "partial-results-stability": level}
    ending = "names" if several else "name"
    found |= {f"vocabulary-{ending}": vocabulary} if vocabulary else {}
    found |= {f"vocabulary-filter-{ending}": vocabulary_filter} if vocabulary_filter else {}
    return found


def run(clips: Sequence[Clip], how: How, streams: str, key: str) -> None:
    """Stream the clips; each stream is kept at `streams`/LEVEL/NAME.jsonl.

    A stream that is kept there with the same `key` is not made again. Raises `StreamError` and
    `StreamConnectionError`.
    """
    wanted = {place(streams, level, clip): (clip, level) for clip in clips for level in how.levels}
    kept = {entry.uri for entry in storage.list_files(streams)} if key else set()
    done = {uri for uri in kept & set(wanted) if json.loads(_first_line(uri)).get("key") == key}
    for uri in kept - done:
        storage.remove(uri)
    asyncio.run(_all({uri: one for uri, one in wanted.items() if uri not in done}, how, key, len(done)))


def _first_line(uri: str) -> bytes:
    with storage.open_read(uri) as file:
        return file.readline() or b"{}"


def place(folder: str, level: str, clip: Clip, ending: str = "jsonl") -> str:
    """Return where a file about a stream lies."""
    return storage.join(folder, level, f"{clip.name}.{ending}")


async def _all(wanted: Mapping[str, tuple[Clip, str]], how: How, key: str, done: int) -> None:
    total = done + len(wanted)
    progress.report(STEP, done, total)
    limit = asyncio.Semaphore(how.streams)

    async def one(uri: str, clip: Clip, level: str) -> None:
        nonlocal done
        async with limit:
            samples = await asyncio.to_thread(read, clip.uri)
            events = await _stream(clip, level, samples, how)
            about = {
                "key": key,
                "file": clip.name,
                "level": level,
                "speed": how.speed,
                "seconds": clip.seconds,
            }
            lines = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in [about, *events])
            await asyncio.to_thread(storage.write_bytes, uri, lines.encode())
        done += 1
        progress.report(STEP, done, total, note=f"{clip.name} {level}")

    tasks = [asyncio.create_task(one(uri, clip, level)) for uri, (clip, level) in wanted.items()]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _stream(clip: Clip, level: str, samples: Samples, how: How) -> list[dict[str, Any]]:
    """Return the events of one stream; what may pass is tried again."""
    given = parameters(
        clip.language, level, how.vocabularies.get(clip.language, ""), how.filters.get(clip.language, "")
    )
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return await _once(given, samples, how.speed)
        except StreamError as error:
            if error.code not in _PASSES or attempt == _ATTEMPTS:
                raise StreamError(error.code, f"{clip.name}, level {level}: {error.message}") from error
        except StreamConnectionError as error:
            if attempt == _ATTEMPTS:
                raise StreamConnectionError(f"{clip.name}, level {level}: {error}") from error
        await asyncio.sleep(_PAUSE * 2 ** (attempt - 1))
    raise AssertionError("the last attempt returns or raises")


async def _once(given: Mapping[str, str], samples: Samples, speed: str) -> list[dict[str, Any]]:
    clock = asyncio.get_running_loop().time
    began: list[float] = []
    found = []
    async for event in transcribe(given, _audio(samples, speed == REAL_TIME, began)):
        arrived = clock() - began[0] if began else 0.0
        found.append({"arrived": round(arrived, 4), "results": event["Transcript"]["Results"]})
    return found


async def _audio(samples: Samples, real_time: bool, began: list[float]) -> AsyncIterator[bytes]:
    """Iterate pieces of 16 bit samples, each when a microphone would have it, or at once."""
    clock = asyncio.get_running_loop().time
    began.append(clock())
    values = np.clip(np.rint(samples * 32767), -32768, 32767).astype("<i2")
    size = int(CHUNK * RATE)
    for start in range(0, len(values), size):
        if real_time:
            ready = began[0] + min(start + size, len(values)) / RATE
            await asyncio.sleep(max(ready - clock(), 0))
        yield values[start : start + size].tobytes()


def read_stream(uri: str) -> tuple[dict[str, Any], list[Seen], list[Result]]:
    """Return what is known of a stream, its results as they came, and the final ones."""
    about, *lines = [json.loads(line) for line in storage.read_bytes(uri).decode().splitlines()]
    events: list[Seen] = []
    finals: list[Result] = []
    heard = 0.0  # a final result ends with its last word, after which more had been heard
    for line in lines:
        for result in line["results"]:
            items = (result["Alternatives"] or [{"Items": []}])[0]["Items"]
            tokens = tuple(
                Token(
                    item["Content"],
                    float(item["StartTime"]),
                    float(item["EndTime"]),
                    item["Type"] == "pronunciation",
                    item.get("Confidence"),
                    bool(item.get("Stable")),
                )
                for item in items
            )
            times = float(result["StartTime"]), float(result["EndTime"])
            heard = max(heard, times[1])
            events.append(Seen(line["arrived"], heard, result["ResultId"], result["IsPartial"], tokens))
            if not result["IsPartial"]:
                finals.append(
                    Result(result["ResultId"], *times, False, tuple(_item(item) for item in items), "", {})
                )
    return about, events, finals


def _item(item: Mapping[str, Any]) -> Item:
    return Item(
        item["Content"],
        float(item["StartTime"]),
        float(item["EndTime"]),
        item["Type"] == "pronunciation",
        item.get("Confidence"),
        True,
        bool(item.get("VocabularyFilterMatch")),
    )


def write_transcripts(clips: Iterable[Clip], levels: Sequence[str], streams: str, folder: str) -> None:
    """Write the transcript (AWS's JSON) and the subtitles of each stream to `folder`/LEVEL/NAME.json."""
    for clip in clips:
        for level in levels:
            _, _, finals = read_stream(place(streams, level, clip))
            text = transcript(clip.name, "", [finals])
            data = json.dumps(text, ensure_ascii=False).encode()
            storage.write_bytes(place(folder, level, clip, "json"), data)
            maker = Cues()
            cues = [cue for result in finals for cue in maker.accept(result.items)] + maker.finish()
            language = clip.language.partition("-")[0]
            for kind in SUBTITLES:
                written = write(cues, kind, language=language)
                storage.write_bytes(place(folder, level, clip, kind), written.encode())
