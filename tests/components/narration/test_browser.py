"""Presigned URLs in a real browser: a page of any address plays the sound and reads the marks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.components.conftest import Page
from tests.components.narration.tones import polly, samples, serve_narration, speak
from tests.polling import until

pytestmark = [pytest.mark.browser, pytest.mark.slow]
TEXT = "One two three. Four, five."
# Keeps what became of each sound when it has been played to its end.
PAGE = """<!doctype html><body><script>
  const urls = %s, found = {};
  for (const [name, url] of Object.entries(urls.sounds)) {
    const audio = document.createElement('audio');
    audio.onloadedmetadata = () => { audio.playbackRate = 4; };
    audio.onended = () => { found[name] = audio.currentTime; };
    audio.onerror = () => { found[name] = audio.error.message || 'error'; };
    audio.src = url;
    document.body.append(audio);
  }
  fetch(urls.marks).then((answer) => answer.text()).then((text) => {
    found.marks = text.trim().split('\\n').map((line) => JSON.parse(line).value);
  });
</script>"""


def test_a_page_plays_and_reads_what_presigned_urls_give(
    tmp_path: Path, open_page: Callable[..., Page]
) -> None:
    with serve_narration(tmp_path / "data") as url:
        boto = polly(url)

        def address(**given: Any) -> str:
            asked = {"VoiceId": "Joanna", "Text": TEXT, **given}
            return str(boto.generate_presigned_url("synthesize_speech", asked, HttpMethod="GET"))

        sounds = {name: address(OutputFormat=name) for name in ("mp3", "ogg_vorbis", "ogg_opus")}
        marks = address(OutputFormat="json", SpeechMarkTypes=["word"])
        page = open_page(PAGE % json.dumps({"sounds": sounds, "marks": marks}))
        seconds = len(samples(speak(boto, TEXT))) / 16000
        until(
            lambda: page.value("[...document.querySelectorAll('audio')].every((one) => one.readyState > 0)")
        )
        play = "document.querySelectorAll('audio').forEach((one) => one.play())"
        page.ask("Runtime.evaluate", expression=play, userGesture=True)  # as if a person had pressed a button
        found = until(
            lambda: (seen := page.value("found")) and len(seen) == 4 and seen,
            lambda: f"the end of the sounds: {page.value('found')} {page.errors}",
        )
    assert found.pop("marks") == ["One", "two", "three", "Four", "five"]
    for name, ended in found.items():
        assert isinstance(ended, (int, float)), (name, ended)
        assert abs(ended - seconds) < 0.15, name
