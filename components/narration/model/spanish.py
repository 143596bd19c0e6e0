"""Spanish words to phonemes by the rules of its letters (Castilian, as Kokoro's Spanish voices heard it)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from brume.narration.model.alphabet import from_ipa
from brume.narration.model.normal.readings import words
from brume.narration.model.script import Word

_UNSTRESSED = frozenset(
    words(
        "el la los las un una unos unas de del a al en con por para y e o u que se me te le les lo nos os mi "
        "mis tu tus su sus si como pero sin ni"
    )
)
_ACCENTS = str.maketrans("áéíóú", "aeiou")
_VOWELS = "aeiouáéíóúü"
_STRONG = "aeoáéóíú"
_LETTERS = (  # in this order: longer and rarer ones first
    (r"^ps(?=i)", "s"),
    (r"^x", "s"),
    (r"(?<=^mé)x(?=ic)|(?<=^te)x(?=a)|(?<=^oa)x(?=a)", "x"),
    (r"x", "ks"),
    (r"ch", "ʧ"),
    (r"sh", "ʃ"),
    (r"ph", "f"),
    (r"ll", "ʎ"),
    (r"rr|^r|(?<=[nls])r", "R"),
    (r"r", "ɾ"),
    (r"qu(?=[eiéí])|[qk]|c(?![eiéíθ])", "k"),
    (r"z|c(?=[eiéí])", "θ"),
    (r"gu(?=[eiéí])", "G"),
    (r"g(?=[eiéí])|j", "χ"),  # in place of x, which is a letter
    (r"^hie(?!$)", "je"),
    (r"^hu(?=[eaéiíá])", "w"),
    (r"h", ""),
    (r"ñ", "ɲ"),
    (r"v", "b"),
    (r"y$", "i"),
    (r"^y(?=.)|y(?=[aeiouáéíóú])", "ʝ"),
    (r"y", "i"),
    (r"ç", "s"),
)
_RULES = tuple((re.compile(pattern), sound) for pattern, sound in _LETTERS)
_CODAS = (
    (r"G", "g"),
    (r"n(?=[bp])", "m"),
    (r"n(?=[ʎʝ])", "ɲ"),
    (r"n(?=g)", "ŋ"),
    (r"ˈe(?=n[tdθ])", "ˈɛ"),
    (r"(?<![mn])(?<=.)b(?=.)(?!b)", "β"),
    (r"(?<![nl])(?<=.)d(?=.)", "ð"),
    (r"(?<!ŋ)(?<=.)g(?=.)", "ɣ"),
    (r"g", "ɡ"),
    (r"βb|bb", "bβ"),
    (r"R", "r"),
)
_JOINED = tuple((re.compile(pattern), sound) for pattern, sound in _CODAS)
_DIPHTHONGS = (("ai", "I"), ("ei", "A"), ("au", "W"), ("oi", "oɪ"), ("eu", "eʊ"))


class Spanish:
    """Reads Spanish."""

    def read(self, words: Sequence[Word]) -> list[str]:
        """Return the phonemes of each word in Kokoro's alphabet, "" for what cannot be read.

        Raises `PhonemeError` for phonemes given in IPA that the alphabet has not.
        """
        return [from_ipa(word.phonemes, english=False) if word.phonemes else _read(word) for word in words]


def _read(word: Word) -> str:
    parts = (phonemes(part) for part in word.spoken.replace("-", " ").split())
    return " ".join(part for part in parts if part)


def phonemes(word: str) -> str:
    """Return the phonemes of one word; "" for a word of another script."""
    plain = unicodedata.normalize("NFC", word.lower()).replace("'", "")
    plain = "".join(_letter(char) for char in plain)
    if not plain.isascii() and not re.fullmatch("[a-záéíóúüñç]*", plain):
        return ""
    if plain == "muy":
        return "mˈuj"
    if plain.endswith("mente") and len(plain) > 7:
        return phonemes(plain[:-5]) + "mˈente"
    for pattern, sound in _RULES:
        plain = pattern.sub(sound, plain)
    nuclei = _nuclei(plain)
    place = None if not nuclei or word.lower() in _UNSTRESSED else _stressed(plain, nuclei)
    marked = _marked(plain, nuclei, place)
    for pattern, sound in _JOINED:
        marked = pattern.sub(sound, marked)
    return marked.replace("χ", "x")


def _letter(char: str) -> str:
    """Return a letter of Spanish for one of another alphabet of Latin letters: o for ô."""
    if char in "áéíóúüñç":
        return char
    return "".join(part for part in unicodedata.normalize("NFD", char) if not unicodedata.combining(part))


def _nuclei(sounds: str) -> list[tuple[int, int]]:
    """Return the ends of each syllable's vowels: weak ones (i, u) go with a neighbour."""
    found: list[tuple[int, int]] = []
    for index, sound in enumerate(sounds):
        if sound not in _VOWELS:
            continue
        before = sounds[index - 1] if found and found[-1][1] == index else ""
        if before and (before in "iuü" or sound in "iuü") and not (before in _STRONG and sound in _STRONG):
            found[-1] = (found[-1][0], index + 1)
        else:
            found.append((index, index + 1))
    return found


def _stressed(sounds: str, nuclei: Sequence[tuple[int, int]]) -> int:
    for place, (start, end) in enumerate(nuclei):
        if any(vowel in "áéíóú" for vowel in sounds[start:end]):
            return place
    last = sounds[-1]
    if last in _VOWELS or last in "ns":
        diphthong = last == "i" and nuclei[-1][1] - nuclei[-1][0] > 1  # estoy, jersey
        return len(nuclei) - 1 if diphthong else max(len(nuclei) - 2, 0)
    return len(nuclei) - 1


def _marked(sounds: str, nuclei: Sequence[tuple[int, int]], place: int | None) -> str:
    """Return sounds with vowels as they are spoken, and with their stress."""
    parts, done = [], 0
    for number, (start, end) in enumerate(nuclei):
        mark = ""
        if number == place:
            mark = "ˈ"
        elif place is not None and number % 2 == 0 and number < place - 1:
            mark = "ˌ"
        parts.append(sounds[done:start])
        parts.append(_vowels(sounds[max(start - 2, 0) : start], sounds[start:end], mark))
        done = end
    return "".join([*parts, sounds[done:]])


def _vowels(before: str, vowels: str, mark: str) -> str:
    """Return the vowels of a syllable: glides before the strong one, a diphthong with a weak one after it."""
    plain = vowels.translate(_ACCENTS).replace("ü", "u")
    accent = next((index for index, vowel in enumerate(vowels) if vowel in "áéíóú"), -1)
    if len(plain) == 1:
        return mark + plain
    strong = accent if accent >= 0 else next((i for i, vowel in enumerate(plain) if vowel in "aeo"), -1)
    if strong < 0:  # iu, ui: the second one, but for a word's end
        strong = len(plain) - 1
    glides = "".join({"i": "j", "u": "w"}.get(vowel, vowel) for vowel in plain[:strong])
    if "w" in glides and ("ü" in vowels or (before[-1:] in "ɾR" and before)):
        glides = glides.replace("w", "u")
    tail = plain[strong:]
    for written, sound in _DIPHTHONGS:
        if accent < 0 and tail.startswith(written):
            tail = sound + tail[2:]
    return glides + mark + tail
