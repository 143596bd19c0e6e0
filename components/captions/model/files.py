"""A whole audio file to results and cues, as fast as it goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from brume.captions.model.audio import AudioError, Source, blocks
from brume.captions.model.cues import Cue, cues_of
from brume.captions.model.hypothesis import RATE, Recogniser
from brume.captions.model.live import Live, LiveSettings, Result


@dataclass(frozen=True)
class FileSettings:
    """How a file is transcribed: with `separate` each of its two channels by itself.

    `kind` (a MediaFormat of Transcribe) and `rate` (Hz) are what it should be, where that is known. `stop` is
    asked again and again; once it is true `transcribe_file` raises `InterruptedError`.
    """

    live: LiveSettings
    separate: bool = False
    kind: str = ""
    rate: int = 0
    stop: Callable[[], bool] = lambda: False


@dataclass(frozen=True)
class Transcribed:
    """`channels` has the final results of each channel; `languages` the scores where it was identified."""

    channels: Sequence[Sequence[Result]]
    cues: Sequence[Cue]
    language: str
    languages: Mapping[str, float]
    seconds: float
    rate: int
    kind: str


def transcribe_file(read: Callable[[], Any], recogniser: Recogniser, settings: FileSettings) -> Transcribed:
    """Transcribe a file; `read` returns it opened. Raises `AudioError` for one that cannot be decoded."""
    source = Source()
    lives: list[Live] = []
    found: list[list[Result]] = []
    for rows in blocks(read, source, separate=settings.separate):
        if settings.stop():
            raise InterruptedError
        if not lives:
            _compare(source, settings)
            lives = [Live(recogniser, settings.live) for _ in rows]
            found = [[] for _ in rows]
        for live, results, row in zip(lives, found, rows, strict=True):
            results += [result for result in live.accept(row) if not result.partial]
    for live, results in zip(lives, found, strict=True):
        results += [result for result in live.finish() if not result.partial]
    first = next((result for results in found for result in results), None)
    return Transcribed(
        found,
        cues_of([item for result in results for item in result.items] for results in found),
        first.language if first else settings.live.languages[0],
        first.languages if first else {},
        source.samples / RATE,
        source.rate,
        source.kind,
    )


def _compare(source: Source, settings: FileSettings) -> None:
    """Raise `AudioError` for a file that is not what it should be."""
    kind = "mp4" if settings.kind == "m4a" else settings.kind
    if kind and source.kind and kind != source.kind:
        raise AudioError(f"the file is {source.kind}, and MediaFormat is {settings.kind}")
    if settings.rate and settings.rate != source.rate:
        raise AudioError(
            f"the file has {source.rate} samples a second, and MediaSampleRateHertz is {settings.rate}"
        )
