"""Voices in Piper's format, in a folder of the user's: NAME.onnx, a VITS network, and NAME.onnx.json.

Phonemes are those of espeak-ng, a program of its own, as Piper has them (https://github.com/rhasspy/piper).
Networks add noise, which is left out here, so that the same text gives the same samples. The durations of
phonemes are inside the network, behind its only rounding.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from brume.narration.model.espeak import phonemes_of
from brume.narration.model.networks import session, with_output
from brume.narration.model.resampling import faster
from brume.narration.model.script import Word
from brume.narration.model.scripts import sayable, short
from brume.narration.model.utterances import refused
from brume.narration.model.voice import Samples, Sound, Timed, VoiceInfo

_CEIL = re.compile(rb"/?[\w./]{0,80}Ceil_output_0")
_HOP = 256  # samples of a unit of duration, unless the description says otherwise
_PAD, _BEGIN, _END = "_", "^", "$"
_LONGEST = 1000  # symbols
_AFTER = frozenset(".,?!;:")


@dataclass(frozen=True)
class Description:
    """What NAME.onnx.json says of a voice: Polly's code of its language, rate in Hz, espeak-ng's voice."""

    code: str
    rate: int
    espeak: str
    gender: str
    hop: int
    length: float  # times as long as the network speaks by itself
    speakers: int
    ids: dict[str, list[int]]


def described(path: Path) -> Description:
    """Return the description of a voice NAME.onnx.

    Raises `OSError` where its file is not there, `KeyError` or `ValueError` for one of another form.
    """
    about = json.loads(path.with_name(path.name + ".json").read_text(encoding="utf-8"))
    if about.get("phoneme_type", "espeak") != "espeak":
        raise ValueError(f"its phonemes are {about['phoneme_type']}, not espeak")
    code = str(about.get("language", {}).get("code") or about["espeak"]["voice"]).replace("_", "-")
    return Description(
        code,
        int(about["audio"]["sample_rate"]),
        str(about["espeak"]["voice"]),
        "Male" if about.get("gender") == "male" else "Female",
        int(about.get("hop_length", _HOP)),
        float(about.get("inference", {}).get("length_scale", 1.0)),
        int(about.get("num_speakers", 1)),
        {str(symbol): [int(number) for number in ids] for symbol, ids in about["phoneme_id_map"].items()},
    )


class Piper:
    """A loaded voice (`brume.narration.model.voice.Voice`)."""

    def __init__(self, info: VoiceInfo, path: Path) -> None:
        """Load a voice. Raises `ValueError` for a network without durations."""
        self.info = info
        self._about = described(path)
        model = path.read_bytes()
        names = sorted(set(_CEIL.findall(model)), key=len)
        if not names:
            raise ValueError(f"{path} has no durations of its phonemes (a value Ceil_output_0)")
        self._durations = names[0].decode()
        self._session: Any = session(with_output(model, self._durations))

    def speak(self, words: Sequence[Word], *, rate: float = 1.0, pitch: float = 0.0) -> Sound:
        """Speak words of a sentence (see `Voice.speak`); phonemes that a word has are taken as they are."""
        own = short(self._about.code)
        texts = [word.spoken if sayable(word.spoken, own) else "" for word in words]
        read = phonemes_of(texts, self._about.espeak)
        symbols = [word.phonemes or found for word, found in zip(words, read, strict=True)]
        ids, places, sounds = self._ids(words, symbols)
        if not any(place >= 0 for place in places):
            raise refused(words, self.info.name, self.info.languages)
        higher = 2 ** (pitch / 12)
        given: dict[str, Any] = {
            "input": np.asarray([ids], np.int64),
            "input_lengths": np.asarray([len(ids)], np.int64),
            "scales": np.asarray([0.0, self._about.length * higher / rate, 0.0], np.float32),
        }
        if self._about.speakers > 1:
            given["sid"] = np.asarray([0], np.int64)
        audio, durations = self._session.run([self._session.get_outputs()[0].name, self._durations], given)
        samples: Samples = np.asarray(audio, np.float32).reshape(-1)
        edges = np.concatenate([[0.0], np.cumsum(np.asarray(durations, np.float64).reshape(-1))])
        seconds = (edges * self._about.hop / self._about.rate / higher).tolist()
        times: list[Timed | None] = [None] * len(words)
        for number, place in enumerate(places):
            if place >= 0:
                before = times[place]
                start = seconds[number] if before is None else before.start
                times[place] = Timed(words[place].text, start, seconds[number + 1])
        phonemes = tuple(
            Timed(sound, seconds[number], seconds[number + 1]) for number, sound in enumerate(sounds) if sound
        )
        return Sound(faster(samples, higher) if pitch else samples, self._about.rate, tuple(times), phonemes)

    def _ids(self, words: Sequence[Word], symbols: Sequence[str]) -> tuple[list[int], list[int], list[str]]:
        """Return the network's input, and of each id its word (-1: none) and its phoneme ("": none)."""
        known = self._about.ids
        pad = known.get(_PAD, [])
        found: list[tuple[int, int, str]] = []

        def add(symbol: str, place: int) -> None:
            letter = place >= 0 and unicodedata.category(symbol) in ("Ll", "Lu", "Lo")
            for count, number in enumerate(known.get(symbol, [])):
                found.append((number, place, symbol if letter and not count else ""))
            if symbol in known and symbol != _END:
                found.extend((number, place, "") for number in pad)

        add(_BEGIN, -1)
        for index, (word, text) in enumerate(zip(words, symbols, strict=True)):
            if not text or len(found) > _LONGEST:
                continue
            if index and any(place >= 0 for _, place, _ in found):
                add(" ", -1)
            for symbol in unicodedata.normalize("NFD", text):
                add(symbol, index)
            if word.after in _AFTER:
                add(word.after, -1)
        add(_END, -1)
        return [item[0] for item in found], [item[1] for item in found], [item[2] for item in found]
