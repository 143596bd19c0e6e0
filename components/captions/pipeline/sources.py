"""Finds audio, its reference texts, and what cannot be used."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from brume import storage
from brume.captions.model.audio import AudioError, Source, blocks
from brume.captions.model.hypothesis import RATE, Samples
from brume.captions.pipeline.settings import CODE
from brume.run import progress
from brume.run.rejects import Reject

AUDIO = (".aac", ".flac", ".m4a", ".mp3", ".mp4", ".ogg", ".opus", ".wav", ".webm")
TEXTS = (".json", ".txt")
TRANSCRIPTS = "transcripts.json"
SHORTEST = 0.1  # seconds
STEP = "audio"  # in the table of rejects


@dataclass(frozen=True)
class Clip:
    """A file of audio: `language` is a code, or several with commas."""

    name: str
    uri: str
    language: str
    seconds: float


@dataclass(frozen=True)
class Found:
    """What can be used, and what cannot."""

    clips: list[Clip]
    rejects: list[Reject]


def audio_files(uri: str) -> list[str]:
    """Return the files of audio at `uri`, a file or a folder; one that is not there has none."""
    listed = [entry.uri for entry in storage.list_files(uri)]
    files = listed or ([uri] if storage.exists(uri) else [])
    return [file for file in files if _ending(file) in AUDIO]


def text_files(uri: str) -> list[str]:
    """Return the files of texts that lie beside the audio at `uri`."""
    base = uri.rpartition("/")[0] if _ending(uri) in AUDIO else uri
    return [entry.uri for entry in storage.list_files(base) if _ending(entry.uri) in TEXTS]


def find(uri: str, language: str) -> Found:
    """List the audio at `uri`, each file decoded once to its end.

    A subfolder that is named like a language code names the language of its files, `language` that of all
    others. Raises what storage raises.
    """
    found = Found([], [])
    files = audio_files(uri)
    for number, file in enumerate(files, start=1):
        name = file.removeprefix(uri.rstrip("/") + "/") if file != uri else storage.name_of(file)
        try:
            seconds = len(read(file)) / RATE
            if seconds < SHORTEST:
                raise AudioError(f"it holds {seconds:.2f} s of audio")
            folder = name.partition("/")[0]
            spoken = folder if "/" in name and CODE.fullmatch(folder) else language
            found.clips.append(Clip(name, file, spoken, seconds))
        except AudioError as error:
            found.rejects.append(
                Reject(name, STEP, str(error), "save it again as WAV, FLAC, MP3, MP4 or Ogg")
            )
        progress.report(STEP, number, len(files))
    return found


def references(clips: list[Clip], audio: str, given: str) -> tuple[dict[str, str], list[Reject]]:
    """Return the reference texts of clips, by name, and the texts that cannot be used.

    A text is NAME.txt for NAME.wav, or in a transcripts.json (file: text); both in the folder of the audio,
    or in the folder `given`, which may also be such a JSON file. Raises `ValueError` for one that is none.
    """
    place = given or audio
    table: dict[str, str] = {}
    files: frozenset[str] = frozenset()
    if place.endswith(".json"):
        table = _transcripts(place)
    else:
        base = place.rpartition("/")[0] if _ending(place) in AUDIO else place
        files = frozenset(entry.uri for entry in storage.list_files(base))
        place = base
        if (listed := storage.join(place, TRANSCRIPTS)) in files:
            table = _transcripts(listed)
    found: dict[str, str] = {}
    rejects = []
    for clip in clips:
        text = storage.join(place, clip.name.rpartition(".")[0] + ".txt")
        key = next((key for key in (clip.name, storage.name_of(clip.name)) if key in table), None)
        if key is not None:
            found[clip.name] = table[key]
        elif text in files:
            try:
                found[clip.name] = storage.read_bytes(text).decode("utf-8-sig").strip()
            except UnicodeDecodeError:
                rejects.append(Reject(text, "references", "the text is not UTF-8", "save it as UTF-8"))
    return found, rejects


def _ending(uri: str) -> str:
    return PurePosixPath(uri).suffix.lower()


def read(uri: str) -> Samples:
    """Return the audio of a file, mixed to one channel. Raises `AudioError`, and what storage raises."""
    with tempfile.TemporaryDirectory() as scratch:
        # Some formats are read from their end first.
        path = storage.fetch(uri, Path(scratch)).absolute()
        parts = [rows[0] for rows in blocks(partial(path.open, "rb"), Source())]
    return np.concatenate([np.zeros(0, np.float32), *parts])


def write(clips: list[Clip], uri: str) -> None:
    """Write a list of clips, for the stages after this one."""
    data = json.dumps([asdict(clip) for clip in clips], ensure_ascii=False, indent=1)
    storage.write_bytes(uri, data.encode())


def read_list(uri: str) -> list[Clip]:
    """Read what `write` wrote."""
    return [Clip(**item) for item in json.loads(storage.read_bytes(uri))]


def _transcripts(uri: str) -> dict[str, str]:
    try:
        found = json.loads(storage.read_bytes(uri))
    except ValueError as error:
        raise ValueError(f"{uri} is no JSON: {error}") from error
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise ValueError(f'{uri} must be one object, {{"file": "what is spoken in it", ...}}')
    return found
