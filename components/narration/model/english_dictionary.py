"""Phonemes of English words by dictionary and rule.

The rules and the dictionaries are misaki's (https://github.com/hexgrad/misaki, Apache-2.0), which read text
the way that Kokoro-82M was trained to hear it; the dictionaries are read from hibari-tts' files.
"""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

from brume.narration.model.alphabet import VOWELS

_PRIMARY, _SECONDARY = "ˈ", "ˌ"
_FLAPPED = frozenset("AIOWYiuæɑəɛɪɹʊʌ")
_DOUBLED = re.compile(r"([bcdgklmnprstvxz])\1ing$|cking$")


def stressed(phonemes: str, stress: float | None) -> str:
    """Return phonemes with their stress moved: 2 to the primary, below -1 to none."""
    primary, secondary = _PRIMARY in phonemes, _SECONDARY in phonemes
    if stress is None:
        return phonemes
    if stress < -1:
        return phonemes.replace(_PRIMARY, "").replace(_SECONDARY, "")
    if stress == -1 or (stress in (0, -0.5) and primary):
        return phonemes.replace(_SECONDARY, "").replace(_PRIMARY, _SECONDARY)
    if stress >= 0 and not primary and not secondary:
        if not any(symbol in VOWELS for symbol in phonemes):
            return phonemes
        return _before_vowel((_PRIMARY if stress > 1 else _SECONDARY) + phonemes)
    if stress >= 1 and not primary and secondary:
        return phonemes.replace(_SECONDARY, _PRIMARY)
    return phonemes


def _before_vowel(phonemes: str) -> str:
    mark, rest = phonemes[0], phonemes[1:]
    vowel = next(index for index, symbol in enumerate(rest) if symbol in VOWELS)
    return rest[:vowel] + mark + rest[vowel:]


def family(tag: str) -> str:
    """Return the dictionaries' name of the family of a tag: VERB of VBD."""
    for start, name in (("VB", "VERB"), ("NN", "NOUN"), ("RB", "ADV"), ("ADV", "ADV"), ("JJ", "ADJ")):
        if tag.startswith(start):
            return name
    return tag


class _Entries:
    """A dictionary, whose lower case words answer for capitalised ones too, and the other way round."""

    def __init__(self, path: Path) -> None:
        self._entries: dict[str, str | dict[str, str | None]] = json.loads(gzip.decompress(path.read_bytes()))

    def get(self, word: str) -> str | dict[str, str | None] | None:
        found = self._entries.get(word)
        if found is not None or len(word) < 2:
            return found
        if word == word.lower():
            return self._entries.get(word.capitalize()) if word.capitalize() != word else None
        return self._entries.get(word.lower()) if word == word.lower().capitalize() else None

    def __contains__(self, word: str) -> bool:
        return self.get(word) is not None


