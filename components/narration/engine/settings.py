"""Settings of the narration engine, which come from its environment."""

from __future__ import annotations

import re
from dataclasses import dataclass

from brume.narration.model.voices import VoiceSettings
from brume.variables import number, size, variable


def voice_ids(text: str) -> tuple[tuple[str, str], ...]:
    """Read which voices of this server speak for ids of Polly's: Joanna=Heart,Lupe=ef_dora."""
    found = []
    for word in filter(None, re.split(r"[,\s]+", text)):
        name, _, own = word.partition("=")
        if not name or not own:
            raise ValueError("must be such as Joanna=Heart,Lupe=ef_dora")
        found.append((name, own))
    return tuple(found)


voice_ids.type_name = "pairs"  # type: ignore[attr-defined]


@dataclass(frozen=True)
class NarrationSettings(VoiceSettings):
    """The voices that speak for Amazon Polly's, and how much is spoken at once."""

    voice_ids: tuple[tuple[str, str], ...] = variable(
        "BRUME_NARRATION_VOICE_IDS",
        (),
        "voices of this server that speak for ids of Polly's, such as Joanna=Heart; others get the best "
        "voice of their language",
        parse=voice_ids,
        shown="",
    )
    tasks: int = variable("BRUME_NARRATION_TASKS", 1, "synthesis tasks at once; others wait", parse=number)
    streams: int = variable(
        "BRUME_NARRATION_STREAMS", 4, "streams that speak at once; others wait", parse=number
    )
    silence: int = variable(
        "BRUME_NARRATION_SILENCE", 60, "seconds without an event after which a stream is ended", parse=number
    )
    cache: int = variable(
        "BRUME_NARRATION_CACHE",
        128 << 20,
        "of speech that is kept in memory, for requests of the same text",
        parse=size,
        shown="128MB",
    )
