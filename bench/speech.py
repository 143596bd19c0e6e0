"""Real speech with known text, in two parts: one to tune with, and one for figures.

The files are looked for in a folder with transcripts.json (file: its text). Parts of a file are cut at
pauses.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from brume.captions.model.audio import Source, blocks
from brume.captions.model.hypothesis import RATE, Samples

TUNING, HELD_OUT = "tuning", "held-out"


@dataclass(frozen=True)
class Clip:
    """Speech with known text: a file, or its part from `start` to `end` (seconds)."""

    file: str
    part: str
    start: float = 0.0
    end: float = float("inf")
    after: str = ""  # the text begins with these words, where the file has more
    before: str = ""  # and ends before these

    @property
    def language(self) -> str:
        """ISO 639-1."""
        return "es" if self.file.startswith("asr-es") else "en"

    @property
    def name(self) -> str:
        """The name in figures."""
        return f"{self.file}@{self.start:g}"


_AUSTEN = "asr-en/sense_and_sensibility_01_austen_64kb-0{}.wav"
# Seconds that the audio of Polly's file is behind its marks from the tenth sentence on: the median of the
# onsets of the tuning part's sentences, by loudness.
_BEHIND_MARKS = 1.17
_CUT = "Ya está la obra escrita"  # a pause of 1.5 s is before it
CLIPS = (
    *(Clip(_AUSTEN.format(number), TUNING) for number in (870, 880, 890, 920, 930)),
    Clip("asr-en/sonnet1.mp3", TUNING),
    Clip("polly/Joanna.mp3", TUNING, 45.6, 65.9),
    Clip("asr-es/veneno.mp3", TUNING, 0, 38.1, before=_CUT),
    *(Clip(f"asr-en/LJ001-000{number}.wav", HELD_OUT) for number in (1, 2, 3, 4)),
    *(Clip(f"asr-en/spk1_snt{number}.wav", HELD_OUT) for number in (1, 2, 3, 4, 5)),
    Clip("asr-en/jfk.flac", HELD_OUT),
    Clip("polly/Joanna.mp3", HELD_OUT, 65.9, 88.2),
    Clip("asr-es/veneno.mp3", HELD_OUT, 38.1, after=_CUT),
)


def read(path: Path, start: float = 0.0, end: float = float("inf")) -> Samples:
    """Return the samples of a file, or of its part between two times in seconds."""
    parts = [rows[0] for rows in blocks(lambda: path.open("rb"), Source())]
    whole = np.concatenate(parts)
    return whole[int(start * RATE) : None if end == float("inf") else int(end * RATE)]


def text_of_clip(clip: Clip, data: Path) -> str:
    """Return the text of a clip."""
    if clip.file.startswith("polly"):
        return " ".join(value for _, value in sentences(clip, data))
    text: str = json.loads((data / "transcripts.json").read_text())[clip.file]
    text = text[text.index(clip.after) :] if clip.after else text
    return text[: text.index(clip.before)] if clip.before else text


def sentences(clip: Clip, data: Path) -> list[tuple[float, str]]:
    """Return the sentences of a clip of Polly's, with their starts in seconds of the clip."""
    marks = map(json.loads, (data / "polly" / "Joanna.marks").read_text().splitlines())
    starts = ((mark["time"] / 1000 + _BEHIND_MARKS, mark) for mark in marks if mark["type"] == "sentence")
    return [(start - clip.start, mark["value"]) for start, mark in starts if clip.start <= start < clip.end]


def onset(samples: Samples) -> float:
    """Return where speech starts, in seconds: the first 60 ms within 35 dB of the loudest 20 ms."""
    size = RATE // 50
    frames = samples[: len(samples) // size * size].reshape(-1, size)
    loud = 20 * np.log10(np.sqrt((frames.astype(np.float64) ** 2).mean(axis=1)) + 1e-9)
    above = loud > loud.max() - 35
    runs = above[:-2] & above[1:-1] & above[2:]
    return float(np.argmax(runs)) * size / RATE
