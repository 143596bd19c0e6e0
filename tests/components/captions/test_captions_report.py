"""The report of a captions run: what it shows, in a real browser, and that its recordings can be played."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from brume.captions.pipeline.report import Input, build, part
from brume.captions.pipeline.sources import Clip, read
from brume.run.rejects import Reject
from tests.components.captions.test_sources import write_tone

HOSTILE = """<script>alert(1)</script>"'><img src=x onerror=alert(2)>"""
PLAYED = """(async () => {
    const audio = document.querySelector("audio");
    audio.load();
    await new Promise((resolve, reject) => {
        audio.onloadedmetadata = resolve;
        audio.onerror = () => reject(audio.error.message);
    });
    return audio.duration;
})()"""


def level(name: str, wer: float | None, seconds: float, **others: Any) -> dict[str, Any]:
    found = {
        "level": name,
        "language": "",
        "files": 1,
        "words": 10,
        "wer": wer,
        "wer_interval": None if wer is None else [0.0, 2 * wer],
        "reference_words": 10,
        "to_stable_p50": seconds,
        "to_stable_p95": 2 * seconds,
        "to_stable_of": "clock",
        "stable_before_end": 0.5,
        "erased_per_word": 0.2,
        "revised": 0,
    }
    return {**found, **others}


def page(folder: Path, levels: Sequence[dict[str, Any]], *, known: bool = True) -> str:
    write_tone(folder / "a.wav", 4)
    segment = {
        "file": "a.wav", "level": "high", "start": 1.0, "end": 3.0, "text": HOSTILE,
        "expected": "some text" if known else "", "wrong": 2 if known else 0, "words": 3, "confidence": 0.4,
    }  # fmt: skip
    table = {
        "file": "a.wav",
        "language": "en-US",
        "level": "high",
        "seconds": 4.0,
        "words": 3,
        "wer": 0.5 if known else None,
        "errors": 2 if known else None,
    }
    return build(
        Input(
            clips=[Clip("a.wav", str(folder / "a.wav"), "en-US", 4.0)],
            levels=levels,
            files=[table],
            segments=[segment, {**segment, "level": "low"}],
            rejects=[Reject(HOSTILE, "audio", "it is a page", "save it again")],
            parameters={"levels": "low,high"},
            timings={"transcribe": 3.0},
            versions={"python": "3.11"},
        )
    )


def test_the_worst_segment_is_shown_once_and_can_be_played(
    open_page: Callable[..., Any], tmp_path: Path
) -> None:
    shown = open_page(page(tmp_path, [level("low", 0.1, 1.5), level("high", 0.2, 0.5)]))
    assert shown.value(PLAYED) == pytest.approx(2.4, abs=0.2)
    assert shown.value("document.querySelectorAll('audio').length") == 1
    assert shown.value("document.querySelectorAll('svg .point').length") == 2 + 2  # of levels and their line
    assert not shown.errors


def test_a_revised_stable_item_stands_out(tmp_path: Path) -> None:
    text = page(tmp_path, [level("low", 0.1, 1.5), level("high", 0.2, 0.5, revised=3)])
    assert "3 Stable items were changed later. None may be." in text
    assert "No Stable item was changed later" not in text


def test_without_references_latency_and_confidence_are_left(tmp_path: Path) -> None:
    text = page(tmp_path, [level("low", None, 1.5), level("high", None, 0.5)], known=False)
    for words in ("For 1 of 1 recordings it is not known what is spoken", "least confidence first", "0.50 s"):
        assert words in text
    assert "Latency against accuracy" not in text


def test_what_was_heard_and_file_names_are_text(tmp_path: Path) -> None:
    text = page(tmp_path, [level("high", 0.2, 0.5)])
    assert "<script>alert" not in text and "<img src" not in text
    assert text.count("&lt;script&gt;alert(1)") >= 2


def test_a_part_of_a_recording_ends_where_it_may(tmp_path: Path) -> None:
    write_tone(tmp_path / "long.wav", 30)
    samples = read(str(tmp_path / "long.wav"))
    assert len(part(samples, 0.0, 2.0)) == pytest.approx(2.2 * 16000, abs=1)
    assert len(part(samples, 1.0, 29.0)) == pytest.approx(10.4 * 16000, abs=1)
    assert len(part(samples, 29.5, 31.0)) == pytest.approx(0.7 * 16000, abs=1)