class Dictionary:
    """The words of American or British English."""

    def __init__(self, folder: Path, *, british: bool) -> None:
        accent = "gb" if british else "us"
        self._british = british
        self._gold = _Entries(folder / f"lexicon_{accent}_gold.json.gz")
        self._silver = _Entries(folder / f"lexicon_{accent}_silver.json.gz")

    def letters(self, word: str) -> str:
        """Return the names of a word's letters, the last one stressed; "" where one has none."""
        names = [self._gold.get(char.upper()) for char in word if char.isalpha()]
        if not names or not all(isinstance(name, str) for name in names):
            return ""
        before, _, last = stressed("".join(str(name) for name in names), 0).rpartition(_SECONDARY)
        return before + _PRIMARY + last if _ else last

    def known(self, word: str) -> bool:
        """Return whether a word is read by the dictionaries, or by its letters."""
        if word in self._gold or word in self._silver:
            return True
        if not word.isalpha() or not word.isascii():
            return False
        if len(word) == 1 or (word.isupper() and word.lower() in self._gold):
            return True
        return word[1:] == word[1:].upper()

    def find(self, word: str, tag: str, stress: float | None, final: bool) -> str:
        """Return a word's phonemes by the dictionaries alone; "" for none. `final`: a pause follows."""
        name = False
        if word == word.upper() and word not in self._gold:
            word, name = word.lower(), tag == "NNP"
        entry = self._gold.get(word)
        if entry is None and not name:
            entry = self._silver.get(word)
        phonemes: str | None
        if isinstance(entry, dict):
            kind = "None" if final and "None" in entry else tag if tag in entry else family(tag)
            phonemes = entry.get(kind, entry["DEFAULT"])
        else:
            phonemes = entry
        if phonemes is None or (name and _PRIMARY not in phonemes):
            return self.letters(word) if name or phonemes is None else phonemes
        return stressed(phonemes, stress)

    def read(self, word: str, tag: str, stress: float | None, final: bool) -> str:
        """Return a word's phonemes by the dictionaries and the rules of -s, -ed and -ing; "" for none."""
        if self._lowered(word, tag, final):
            word = word.lower()
        if self.known(word):
            return self.find(word, tag, stress, final)
        if word.endswith("'"):
            ending = word[:-2] + "'s" if word.endswith("s'") else ""
            if ending and self.known(ending):
                return self.find(ending, tag, stress, final)
            if self.known(word[:-1]):
                return self.find(word[:-1], tag, stress, final)
        return self._inflected(word, tag, stress, final)

    def _lowered(self, word: str, tag: str, final: bool) -> bool:
        """Return whether a word with capitals is one that the dictionaries have without."""
        if len(word) < 2 or not word.replace("'", "").isalpha() or word == word.lower():
            return False
        if (tag == "NNP" and len(word) <= 7) or word in self._gold or word in self._silver:
            return False
        if word != word.upper() and word[1:] != word[1:].lower():
            return False
        lower = word.lower()
        return lower in self._gold or lower in self._silver or bool(self._inflected(lower, tag, None, final))

    def _inflected(self, word: str, tag: str, stress: float | None, final: bool) -> str:
        for stems, add in ((self._s_stem, self._s), (self._ed_stem, self._ed)):
            if (stem := stems(word)) and (read := self.find(stem, tag, stress, final)):
                return add(read)
        if stem := self._ing_stem(word):
            return self._ing(self.find(stem, tag, 0.5 if stress is None else stress, final))
        return ""

    def _s_stem(self, word: str) -> str:
        if len(word) < 3 or not word.endswith("s"):
            return ""
        if not word.endswith("ss") and self.known(word[:-1]):
            return word[:-1]
        several = len(word) > 4 and word.endswith("es") and not word.endswith("ies")
        if (word.endswith("'s") or several) and self.known(word[:-2]):
            return word[:-2]
        if len(word) > 4 and word.endswith("ies") and self.known(word[:-3] + "y"):
            return word[:-3] + "y"
        return ""

    def _s(self, stem: str) -> str:
        if stem[-1] in "ptkfθ":
            return stem + "s"
        if stem[-1] in "szʃʒʧʤ":
            return stem + ("ɪ" if self._british else "ᵻ") + "z"
        return stem + "z"

    def _ed_stem(self, word: str) -> str:
        if len(word) < 4 or not word.endswith("d"):
            return ""
        if not word.endswith("dd") and self.known(word[:-1]):
            return word[:-1]
        if len(word) > 4 and word.endswith("ed") and not word.endswith("eed") and self.known(word[:-2]):
            return word[:-2]
        return ""

    def _ed(self, stem: str) -> str:
        if stem[-1] in "pkfθʃsʧ":
            return stem + "t"
        if stem[-1] == "d":
            return stem + ("ɪ" if self._british else "ᵻ") + "d"
        if stem[-1] != "t":
            return stem + "d"
        if self._british or len(stem) < 2:
            return stem + "ɪd"
        return stem[:-1] + "ɾᵻd" if stem[-2] in _FLAPPED else stem + "ᵻd"

    def _ing_stem(self, word: str) -> str:
        if len(word) < 5 or not word.endswith("ing"):
            return ""
        if len(word) > 5 and self.known(word[:-3]):
            return word[:-3]
        if self.known(word[:-3] + "e"):
            return word[:-3] + "e"
        if len(word) > 5 and _DOUBLED.search(word) and self.known(word[:-4]):
            return word[:-4]
        return ""

    def _ing(self, stem: str) -> str:
        if not stem or (self._british and stem[-1] in "əː"):
            return ""
        if not self._british and len(stem) > 1 and stem[-1] == "t" and stem[-2] in _FLAPPED:
            return stem[:-1] + "ɾɪŋ"
        return stem + "ɪŋ"
