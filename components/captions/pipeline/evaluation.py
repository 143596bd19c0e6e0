"""Measures of streams: errors, the time until words stay, words that vanish; a table of words."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet

from brume.captions.pipeline.accuracy import Errors, errors, rate, words_of
from brume.captions.pipeline.observation import Observation, Seen, observe, percentile, text_of
from brume.captions.pipeline.settings import REAL_TIME
from brume.captions.pipeline.sources import Clip
from brume.captions.pipeline.transcription import place, read_stream

WORDS = pa.schema(
    [
        ("file", pa.string()),
        ("language", pa.string()),
        ("level", pa.string()),
        ("segment", pa.int32()),
        ("number", pa.int32()),
        ("word", pa.string()),
        ("start", pa.float64()),
        ("end", pa.float64()),
        ("confidence", pa.float64()),
        ("seconds_to_shown", pa.float64()),
        ("seconds_to_stable", pa.float64()),
        ("audio_to_stable", pa.float64()),
        ("stable_before_end", pa.bool_()),
        ("result", pa.string()),  # correct, substituted, inserted; null without a reference
        ("reference", pa.string()),
    ]
)


@dataclass(frozen=True)
class Segment:
    """One segment of a stream; `expected` is the known text of it as far as words could be aligned."""

    file: str
    level: str
    start: float
    end: float
    text: str
    expected: str
    wrong: int
    words: int
    confidence: float | None


@dataclass
class Stream:
    """What is known of one file at one level."""

    clip: Clip
    level: str
    speed: str
    view: Observation
    errors: Errors | None
    segments: list[Segment] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)


def measure(clip: Clip, level: str, streams: str, reference: str | None) -> Stream:
    """Measure a stream that was kept by `transcription.run`, against its reference text."""
    about, events, _ = read_stream(place(streams, level, clip))
    view = observe(events)
    spoken = clip.language.partition(",")[0]
    compared: list[str] = []  # the words as they are compared, and of which word of the view each is
    owner: list[int] = []
    for number, word in enumerate(view.words):
        for part in words_of(word.token.text, spoken):
            compared.append(part)
            owner.append(number)
    scored = None if reference is None else errors(words_of(reference, spoken), compared)
    found = Stream(clip, level, about["speed"], view, scored)
    results: dict[int, str] = {}
    expected: dict[int, list[str]] = defaultdict(list)
    known: dict[int, list[str]] = defaultdict(list)  # of each segment
    wrong: dict[int, int] = defaultdict(int)
    segment = 0
    for reference, word_text, index in scored.steps if scored else ():
        if index >= 0:
            segment = view.words[owner[index]].segment
            result = "correct" if reference == word_text else "substituted" if reference else "inserted"
            before = results.get(owner[index], "correct")
            results[owner[index]] = result if before == "correct" else before
            expected[owner[index]] += [reference] if reference else []
        known[segment] += [reference] if reference else []
        wrong[segment] += reference != word_text
    found.rows = [_row(found, number, results, expected) for number in range(len(view.words))]
    for number, seen in enumerate(view.segments):
        found.segments.append(_segment(found, seen, known[number], wrong[number]))
    return found


def _row(
    stream: Stream, number: int, results: Mapping[int, str], expected: Mapping[int, Sequence[str]]
) -> dict[str, Any]:
    word = stream.view.words[number]
    timed = stream.speed == REAL_TIME
    scored = stream.errors is not None
    return {
        "file": stream.clip.name,
        "language": stream.clip.language,
        "level": stream.level,
        "segment": word.segment,
        "number": number,
        "word": word.token.text,
        "start": word.token.start,
        "end": word.token.end,
        "confidence": word.token.confidence,
        "seconds_to_shown": word.shown - word.token.end if timed else None,
        "seconds_to_stable": word.to_stable if timed else None,
        "audio_to_stable": word.to_stable_heard,
        "stable_before_end": word.early,
        "result": results.get(number, "correct") if scored else None,
        "reference": " ".join(expected.get(number, ())) if scored else None,
    }


def _segment(stream: Stream, seen: Seen, known: Sequence[str], wrong: int) -> Segment:
    sure = [token.confidence for token in seen.words if token.confidence is not None]
    return Segment(
        stream.clip.name,
        stream.level,
        seen.tokens[0].start if seen.tokens else seen.heard,
        seen.tokens[-1].end if seen.tokens else seen.heard,
        text_of(seen.tokens),
        " ".join(known),
        wrong,
        max(len(known), len(seen.words)),
        sum(sure) / len(sure) if sure else None,
    )


def summary(streams: Sequence[Stream]) -> dict[str, Any]:
    """Return the measures of streams of one level."""
    words = [word for stream in streams for word in stream.view.words]
    scored = [stream.errors for stream in streams if stream.errors is not None]
    timed = all(stream.speed == REAL_TIME for stream in streams)
    waits = [word.to_stable if timed else word.to_stable_heard for word in words]
    found: dict[str, Any] = {
        "files": len(streams),
        "seconds": sum(stream.clip.seconds for stream in streams),
        "words": len(words),
        "wer": None,
        "wer_interval": None,
        "reference_words": 0,
        "to_stable_p50": percentile(waits, 0.5) if words else None,
        "to_stable_p95": percentile(waits, 0.95) if words else None,
        "to_stable_of": "clock" if timed else "audio",
        "stable_before_end": sum(word.early for word in words) / len(words) if words else None,
        "erased_per_word": sum(stream.view.erased for stream in streams) / len(words) if words else None,
        "revised": sum(stream.view.revised for stream in streams),
    }
    if scored and sum(one.words for one in scored):
        scores = rate(scored)
        found |= {"wer": scores.value, "reference_words": scores.words}
        found["wer_interval"] = [scores.interval.low, scores.interval.high] if scores.interval else None
        for name in ("substituted", "deleted", "inserted"):
            found[name] = sum(getattr(one, name) for one in scored)
    return found


def summaries(streams: Sequence[Stream]) -> list[dict[str, Any]]:
    """Return the measures of each level, of all files ("") and of those of each language."""
    groups: dict[tuple[str, str], list[Stream]] = {}
    for stream in streams:
        groups.setdefault((stream.level, ""), []).append(stream)
    languages = {stream.clip.language for stream in streams}
    for stream in streams:
        if len(languages) > 1:
            groups.setdefault((stream.level, stream.clip.language), []).append(stream)
    return [{"level": level, "language": one, **summary(part)} for (level, one), part in groups.items()]


def words_table(streams: Iterable[Stream]) -> bytes:
    """Return the words of all streams as Parquet."""
    rows: list[Mapping[str, Any]] = [row for stream in streams for row in stream.rows]
    buffer = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(rows, WORDS), buffer, compression="zstd")
    return buffer.getvalue()


def files_table(streams: Iterable[Stream]) -> list[dict[str, Any]]:
    """Return each file at each level, for the report."""
    return [
        {
            "file": stream.clip.name,
            "language": stream.clip.language,
            "level": stream.level,
            "seconds": stream.clip.seconds,
            "words": len(stream.view.words),
            "wer": None if stream.errors is None or not stream.errors.words else stream.errors.rate,
            "errors": None if stream.errors is None else stream.errors.count,
        }
        for stream in streams
    ]


def segments_table(streams: Iterable[Stream]) -> list[dict[str, Any]]:
    """Return the segments of all streams, for the report."""
    return [asdict(segment) for stream in streams for segment in stream.segments]
