"""The values that attributes of SSML have: rate, pitch, volume, and lengths of breaks.

Sources: Amazon Polly's page of each tag for what is allowed; SSML 1.1 leaves to the processor how much the
words mean ("slow", "loud", "strong").
"""

from __future__ import annotations

import math
import re

from brume.narration.model.script import Prosody

_RATES = {"x-slow": 0.5, "slow": 0.75, "medium": 1.0, "default": 1.0, "fast": 1.25, "x-fast": 1.5}
_PITCHES = {
    "x-low": -4.0,
    "low": -2.0,
    "medium": 0.0,
    "default": 0.0,
    "high": 2.0,
    "x-high": 4.0,
}  # semitones
SILENT = -120.0  # dB
_VOLUMES = {
    "silent": SILENT,
    "x-soft": -12.0,
    "soft": -6.0,
    "medium": 0.0,
    "default": 0.0,
    "loud": 4.0,
    "x-loud": 8.0,
}
_LEVELS = {
    "strong": Prosody(rate=0.85, volume=4.0),
    "moderate": Prosody(rate=0.92, volume=2.0),
    "reduced": Prosody(rate=1.1, volume=-4.0),
    "none": Prosody(),
}
_STRENGTHS = {"none": 0.0, "x-weak": 0.0, "weak": 0.2, "medium": 0.3, "strong": 0.6, "x-strong": 1.0}  # s
PARAGRAPH = 0.5  # seconds between paragraphs, in addition to the pause after a sentence
_LONGEST = 10.0  # seconds of a break
_LOUDEST = 24.0  # dB


def combined(outer: Prosody, inner: Prosody) -> Prosody:
    """Return what an element inside another comes to: rates multiply, pitch and volume add."""
    return Prosody(
        outer.rate * inner.rate,
        outer.pitch + inner.pitch,
        max(outer.volume + inner.volume, SILENT),
        outer.compressed or inner.compressed,
    )


def change(name: str, value: str) -> Prosody:
    """Return what an attribute of <prosody> asks for. Raises `ValueError` with what it takes."""
    value = value.strip()
    if name == "rate":
        return Prosody(rate=_rate(value))
    if name == "pitch":
        return Prosody(pitch=_pitch(value))
    if name == "volume":
        return Prosody(volume=_volume(value))
    raise ValueError(f"{name} is no attribute of it: it has rate, pitch and volume")


def emphasis(level: str) -> Prosody:
    """Return what a level of <emphasis> does: louder and slower, or softer and faster. Raises `ValueError`.

    Source: "Emphasizing words" in the developer guide of Amazon Polly.
    """
    if level not in _LEVELS:
        raise ValueError(f"level must be one of {', '.join(_LEVELS)}, not {level!r}")
    return _LEVELS[level]


def pause(strength: str | None, time: str | None) -> float:
    """Return the seconds of a <break>; with neither attribute it is medium. Raises `ValueError`."""
    if time is not None:
        found = re.fullmatch(r"\+?(\d+(?:\.\d*)?|\.\d+)(ms|s)", time.strip())
        if not found:
            raise ValueError(f"time must be a number of s or ms such as 500ms, not {time!r}")
        seconds = float(found[1]) / (1000 if found[2] == "ms" else 1)
        if seconds > _LONGEST:
            raise ValueError(f"time must be at most {_LONGEST:g} s, not {time}")
        return seconds
    if (strength or "medium") not in _STRENGTHS:
        raise ValueError(f"strength must be one of {', '.join(_STRENGTHS)}, not {strength!r}")
    return _STRENGTHS[strength or "medium"]


def _rate(value: str) -> float:
    if value in _RATES:
        return _RATES[value]
    found = re.fullmatch(r"(\d+(?:\.\d+)?)%", value)
    if not found or not 20 <= float(found[1]) <= 200:
        raise ValueError(f"rate must be 20% to 200%, or one of {', '.join(_RATES)}, not {value!r}")
    return float(found[1]) / 100


def _pitch(value: str) -> float:
    if value in _PITCHES:
        return _PITCHES[value]
    found = re.fullmatch(r"([+-]\d+(?:\.\d+)?)%", value)
    if not found or not -33.3 <= float(found[1]) <= 50:
        raise ValueError(f"pitch must be -33.3% to +50%, or one of {', '.join(_PITCHES)}, not {value!r}")
    return 12 * math.log2(1 + float(found[1]) / 100)


def _volume(value: str) -> float:
    if value in _VOLUMES:
        return _VOLUMES[value]
    found = re.fullmatch(r"([+-]\d+(?:\.\d+)?)\s?dB", value)
    if not found or float(found[1]) > _LOUDEST:
        raise ValueError(f"volume must be such as +6dB, or one of {', '.join(_VOLUMES)}, not {value!r}")
    return max(float(found[1]), SILENT)
