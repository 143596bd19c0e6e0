"""The report of a captions run: accuracy against latency for each level, the worst segments to listen to."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from brume.captions.model.hypothesis import RATE, Samples
from brume.captions.pipeline.sources import Clip, read
from brume.report.charts import Line, lines
from brume.report.page import (
    Badge,
    Block,
    Cell,
    Figure,
    Note,
    Number,
    Numbers,
    Report,
    Row,
    Section,
    Share,
    Sound,
    Sounds,
    Table,
    render,
)
from brume.report.run_section import duration, percent, run_section
from brume.run.rejects import Reject

# Amazon Transcribe, standard streaming, US East (N. Virginia), first 250,000 minutes a month: dollars a
# minute and the least seconds of one request (aws.amazon.com/transcribe/pricing, 2026).
PRICE, LEAST_SECONDS = 0.024, 15
_WORST = 12  # segments to listen to
_LONGEST = 10.0  # seconds of one
_AROUND = 0.2  # seconds before and after
_BITS = 24_000  # a second, of MP3


@dataclass(frozen=True)
class Input:
    """What a report is made of: the tables of `evaluation`, and the run."""

    clips: Sequence[Clip]
    levels: Sequence[Mapping[str, Any]]
    files: Sequence[Mapping[str, Any]]
    segments: Sequence[Mapping[str, Any]]
    rejects: Sequence[Reject]
    parameters: Mapping[str, object]
    timings: Mapping[str, float]
    versions: Mapping[str, str]
    facts: Sequence[str] = ()


def build(given: Input) -> str:
    """Build the HTML report of a run."""
    sections = [
        Section("Results", _results(given)),
        _levels(given),
        _worst(given),
        _files(given),
        _cost(given),
        run_section(given.parameters, given.timings, given.versions),
    ]
    title = f"{len(given.clips)} recordings, {duration(sum(clip.seconds for clip in given.clips))}"
    return render(Report(product="Captions", title=title, facts=given.facts, sections=sections))


def _whole(given: Input) -> list[Mapping[str, Any]]:
    return [one for one in given.levels if not one["language"]]


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f} s"


def _results(given: Input) -> list[Block]:
    numbers = []
    for one in _whole(given):
        bounds = one["wer_interval"]
        between = f"; 95 % interval {percent(bounds[0])} to {percent(bounds[1])}" if bounds else ""
        wer = f"{one['reference_words']:,} words of reference{between}" if one["wer"] is not None else ""
        numbers.append(
            Number(
                f"Level {one['level']}",
                percent(one["wer"]) if one["wer"] is not None else _seconds(one["to_stable_p50"]),
                (
                    (f"word error rate on {wer}; " if wer else "")
                    + f"half of the words are Stable within {_seconds(one['to_stable_p50'])}"
                ).replace(" %", "\u00a0%"),
            )
        )
    revised = sum(one["revised"] for one in _whole(given))
    notes: list[Block] = [
        Note(f"{revised} Stable items were changed later. None may be.", "bad")
        if revised
        else Note("No Stable item was changed later, in any stream.", "good")
    ]
    unknown = len(given.clips) - len({one["file"] for one in given.files if one["errors"] is not None})
    if unknown:
        notes.append(
            Note(
                f"For {unknown} of {len(given.clips)} recordings it is not known what is spoken: they count "
                "for latency, and not for errors."
            )
        )
    return [Numbers(numbers), *notes]


def _levels(given: Input) -> Section:
    rows: list[list[Cell]] = []
    for one in given.levels:
        bounds = one["wer_interval"]
        rows.append(
            [
                one["level"],
                one["language"] or "all",
                None if one["wer"] is None else f"{100 * one['wer']:.1f} %",
                f"{100 * bounds[0]:.1f} to {100 * bounds[1]:.1f} %" if bounds else None,
                None if one["to_stable_p50"] is None else round(one["to_stable_p50"], 2),
                None if one["to_stable_p95"] is None else round(one["to_stable_p95"], 2),
                None if one["stable_before_end"] is None else Share(one["stable_before_end"]),
                None if one["erased_per_word"] is None else round(one["erased_per_word"], 2),
                one["revised"],
            ]
        )
    table = Table(
        "Each level",
        [
            "Level", "Language", "Errors", "Interval", "Stable p50 (s)", "Stable p95 (s)",
            "Stable early", "Erased", "Revised",
        ],
        rows,
        frozenset({2, 3, 4, 5, 7, 8}),
    )  # fmt: skip
    by_clock = all(one["to_stable_of"] == "clock" for one in given.levels)
    how = (
        "Seconds to Stable are from the end of a word to the event in which it is Stable, with network and "
        "recognition."
        if by_clock
        else "The audio was sent faster than real time, so seconds to Stable are of audio heard after the "
        "end of a word, without network and recognition: speed=real-time measures those too."
    )
    blocks: list[Block] = [table]
    points = [
        (one["level"], one["to_stable_p50"], 100 * one["wer"])
        for one in _whole(given)
        if one["wer"] is not None and one["to_stable_p50"] is not None
    ]
    if len(points) > 1:
        order = sorted((x, y) for _, x, y in points)
        drawing = lines(
            [
                Line("levels", order, 7, dashed=True),
                *(Line(name, [(x, y)], index) for index, (name, x, y) in enumerate(points)),
            ],
            x_title="Seconds until half of the words are Stable",
            y_title="Word error rate (%)",
            x_range=(0, max(x for x, _ in order)),
            y_range=(0, max(max(y for _, y in order), 1)),
            description="; ".join(f"{name}: {x:.2f} s, {y:.1f} % errors" for name, x, y in points),
        )
        legend = [(f"{name}: {x:.2f} s, {y:.1f} %", index) for index, (name, x, y) in enumerate(points)]
        blocks.insert(0, Row([Figure("Latency against accuracy", drawing, legend)]))
    lead = (
        f"{how} Stable early: before the segment ends. Erased: words that were shown and vanished, for each "
        "final word."
    )
    return Section("Levels", blocks, lead=lead)


def _worst(given: Input) -> Section:
    known = any(one["errors"] is not None for one in given.files)

    def hardness(one: Mapping[str, Any]) -> tuple[float, float]:
        return -one["wrong"], one["confidence"] if one["confidence"] is not None else 1.0

    worst: list[Mapping[str, Any]] = []
    seen: set[tuple[str, int]] = set()
    for one in sorted(given.segments, key=hardness):
        at = one["file"], round(one["start"])  # what is wrong at several levels is heard once
        if at not in seen and (one["wrong"] or not known) and len(worst) < _WORST:
            seen.add(at)
            worst.append(one)
    clips = {clip.name: clip for clip in given.clips}
    audio: dict[str, Samples] = {}
    sounds = []
    for one in worst:
        if one["file"] not in audio:
            audio[one["file"]] = read(clips[one["file"]].uri)
        texts = [("Recognised", one["text"] or "–")]
        texts += [("Reference", one["expected"] or "–")] if known else []
        sure = "" if one["confidence"] is None else f"; mean confidence {one['confidence']:.2f}"
        sounds.append(
            Sound(
                f"{one['file']}, {duration(one['start'])}, level {one['level']}",
                mp3(part(audio[one["file"]], one["start"], one["end"])),
                texts,
                f"{one['words']} words{sure}",
                Badge(f"{one['wrong']} wrong", "bad") if known else None,
            )
        )
    lead = (
        "The segments with the most errors first; the reference is shown as it is compared."
        if known
        else "The segments with the least confidence first."
    )
    return Section("Worst segments", [Sounds("To listen to", sounds, "No segment has an error.")], lead=lead)


def part(samples: Samples, start: float, end: float) -> Samples:
    """Return the samples between two times (seconds), with a little around them."""
    end = min(end, start + _LONGEST)
    return samples[max(int((start - _AROUND) * RATE), 0) : int((end + _AROUND) * RATE)]


def mp3(samples: Samples) -> bytes:
    """Return samples at RATE as MP3."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp3") as target:
        stream = target.add_stream("libmp3lame", rate=RATE, layout="mono", bit_rate=_BITS)
        values = np.ascontiguousarray(samples[np.newaxis], np.float32)
        frame = av.AudioFrame.from_ndarray(values, format="fltp", layout="mono")
        frame.sample_rate = RATE
        target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return file.getvalue()


