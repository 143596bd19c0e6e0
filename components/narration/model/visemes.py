"""The visemes of phonemes: which of Amazon Polly's mouth shapes goes with a sound of the IPA.

Source: "Phoneme and viseme tables for supported languages" in the developer guide of Amazon Polly (English,
Castilian Spanish, and for sounds of other languages the shape of the nearest of these).
"""

from __future__ import annotations

import unicodedata

SILENCE = "sil"

_SHAPES = {
    "p": "b m p ɱ ɸ ɓ ʙ",
    "B": "β",
    "f": "f v ʋ",
    "T": "θ ð",
    "t": "t d n l ɾ ɫ ʈ ɖ ɳ ɭ ɽ ɗ ɬ ɮ ɺ",
    "s": "s z ɕ ʑ",
    "S": "ʃ ʒ ʂ ʐ tʃ dʒ ʧ ʤ ɧ",
    "J": "ɲ ʎ ʝ ɟ c ç ʄ",
    "k": "k ɡ g ŋ h ɣ x q ɢ χ ʁ ħ ɦ ɴ ʔ ʕ ɠ ʛ ʟ ʜ ʡ ʢ ɰ",
    "r": "r ɹ ɻ ʀ",
    "i": "i ɪ j y ʏ ɨ ᵻ",
    "u": "u ʊ w ʍ ɥ ɯ ʉ ᵿ",
    "@": "ə ɚ ɘ ɵ ɐ",
    "a": "a æ ɑ ɒ ɶ aɪ aʊ",
    "e": "e eɪ ø",
    "E": "ɛ ɜ ɝ ʌ œ ɞ",
    "o": "o oʊ əʊ ɤ",
    "O": "ɔ ɔɪ",
}
_VISEMES = {phoneme: shape for shape, phonemes in _SHAPES.items() for phoneme in phonemes.split()}


def viseme(phoneme: str) -> str:
    """Return the viseme of one phoneme in IPA, "sil" for a pause.

    Stress, length and other marks do not count; of several letters (a diphthong, an affricate) the whole is
    looked up, then the first that is known.
    """
    plain = "".join(
        letter
        for letter in unicodedata.normalize("NFD", phoneme)
        if unicodedata.category(letter) not in ("Mn", "Lm", "Sk", "Po")
    )
    if plain in _VISEMES:
        return _VISEMES[plain]
    return next((_VISEMES[letter] for letter in plain if letter in _VISEMES), SILENCE)
