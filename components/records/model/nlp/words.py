"""Words of a text with their places, and the form in which they are compared."""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import NamedTuple

_WORD = re.compile(r"\d+(?:[.,]\d+)+|\w+(?:['’]\w+)*|[^\w\s]")
_PARENTHESES = re.compile(r"\([^()]*\)")
STOP = frozenset(
    "a an and any as at both by due during following for from in into is its nos of on or other part "
    "specified the these this those to type types unspecified various with".split()
)
"""Words that make no difference to what a term names."""
# Words of one meaning: anatomy's adjectives and nouns, abbreviations, names of cancers.
_SAME = {
    "renal": "kidney", "nephric": "kidney", "cardiac": "heart", "hepatic": "liver", "pulmonary": "lung",
    "gastric": "stomach", "cerebral": "brain", "ovarian": "ovary", "prostatic": "prostate",
    "pancreatic": "pancreas", "colonic": "colon", "cutaneous": "skin", "esophageal": "esophagus",
    "thyroidal": "thyroid", "mammary": "breast", "vesical": "bladder", "cervical": "cervix",
    "uterine": "uterus", "testicular": "testis", "splenic": "spleen", "biliary": "bile",
    "carcinoma": "cancer", "adenocarcinoma": "cancer", "malignancy": "cancer", "ca": "cancer",
    "tumour": "tumor", "fx": "fracture", "infarct": "infarction", "bilat": "bilateral",
    "inflamed": "inflammation", "enlarged": "enlargement", "ulceration": "ulcer", "calculu": "stone",
    "calculi": "stone", "lithiasi": "stone", "disorder": "disease", "thromboses": "thrombosi",
    "syndrome": "syndrome", "diabetic": "diabete", "depressive": "depression", "anxious": "anxiety",
    "hypertensive": "hypertension", "anemic": "anemia", "febrile": "fever", "pyrexia": "fever",
    "arthritic": "arthriti", "dysfunctional": "dysfunction", "insufficient": "insufficiency",
    "obese": "obesity", "asthmatic": "asthma", "epileptic": "epilepsy", "septic": "sepsi",
    "dyspneic": "dyspnea", "nauseated": "nausea", "nauseou": "nausea", "vertebrae": "vertebra",
    "dehydrated": "dehydration", "constipated": "constipation", "fatigued": "fatigue",
    "jaundiced": "jaundice", "cirrhotic": "cirrhosi", "stenotic": "stenosi", "edematou": "edema",
    "ischemic": "ischemia", "hypoxic": "hypoxia", "hypoxemic": "hypoxemia", "hypotensive": "hypotension",
    "bronchial": "bronchu", "aortic": "aorta", "neck": "neck", "mitral": "mitral",
}  # fmt: skip


class Word(NamedTuple):
    """A word or a sign: its place in code points, and its compared form ("" for a sign)."""

    begin: int
    end: int
    form: str


def words(text: str, begin: int = 0, end: int | None = None) -> list[Word]:
    """Return the words and signs of a part of a text, in their order."""
    found = _WORD.finditer(text, begin, len(text) if end is None else end)
    return [Word(match.start(), match.end(), form(match[0])) for match in found]


@functools.lru_cache(1 << 16)
def form(word: str) -> str:
    """Return the compared form of a word: lower case, no accents, singular, American spelling; "" for a sign."""
    if not (word[0].isalnum() or word[0] == "_"):
        return ""
    plain = word.lower()
    if not plain.isascii():
        plain = "".join(
            char for char in unicodedata.normalize("NFD", plain.replace("’", "'")) if not unicodedata.combining(char)
        )
    plain = plain.removesuffix("'s").replace("'", "")
    if plain in ("has", "is", "was", "his", "this", "its", "pus", "as", "gas", "us"):
        return plain
    if len(plain) > 5:
        plain = plain.replace("ae", "e").replace("oe", "e")
    if len(plain) > 4 and plain.endswith("ies"):
        plain = plain[:-3] + "y"
    elif len(plain) > 3 and plain.endswith("s") and not plain.endswith("ss"):
        plain = plain[:-1]
    return _SAME.get(plain, plain)


def key(text: str) -> tuple[str, ...]:
    """Return the words that make a term what it is, sorted: equal for terms that differ in order alone."""
    return tuple(sorted({word.form for word in words(text) if word.form and word.form not in STOP}))


def without_parentheses(text: str) -> str:
    """Return a term without what stands in parentheses, which may be absent from it in a text."""
    while (shorter := _PARENTHESES.sub(" ", text)) != text:
        text = shorter
    return " ".join(text.split())
