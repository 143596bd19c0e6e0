"""Codes of RxNorm for drugs, of the user's own resources or of a folder of RxNorm's files.

RxNorm itself is not carried by this project: its licence is between the user and the US National Library of
Medicine. RXNCONSO.RRF is a file of its release with a line for each name (Technical Documentation, 12.4).
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterable, Iterator

from brume import storage
from brume.records.model.entity import CodeSystem, Concept

FILE = "RXNCONSO.RRF"
_TYPES = {"IN": 0, "MIN": 1, "PIN": 1, "BN": 2, "SCD": 3, "SBD": 3, "SCDC": 4, "GPCK": 4, "BPCK": 4}
_COLUMNS = 18
_WORD = re.compile(r"[a-z]+|\d+(?:\.\d+)?")


class TerminologyError(ValueError):
    """A file of a terminology that cannot be used; the message says which and where."""


class DrugCodes:
    """Codes by names of drugs; of the codes of one name that whose words a text has comes first."""

    def __init__(self, names: Iterable[tuple[str, str]]) -> None:
        """`names` are pairs of code and name, such as ("314076", "lisinopril 10 MG Oral Tablet")."""
        digest = hashlib.sha256()
        self._exact: dict[str, str] = {}
        self._by_word: dict[str, list[tuple[str, str, frozenset[str]]]] = {}
        for code, name in sorted(set(names)):
            digest.update(f"{code}\0{name}\0".encode())
            words = _words(name)
            self._exact.setdefault(" ".join(name.lower().split()), code)
            for word in words:
                if word.isalpha() and len(word) > 3:
                    self._by_word.setdefault(word, []).append((code, name, words))
        self.version = digest.hexdigest()[:12] if self._exact else "none"

    def link(self, drug: str, text: str) -> tuple[Concept, ...]:
        """Return the codes of a drug, five at most, best for what the text states beside its name."""
        wanted, stated = _words(drug), _words(text)
        first = max((word for word in wanted if word.isalpha()), key=len, default="")
        found: dict[str, tuple[float, str]] = {}
        for code, name, words in self._by_word.get(first, ()):
            if wanted <= words:
                extra = len(words - wanted)
                score = (1 + len(words & stated - wanted)) / (1 + extra) if extra else 0.9
                if score > found.get(code, (0.0, ""))[0]:
                    found[code] = (min(score, 0.99), name)
        exact = self._exact.get(drug.lower())
        if exact is not None:
            found[exact] = (max(found.get(exact, (0.0, ""))[0], 0.95), found.get(exact, (0, drug))[1])
        best = sorted(found.items(), key=lambda each: (-each[1][0], each[0]))[:5]
        return tuple(Concept(CodeSystem.RXNORM, code, name, round(score, 4)) for code, (score, name) in best)


def read(folder: str) -> Iterator[tuple[str, str]]:
    """Yield code and name of each current English name of RxNorm's own in a folder, or at an s3:// URI.

    Raises `TerminologyError` for a line that is none of RXNCONSO's, `FileNotFoundError` without the file.
    """
    uri = storage.join(folder, FILE)
    with storage.open_read(uri) as stream, io.TextIOWrapper(stream, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            parts = line.rstrip("\n").split("|")
            if len(parts) < _COLUMNS:
                raise TerminologyError(
                    f"{uri}, line {number}: {len(parts)} columns, RXNCONSO has {_COLUMNS}: "
                    "take the file of a release as it is"
                )
            if parts[1] == "ENG" and parts[11] == "RXNORM" and parts[12] in _TYPES and parts[16] in ("N", ""):
                yield parts[0], parts[14]


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.lower()))
