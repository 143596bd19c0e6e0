"""Files that go with an article's sound: transcript, marks, WebVTT, chapters."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from brume.narration.model.timeline import BlockTimes, Timed, Timeline, clock

_CUE = 84  # characters of a cue: two lines of a screen


def transcript(timeline: Timeline) -> str:
    """Return the text that is heard, a block on each line."""
    return "".join(f"{one.block.text}\n" for one in timeline.blocks)


def marks(timeline: Timeline) -> str:
    """Return the marks of sentences and words in Polly's form, with bytes of the transcript."""
    lines = []
    before = 0
    for one in timeline.blocks:
        found = [("sentence", timed) for timed in one.sentences] + [("word", timed) for timed in one.words]
        # A sentence stands before its first word, as Polly has it.
        for kind, timed in sorted(found, key=lambda mark: (mark[1].begins, mark[0])):
            start = before + len(one.block.text[: timed.start].encode())
            value = one.block.text[timed.start : timed.end]
            mark = {
                "time": round(timed.begins * 1000),
                "type": kind,
                "start": start,
                "end": start + len(value.encode()),
                "value": value,
            }
            lines.append(json.dumps(mark, ensure_ascii=False) + "\n")
        before += len(one.block.text.encode()) + 1
    return "".join(lines)


def player_marks(timeline: Timeline, language: str) -> dict[str, Any]:
    """Return what the player follows: blocks with their sentences and words.

    Each is [start, end, seconds, seconds], its place in the text in units of UTF-16, as JavaScript counts.
    """
    return {
        "seconds": round(timeline.seconds, 3),
        "language": language,
        "blocks": [
            {
                "kind": one.block.kind,
                "level": one.block.level,
                "language": one.block.language,
                "text": one.block.text,
                "sentences": [_in_utf16(one, timed) for timed in one.sentences],
                "words": [_in_utf16(one, timed) for timed in one.words],
            }
            for one in timeline.blocks
        ],
    }


def _in_utf16(one: BlockTimes, timed: Timed) -> list[float]:
    places = [len(one.block.text[:place].encode("utf-16-le")) // 2 for place in (timed.start, timed.end)]
    return [*places, round(timed.begins, 3), round(timed.ends, 3)]


def webvtt(timeline: Timeline) -> str:
    """Return the transcript as WebVTT: a cue for each sentence, or for each part of a long one."""
    cues = [cue for one in timeline.blocks for sentence in one.sentences for cue in _cues(one, sentence)]
    parts = ["WEBVTT\n"]
    for number, (begins, ends, text) in enumerate(cues, 1):
        escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        parts.append(f"\n{number}\n{clock(begins)} --> {clock(ends)}\n{escaped}\n")
    return "".join(parts)


def _cues(one: BlockTimes, sentence: Timed) -> Iterator[tuple[float, float, str]]:
    """Yield the cues of a sentence; each ends where the next begins, the last with its word."""
    text = one.block.text
    starts = [(sentence.start, sentence.begins)]
    for word in one.words:
        if sentence.start < word.start < sentence.end and word.end - starts[-1][0] > _CUE:
            starts.append((word.start, word.begins))
    for number, (start, begins) in enumerate(starts):
        last = number + 1 == len(starts)
        end, ends = (sentence.end, sentence.ends) if last else starts[number + 1]
        # No player shows a cue of no time.
        yield begins, max(ends, begins + 0.001), text[start:end].strip()


def chapters(timeline: Timeline) -> dict[str, Any]:
    """Return the chapters as Podcasting 2.0 has them (application/json+chapters, version 1.2.0)."""
    return {
        "version": "1.2.0",
        "chapters": [{"startTime": round(one.begins, 3), "title": one.title} for one in timeline.chapters],
    }
