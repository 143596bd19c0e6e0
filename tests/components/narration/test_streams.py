"""The events of a stream of texts: what is spoken when, and what ends a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from brume.aws.engine.service import ServiceError
from brume.narration.engine.streaming import _events, _texts


async def _sent(events: Sequence[dict[str, Any]], more: bool) -> AsyncIterator[dict[str, Any]]:
    for event in events:
        yield event
    if more:
        await asyncio.Event().wait()  # the client is there, and says nothing


def texts(*events: dict[str, Any], more: bool = False, silence: float = 60.0) -> list[tuple[str, str]]:
    """Return what is spoken of events; with `more` the stream stays open after them."""

    async def read() -> list[tuple[str, str]]:
        return [text async for text in _texts(_events(_sent(events, more), silence), "en")]

    return asyncio.run(read())


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"TextEvent": {"Text": words, **more}}


def test_a_sentence_is_spoken_when_the_next_has_begun() -> None:
    assert texts(text("One. Tw"), text("o. Three"), text(".")) == [
        ("One.", "text"),
        (" Two.", "text"),
        (" Three.", "text"),
    ]


def test_a_forced_flush_and_ssml_speak_what_has_come() -> None:
    force = {"FlushStreamConfiguration": {"Force": True}}
    found = texts(text("On"), text("e", **force), text("Two"), text("<speak/>", TextType="ssml"), text(" "))
    assert found == [("One", "text"), ("Two", "text"), ("<speak/>", "ssml")]


def test_nothing_is_read_after_the_close() -> None:
    assert texts(text("One"), {"CloseStreamEvent": {}}, text("Two"), more=True) == [("One", "text")]


def test_a_stream_that_is_silent_is_ended() -> None:
    with pytest.raises(ServiceError, match="has sent no event for") as caught:
        texts(text("One. Two."), more=True, silence=0.01)
    assert caught.value.code == "ServiceQuotaExceededException"
    assert caught.value.members["quotaCode"] == "input-stream-inbound-event-timeout"


def test_a_text_without_an_end_is_bounded() -> None:
    with pytest.raises(ServiceError, match="at most 100,000 characters"):
        texts(*[text("a" * 9_000)] * 12)
