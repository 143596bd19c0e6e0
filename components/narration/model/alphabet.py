"""The phonemes that Kokoro's networks know, their ids, and what they are in IPA.

The alphabet is that of misaki, Kokoro-82M's reader (https://github.com/hexgrad/misaki, Apache-2.0): IPA with
single letters for diphthongs and affricates.
"""

from __future__ import annotations

import re
import unicodedata

from brume.narration.model.voice import PhonemeError

_SYMBOLS = (
    (1, ";:,.!?"),
    (9, '—…"()“” ̃ʣʥʦʨᵝꭧAI'),
    (31, "O"),
    (33, "Q"),
    (35, "ST"),
    (39, "W"),
    (41, "Yᵊabcdef"),
    (50, "hijklmnopqrstuvwxyzɑɐɒæ"),
    (75, "βɔɕç"),
    (80, "ɖðʤə"),
    (85, "ɚɛɜ"),
    (90, "ɟ"),
    (92, "ɡ"),
    (99, "ɥ"),
    (101, "ɨɪʝ"),
    (110, "ɯɰŋɳɲɴø"),
    (118, "ɸθœ"),
    (123, "ɹ"),
    (125, "ɾɻ"),
    (128, "ʁɽʂʃʈʧ"),
    (135, "ʊʋ"),
    (138, "ʌɣɤ"),
    (142, "χʎ"),
    (147, "ʒʔ"),
    (156, "ˈˌː"),
    (162, "ʰ"),
    (164, "ʲ"),
    (169, "↓"),
    (171, "→↗↘"),
    (177, "ᵻ"),
)
IDS = {symbol: first + offset for first, symbols in _SYMBOLS for offset, symbol in enumerate(symbols)}
"""The id of each symbol; 0 is before the first and after the last one."""
STRESSES = "ˈˌ"
VOWELS = frozenset("AIOQWYaeiouyæøœɐɑɒɔəɚɛɜɨɪɯɤʊʌᵊᵻ")
CONSONANTS = frozenset("bcdfhjklmnpqrstvwxzβçðŋɕɖɟɡɣɥɰɲɳɴɸɹɻɾɽʁʂʃʈʋʎʒʝʣʤʥʦʧʨχθST")
_IPA = {
    "A": "eɪ",
    "I": "aɪ",
    "O": "oʊ",
    "Q": "əʊ",
    "W": "aʊ",
    "Y": "ɔɪ",
    "T": "ɾ",
    "ᵊ": "ə",
    "ᵻ": "ɪ",
    "ʤ": "dʒ",
    "ʧ": "tʃ",
    "ʣ": "dz",
    "ʦ": "ts",
    "ʥ": "dʑ",
    "ʨ": "tɕ",
}
# Longer ones first: what Polly's tables and dictionaries write, in the alphabet's own symbols.
_FROM_IPA = (
    ("t͡ʃ", "ʧ"), ("d͡ʒ", "ʤ"), ("t͡s", "ʦ"), ("d͡z", "ʣ"), ("tʃ", "ʧ"), ("dʒ", "ʤ"), ("ɝː", "ɜɹ"),
    ("eɪ", "A"), ("aɪ", "I"), ("aʊ", "W"), ("ɔɪ", "Y"), ("ɔʏ", "Y"), ("oʊ", "O"), ("əʊ", "Q"),
    ("ɝ", "ɜɹ"), ("ɚ", "əɹ"), ("ʉ", "u"), ("ɫ", "l"), ("l̩", "ᵊl"), ("n̩", "ᵊn"), ("m̩", "ᵊm"), ("g", "ɡ"),
    ("'", "ˈ"), ("ɘ", "ə"), ("ɵ", "ə"), ("ʍ", "w"), ("ɱ", "m"), ("ʏ", "y"),
)  # fmt: skip
_ENGLISH = (("r", "ɹ"), ("ɾ", "T"), ("e", "ɛ"), ("o", "O"))
_SEPARATORS = re.compile(r"[\s.|‿\u200d]+")


def ipa(symbol: str) -> str:
    """Return what a symbol of the alphabet is in IPA; "" for punctuation and signs of stress or tone."""
    if symbol in VOWELS or symbol in CONSONANTS:
        return _IPA.get(symbol, symbol)
    return ""


def from_ipa(phonemes: str, *, english: bool) -> str:
    """Return the alphabet's symbols of phonemes in IPA, whose stress and syllables may be marked.

    Raises `PhonemeError` that names what the alphabet has not.
    """
    text = unicodedata.normalize("NFD", _SEPARATORS.sub("", phonemes)).replace("c\u0327", "ç")
    for written, own in _FROM_IPA:
        text = text.replace(written, own)
    if english:
        text = text.replace("ː", "")
        for written, own in _ENGLISH:
            text = text.replace(written, own)
    unknown = sorted({symbol for symbol in text if symbol not in IDS})
    if unknown:
        names = ", ".join(map(repr, unknown))
        raise PhonemeError(f"the phonemes {phonemes!r} have {names}, which the voice does not know")
    return text
