"""The voices that are installed, loaded when they are first needed.

A folder of the user's (BRUME_NARRATION_VOICES) has a voice in each file NAME.bin (a table of styles of
Kokoro-82M) or NAME.onnx with its NAME.onnx.json (Piper's format).
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

from brume import weights
from brume.narration.model import espeak
from brume.narration.model.english_phonemes import English
from brume.narration.model.hibari import Hibari
from brume.narration.model.kokoro import Kokoro, Network, Reader
from brume.narration.model.piper import Piper, described
from brume.narration.model.scripts import short
from brume.narration.model.spanish import Spanish
from brume.narration.model.voice import Voice, VoiceError, VoiceInfo
from brume.run.code import code_digest
from brume.variables import read, variable

_RATE = 24000
_KOKORO = (  # the name that Kokoro gives it, gender, language
    ("ef_dora", "Female", "es-ES"),
    ("em_alex", "Male", "es-ES"),
    ("am_michael", "Male", "en-US"),
    ("bf_emma", "Female", "en-GB"),
)
_PREFIXES = {"a": "en-US", "b": "en-GB", "e": "es-ES"}  # of the names of Kokoro's voices
_T = TypeVar("_T")
_LIBRARIES = ("numpy", "onnxruntime", "scipy")


@dataclass(frozen=True)
class VoiceSettings:
    """Where voices of one's own are."""

    folder: str = variable(
        "BRUME_NARRATION_VOICES",
        "",
        "a folder of voices of one's own: NAME.bin (Kokoro) or NAME.onnx with NAME.onnx.json (Piper)",
    )


@dataclass(frozen=True)
class _Known:
    """A voice that can be loaded, and how."""

    info: VoiceInfo
    load: Callable[[], Voice]