def _files(given: Input) -> Section:
    rows: list[list[Cell]] = [
        [
            one["file"],
            one["language"],
            one["level"],
            duration(one["seconds"]),
            one["words"],
            None if one["wer"] is None else Share(min(one["wer"], 1), percent(one["wer"])),
        ]
        for one in given.files
    ]
    refused: list[list[Cell]] = [[one.item, one.reason, one.remedy] for one in given.rejects]
    return Section(
        "Recordings",
        [
            Table(
                "Every recording at every level",
                ["File", "Language", "Level", "Length", "Words", "Word error rate"],
                rows,
                frozenset({3, 4}),
                whole="words.parquet",
            ),
            Table(
                "Set aside",
                ["File", "Reason", "Remedy"],
                refused,
                whole="rejects.csv",
                empty="Every recording could be used.",
            ),
        ],
    )


def _cost(given: Input) -> Section:
    seconds = [max(clip.seconds, LEAST_SECONDS) for clip in given.clips]
    minutes = sum(seconds) / 60
    numbers = [
        Number("Amazon Transcribe", f"${minutes * PRICE:,.3f}", f"{minutes:.1f} minutes at one level"),
        Number("A day of one stream", f"${24 * 60 * PRICE:,.2f}", "24 hours without a pause"),
    ]
    lead = (
        f"AWS's list price of standard streaming in us-east-1: ${PRICE} a minute in the first tier, at least "
        f"{LEAST_SECONDS} s for each request. On a machine of your own, minutes cost what the machine does."
    )
    return Section("Cost", [Numbers(numbers)], lead=lead)
