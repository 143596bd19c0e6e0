"""Settings of the captions engine, which come from its environment."""

from __future__ import annotations

from dataclasses import dataclass

from brume.captions.model.recognisers import RecogniserSettings
from brume.variables import number, variable


@dataclass(frozen=True)
class CaptionsSettings(RecogniserSettings):
    """The models that recognise speech, and how much is recognised at once."""

    streams: int = variable("BRUME_CAPTIONS_STREAMS", 8, "streams at once; more are refused", parse=number)
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