class Catalogue:
    """The voices of this machine; for any thread."""

    def __init__(self, settings: VoiceSettings | None = None) -> None:
        """Look which voices are there. Raises `VoiceError` for a file of the user's folder that is none."""
        self._settings = settings or read(VoiceSettings)
        self._lock = threading.Lock()
        self._loaded: dict[str, Voice] = {}
        self._shared: dict[str, object] = {}
        self._known: dict[str, _Known] = {}
        self.absent: dict[str, str] = {}
        """Why a voice is not there: by its name, with what installs it."""
        for known in (*self._own(), *self._hibari(), *self._kokoro(), *self._espeak()):
            self._known.setdefault(known.info.name, known)

    @property
    def infos(self) -> tuple[VoiceInfo, ...]:
        """The voices that are there: one's own first, then by quality."""
        return tuple(known.info for known in self._known.values())

    def load(self, name: str) -> Voice:
        """Return a voice, loaded. Raises `VoiceError` for one that is not there or cannot be loaded."""
        if (loaded := self._loaded.get(name)) is not None:  # while another one is being loaded too
            return loaded
        if name not in self._known:
            reason = self.absent.get(name) or f"there are {', '.join(self._known) or 'no voices'}"
            raise VoiceError(f"no voice is called {name!r}: {reason}")
        import scipy.signal  # noqa: F401 - takes a second: not in the first request

        with self._lock:
            if name not in self._loaded:
                try:
                    self._loaded[name] = self._known[name].load()
                except (weights.WeightsError, OSError, ValueError, RuntimeError) as error:
                    raise VoiceError(f"the voice {name} cannot be loaded: {error}") from error
            return self._loaded[name]

    def speaking(self, language: str, gender: str = "") -> Voice:
        """Return the best voice of a language (es or es-ES), of a gender where there is one.

        Raises `VoiceError` where none speaks it.
        """
        wanted = short(language)
        same = [info for info in self.infos if any(short(code) == wanted for code in info.languages)]
        if not same:
            reasons = "; ".join(dict.fromkeys(self.absent.values()))
            raise VoiceError(f"no voice speaks the language {language!r}{': ' if reasons else ''}{reasons}")
        best = min(same, key=lambda info: (language not in info.languages, info.gender != gender))
        return self.load(best.name)

    def _own(self) -> list[_Known]:
        found: list[_Known] = []
        if not self._settings.folder:
            return found
        folder = Path(self._settings.folder)
        if not folder.is_dir():
            raise VoiceError(f"BRUME_NARRATION_VOICES={folder} is no folder")
        for path in sorted(folder.glob("*.bin")):
            language = _PREFIXES.get(path.stem[:1], "")
            if not language:
                raise VoiceError(f"{path}: its name begins with none of {', '.join(_PREFIXES)}: {_PREFIXES}")
            gender = "Female" if path.stem[1:2] == "f" else "Male"
            info = _info(path.stem, gender, language, _digest(path), "of the folder's owner", str(path))
            found.append(_Known(info, self._kokoro_loader(info, partial(Path, path), language)))
        for path in sorted(folder.glob("*.onnx")):
            try:
                about = described(path)
            except (OSError, ValueError, KeyError) as error:
                raise VoiceError(f"{path} is no voice of Piper: {error}") from error
            own = _info(
                path.stem, about.gender, about.code, _digest(path), "of the folder's owner", str(path)
            )
            info = replace(own, rate=about.rate)
            found.append(_Known(info, partial(Piper, info, path)))
        return found

    def _hibari(self) -> list[_Known]:
        model = weights.catalog()["hibari"]
        try:
            weights.locate("hibari")
        except weights.WeightsError as error:
            self.absent["Heart"] = str(error)
            return []
        info = _info("Heart", "Female", "en-US", weights.digest("hibari"), model.licence, model.notice)
        return [_Known(info, lambda: Hibari(info, weights.find("hibari"), self._english(False)))]

    def _kokoro(self) -> list[_Known]:
        found = []
        model = weights.catalog()["kokoro"]
        for name, gender, language in _KOKORO:
            needed = ["kokoro", "kokoro-voices", *([] if language == "es-ES" else ["hibari"])]
            try:
                digest = " ".join(map(weights.digest, needed))
                for each in needed:
                    weights.locate(each)
            except weights.WeightsError as error:
                self.absent[name] = str(error)
                continue
            info = _info(name, gender, language, digest, model.licence, model.notice)
            found.append(_Known(info, self._kokoro_loader(info, partial(_packaged, name), language)))
        return found

    def _kokoro_loader(
        self, info: VoiceInfo, styles: Callable[[], Path], language: str
    ) -> Callable[[], Voice]:
        def load() -> Voice:
            network = self._once("kokoro", lambda: Network(weights.find("kokoro") / "kokoro.onnx"))
            reader: Reader = Spanish() if language == "es-ES" else self._english(language == "en-GB")
            return Kokoro(info, network, styles(), reader)

        return load

    def _english(self, british: bool) -> English:
        return self._once(f"english {british}", lambda: English(weights.find("hibari"), british=british))

    def _once(self, name: str, make: Callable[[], _T]) -> _T:
        if name not in self._shared:
            self._shared[name] = make()
        return self._shared[name]  # type: ignore[return-value]

    def _espeak(self) -> list[_Known]:
        version = espeak.version()
        found = []
        for language in espeak.LANGUAGES:
            name = f"espeak-{language.voice}"
            if not version:
                self.absent[name] = f"{espeak.PROGRAM} is not installed: apt-get install {espeak.PROGRAM}"
                continue
            info = _info(
                name, "Male", language.code, version, "GPL-3.0-or-later", "espeak-ng, a program apart"
            )
            info = replace(info, engine="standard", rate=espeak.RATE)
            found.append(_Known(info, partial(espeak.Espeak, info, language)))
        return found


def _packaged(voice: str) -> Path:
    return weights.find("kokoro-voices") / f"{voice}.bin"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _info(name: str, gender: str, language: str, digest: str, licence: str, notice: str) -> VoiceInfo:
    version = hashlib.sha256(f"{name} {digest} {_code()}".encode()).hexdigest()[:16]
    return VoiceInfo(name, gender, (language,), "neural", _RATE, version, licence, notice)


@cache
def _code() -> str:
    """Return what of this program and its libraries decides which samples a text becomes."""
    versions = [importlib.metadata.version(name) for name in _LIBRARIES]
    return " ".join([code_digest(__name__, "brume.narration.model.synthesis"), *versions])
