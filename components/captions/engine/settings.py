"""Settings of the captions engine, which come from its environment."""

from __future__ import annotations

import os
from dataclasses import dataclass

from brume.variables import number, variable


@dataclass(frozen=True)
class CaptionsSettings:
    """Which models recognise speech, and how much at once."""

    english: str = variable(
        "BRUME_CAPTIONS_ENGLISH",
        "whisper-tiny.en",
        "model for English: a name of `brume models`, a folder, or none",
    )
    others: str = variable(
        "BRUME_CAPTIONS_OTHERS", "whisper-base", "model for the other languages: a name, a folder, or none"
    )
    device: str = variable("BRUME_CAPTIONS_DEVICE", "auto", "cpu, cuda, or auto: a GPU where there is one")
    streams: int = variable("BRUME_CAPTIONS_STREAMS", 8, "streams at once; more are refused", parse=number)
    threads: int = variable(
        "BRUME_CAPTIONS_THREADS", os.cpu_count() or 1, "streams recognised in the same moment", parse=number
    )
    jobs: int = variable("BRUME_CAPTIONS_JOBS", 1, "transcription jobs at once; others wait", parse=number)
    silence: int = variable(
        "BRUME_CAPTIONS_SILENCE", 15, "seconds without audio after which a stream is ended", parse=number
    )
    longest: int = variable("BRUME_CAPTIONS_LONGEST", 14400, "seconds of one stream at most", parse=number)
    shown: int = variable(
        "BRUME_CAPTIONS_SHOWN",
        1,
        "hypotheses in a row that a word must be in to be shown; 2 shows fewer words that vanish",
        parse=number,
    )
