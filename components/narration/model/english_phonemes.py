"""English words to phonemes: which reading of a word its sentence asks for.

Rules of context and function words are misaki's (https://github.com/hexgrad/misaki, Apache-2.0).
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from brume.narration.model.alphabet import CONSONANTS, VOWELS, from_ipa
from brume.narration.model.english_dictionary import Dictionary, family, stressed
from brume.narration.model.script import Word
from brume.narration.model.spelling import Spelling
from brume.narration.model.tagging import Tagger

_CLITIC = re.compile(r"(.+?)(n't|'(?:s|S|re|ve|ll|d|m))$")
_NAMED = re.compile(r"(?<!\S)[^\W\d_a-z](?: [^\W\d_a-z])+(?!\S)")
_CAMEL = re.compile(r"[A-ZÀ-ÖØ-Þ]?[a-zß-öø-ÿ']+|[A-ZÀ-ÖØ-Þ]+(?![a-zß-öø-ÿ])|[^\W\d_]")
_SPOKEN_CAPITALS = re.compile(r"[AEIOUY]")  # an acronym without a vowel is spelled


class English:
    """Reads English, American or British; for any thread."""

    def __init__(self, folder: Path, *, british: bool = False) -> None:
        """Take the dictionaries and weights of a folder of hibari-tts' files."""
        self._dictionary = Dictionary(folder, british=british)
        self._tagger = Tagger(folder / "tagger.json.gz")
        self._spelling = Spelling(folder, "oov_gb" if british else "oov")
        self._unknown: dict[str, str] = {}
        self._lock = threading.Lock()

    def read(self, words: Sequence[Word]) -> list[str]:
        """Return the phonemes of each word of a sentence in Kokoro's alphabet, "" for what cannot be read.

        Raises `PhonemeError` for phonemes given in IPA that the alphabet has not.
        """
        pieces = [_pieces(word.spoken) for word in words]
        tags = self._tags(words, pieces)
        found = [""] * len(words)
        vowel: bool | None = None  # whether what follows begins with one; None before a pause
        to = False
        for index in range(len(words) - 1, -1, -1):
            if words[index].after:
                vowel = None
            if words[index].phonemes:
                read = [from_ipa(words[index].phonemes, english=True)]
            else:
                read = []
                for piece, tag in zip(reversed(pieces[index]), reversed(tags[index]), strict=True):
                    phonemes = self._word(piece, tag, vowel, to)
                    read.insert(0, phonemes)
                    vowel, to = _begins(phonemes, vowel), piece.lower() == "to"
            found[index] = " ".join(part for part in read if part).replace("ɾ", "T").replace("ʔ", "t")
            if words[index].phonemes:
                vowel, to = _begins(found[index], vowel), False
        return found

    def _tags(self, words: Sequence[Word], pieces: Sequence[Sequence[str]]) -> list[list[str]]:
        """Return the tag of each piece; the tagger sees clitics and punctuation as words of their own."""
        tokens: list[str] = []
        places: list[list[int]] = []
        for word, parts in zip(words, pieces, strict=True):
            places.append([])
            for part in parts:
                places[-1].append(len(tokens))
                clitic = _CLITIC.fullmatch(part)
                tokens += clitic.groups() if clitic else [part]
            if word.after:
                tokens.append(word.after)
        tags = self._tagger.tag(tokens)
        return [[tags[place] for place in row] for row in places]

    def _word(self, word: str, tag: str, vowel: bool | None, to: bool) -> str:
        if "." in word:
            return self._dictionary.letters(word)
        if special := self._special(word, tag, vowel, to):
            return special
        stress = None if word == word.lower() else 2 if word == word.upper() else 0.5
        if word.isupper() and len(word) > 1 and not self._spoken(word):
            return self._dictionary.letters(word) or self._spelled(word)
        return self._dictionary.read(word, tag, stress, vowel is None) or self._spelled(word)

    def _spoken(self, word: str) -> bool:
        """Return whether a word in capitals is read as a word: one of the dictionaries, or a long one."""
        lower = word.lower()
        known = self._dictionary.known(lower) and self._dictionary.find(lower, "NN", None, False)
        return bool(known) or (len(word) > 4 and _SPOKEN_CAPITALS.search(word) is not None)

    def _special(self, word: str, tag: str, vowel: bool | None, to: bool) -> str:
        """Return the reading of a function word that its neighbours decide; "" for other words."""
        dictionary, lower = self._dictionary, word.lower()
        if word in ("a", "A"):
            return "ɐ" if word == "a" else "ˈA"
        if lower == "an":
            return "ɐn"
        if lower == "am" and word != "AM":
            return "ɐm" if vowel is not None and word == "am" else dictionary.find("am", tag, None, False)
        if word == "I":
            return "ˌI" if tag == "PRP" else "ˈI"
        if lower == "by" and family(tag) == "ADV":
            return "bˈI"
        if word in ("to", "To"):
            return {None: dictionary.find("to", tag, None, False), False: "tə", True: "tʊ"}[vowel]
        if word in ("in", "In"):
            return ("ˈ" if vowel is None or tag != "IN" else "") + "ɪn"
        if word in ("the", "The"):
            return "ði" if vowel else "ðə"
        if word in ("used", "Used"):
            return dictionary.find("used", "VBD" if tag in ("VBD", "JJ") and to else "DEFAULT", None, False)
        return ""

    def _spelled(self, word: str) -> str:
        """Return the reading of a word that no dictionary has: of its parts, or by its letters."""
        with self._lock:
            if word in self._unknown:
                return self._unknown[word]
        parts = _CAMEL.findall(word)
        if len(parts) > 1 and not word.isupper() and "".join(parts) == word:
            read = [
                self._dictionary.read(part, "NN", None, False) or self._spelling.read(part) for part in parts
            ]
            phonemes = "".join(
                [*(stressed(part, -0.5) for part in read[:-1]), read[-1]] if all(read) else [""]
            )
        else:
            phonemes = ""
        plain = word.lower() if word.isupper() else word
        phonemes = phonemes or self._spelling.read(plain) or self._spelling.read(_unaccented(plain))
        with self._lock:
            if len(self._unknown) < 50_000:
                self._unknown[word] = phonemes
        return phonemes


def _pieces(spoken: str) -> list[str]:
    """Return the words of what is spoken; letters that are named one after the other are one: U.S."""
    return _NAMED.sub(
        lambda found: ".".join(found[0].split()), spoken.replace("’", "'").replace("-", " ")
    ).split()


def _unaccented(word: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFD", word) if not unicodedata.combining(char))


def _begins(phonemes: str, before: bool | None) -> bool | None:
    """Return whether phonemes begin with a vowel; what was known before where there are none."""
    return next((symbol in VOWELS for symbol in phonemes if symbol in VOWELS or symbol in CONSONANTS), before)
