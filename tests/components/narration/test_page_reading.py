"""The flow of AWS's sample that reads a page aloud, on the page whose marks by Amazon Polly it carries.

The sample sends one document of SSML twice, for marks of the types sentence and ssml and for sound, and
highlights by the names of the marks: paths of the page's elements.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.components.narration.tones import Choir, polly, serve_narration, speak

# What stands between what the marks name, by its length.
_BETWEEN = {3: "<p>", 4: "</p>", 7: "</p><p>", 25: '<prosody volume="x-loud">', 17: "</prosody></p><p>"}
# Polly's mark of one sentence has "2." at its end, and that of the next has it at its beginning.
_NUMBER = "2."


@pytest.fixture(scope="module")
def marks(real_data: Callable[[str], Path]) -> list[dict[str, Any]]:
    lines = real_data("speech/polly/Joanna.marks").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def document(marks: list[dict[str, Any]]) -> str:
    """Return the document that the marks point into, put together from them."""
    pieces = sorted(
        {(mark["start"], mark["end"] - mark["start"], mark["type"], mark["value"]) for mark in marks}
    )
    text = b"<speak>".ljust(pieces[0][0])
    for start, size, kind, value in pieces:
        between = start - len(text)
        text += _BETWEEN.get(between, " " * between).encode()
        raw = (f'<mark name="{value}"/>' if kind == "ssml" else value).encode()
        if len(raw) < size:
            raw += _NUMBER.encode()
        text += raw[len(raw) - size :]
    return text.decode() + "</p></speak>"


def test_marks_of_amazon_polly_and_ours(marks: list[dict[str, Any]], tmp_path: Path) -> None:
    text = document(marks)
    with serve_narration(tmp_path, Choir(letter=0.005)) as url:
        boto = polly(url)
        given = {"VoiceId": "Joanna", "TextType": "ssml"}
        lines = speak(boto, text, OutputFormat="json", SpeechMarkTypes=["sentence", "ssml"], **given)
        assert len(speak(boto, text, OutputFormat="mp3", **given)) > 10_000
    ours = [json.loads(line) for line in lines.splitlines()]

    def places(found: list[dict[str, Any]], kind: str) -> list[tuple[int, int, str]]:
        return [(mark["start"], mark["end"], mark["value"]) for mark in found if mark["type"] == kind]

    assert places(ours, "ssml") == places(marks, "ssml")
    same = set(places(ours, "sentence")) & set(places(marks, "sentence"))
    assert len(same) >= 0.9 * len(places(marks, "sentence"))
    assert [mark["time"] for mark in ours] == sorted(mark["time"] for mark in ours)
