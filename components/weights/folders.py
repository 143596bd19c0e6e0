"""Folders of models that the user names, on this machine or in an object store: fetched."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from brume import storage

WHISPER = ("model.bin", "config.json", "tokenizer.json")
"""Files of a Whisper model in CTranslate2's format; what is absent would be looked up elsewhere."""
TRANSDUCER = ("tokens.txt", "encoder*.onnx", "decoder*.onnx", "joiner*.onnx")
"""Files of a streaming transducer of sherpa-onnx."""


HIBARI = ("hibari.onnx", "lexicon_us_gold.json.gz", "lexicon_us_silver.json.gz", "tagger.json.gz", "oov.onnx")
"""Files of the English voice of hibari-tts, and of its dictionaries."""
KOKORO = ("kokoro.onnx",)
"""The network of Kokoro's voices."""
KOKORO_VOICES = ("[a-z][fm]_*.bin",)
"""Kokoro's voices, a file each."""
MINILM = ("model.safetensors", "vocab.txt")
"""Files of all-MiniLM-L6-v2."""
TABULAR_LIST = ("icd10c-tabular-*.xml",)
"""The tabular list of ICD-10-CM."""
DRUGS = ("drug_ner_dictionary.pkl.bz2",)
"""Names of drugs."""
NPM = "npm:"
"""Begins the name of a package of npm."""


class WeightsError(RuntimeError):
    """Weights that are not there or are not what they should be; the message says what to do."""


def checked(folder: Path) -> Path:
    """Return a folder that holds all files of a model. Raises `WeightsError` that names what is absent."""
    formats = (WHISPER, TRANSDUCER, HIBARI, KOKORO, KOKORO_VOICES, MINILM, TABULAR_LIST, DRUGS)
    absent = [[name for name in files if not any(folder.glob(name))] for files in formats]
    if all(absent):
        least = min(absent, key=len)
        raise WeightsError(f"{folder} is no folder of a model: {', '.join(least)} is not there")
    return folder


def npm_folder(package: str) -> Path:
    """Return where the files of a package of npm are kept: `npm:kokoro-js@1.2.1`."""
    return cache() / "npm" / package.removeprefix(NPM).replace("/", "-")


def only(folder: Path, name: str) -> Path:
    """Return the file of a name with a `*`. Raises `WeightsError` where several have it."""
    found = sorted(folder.glob(name))
    if len(found) != 1:
        raise WeightsError(
            f"{folder} has {len(found)} files {name}: keep one of {', '.join(path.name for path in found)}"
        )
    return found[0]


def cache() -> Path:
    """Return the folder of the user's cache for weights."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "brume" / "weights"


def fetched(uri: str) -> Path:
    """Return a local copy of a folder in an object store, made once for each state of it.

    Raises `WeightsError` when there are no files, `storage.StorageError` when it cannot be reached.
    """
    entries = storage.list_files(uri)
    if not entries:
        raise WeightsError(f"{uri} holds no files: name the folder of a model")
    key = hashlib.sha256(repr([(entry.uri, entry.version) for entry in entries]).encode()).hexdigest()[:12]
    folder = cache() / f"{storage.name_of(uri.rstrip('/'))}-{key}"
    if not folder.is_dir():
        with storage.replacing(folder) as partial:
            for entry in entries:
                inner = Path(entry.uri.removeprefix(uri.rstrip("/") + "/")).parent
                (partial / inner).mkdir(parents=True, exist_ok=True)
                storage.fetch(entry.uri, partial / inner)
    return folder
