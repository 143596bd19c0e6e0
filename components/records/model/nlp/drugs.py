"""Drugs in a sentence: by a dictionary, also misspelt, with dose, form, route, frequency and duration.

The dictionary is a file of the package drug-named-entity-recognition (MIT): pickled Python values, of which
only plain ones are read, and which are kept as Parquet.
"""

from __future__ import annotations

import bz2
import functools
import pickle
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, NoReturn

import pyarrow as pa
import pyarrow.parquet as pq
from rapidfuzz import process
from rapidfuzz.distance import OSA

from brume import storage, weights
from brume.records.model.nlp.words import Word, form
from brume.weights.folders import cache

NAME = "drug-names-2.0.9"
_FORMAT = 2  # changes with the rows that are made of the same file
_SCHEMA = pa.schema([("name", pa.string()), ("drug", pa.string()), ("brand", pa.bool_())])
_WORDS = 4  # of a name that is looked for
_PLAIN = re.compile(r"[a-z][a-z' -]{2,}")


@dataclass(frozen=True)
class Attribute:
    """What is stated of a drug: Comprehend Medical's type, and its place."""

    type: str
    begin: int
    end: int


@dataclass(frozen=True)
class DrugMention:
    """A drug in a text; `name` is the dictionary's for it, `score` less than 1 for a misspelt one."""

    begin: int
    end: int
    name: str
    brand: bool
    score: float
    attributes: tuple[Attribute, ...] = ()


class Drugs:
    """A dictionary of drugs: names in lower case to (drug, whether it is a brand)."""

    def __init__(self, names: Mapping[str, tuple[str, bool]], words: frozenset[str]) -> None:
        """`words` are known words, none of which is taken for a misspelt name."""
        self._names, self._words = dict(names), words
        self.words = frozenset(form(word) for name in names for word in name.split() if word)
        self._first = {name.split()[0] for name in names}
        self._single = [name for name in names if " " not in name and len(name) >= 6 and name.isalpha()]
        self._nearest = functools.lru_cache(1 << 14)(self._near)

    @classmethod
    def of(cls, made: pa.Table, words: frozenset[str]) -> Drugs:
        """Return the drugs of a table (`table`) and of this project's own list."""
        own = _own()
        rows = zip(*(made[name].to_pylist() for name in ("name", "drug", "brand")), strict=True)
        names = {name: (drug, brand) for name, drug, brand in rows}
        for drug, others in own["names"].items():
            names[drug] = (drug, False)
            names |= dict.fromkeys(others, (drug, True))
        for name in own["not_drugs"]["words"]:
            names.pop(name, None)
        return cls(names, words)

    def find(self, sentence: Sequence[Word], text: str, end: int) -> list[DrugMention]:
        """Return the drugs of a sentence that ends at `end`, each with what is stated of it."""
        found = list(self._found(sentence, text, end))
        nexts = [*(mention.begin for mention in found[1:]), end][: len(found)]
        return [
            DrugMention(
                each.begin, each.end, each.name, each.brand, each.score, _attributes(text, each, following)
            )
            for each, following in zip(found, nexts, strict=True)
        ]

    def _found(self, sentence: Sequence[Word], text: str, end: int) -> Iterator[DrugMention]:
        place = 0
        while place < len(sentence):
            word = sentence[place]
            lower = text[word.begin : word.end].lower()
            step = 1
            if lower in self._first or (place + 2 < len(sentence) and not sentence[place + 1].form):
                for last in range(min(place + _WORDS, len(sentence)) - 1, place - 1, -1):
                    name = " ".join(text[word.begin : sentence[last].end].lower().split())
                    if name in self._names:
                        drug, brand = self._names[name]
                        yield DrugMention(word.begin, sentence[last].end, drug, brand, 0.99)
                        step = last - place + 1
                        break
            if step == 1 and len(lower) >= 6 and lower.isalpha() and word.form not in self._words:
                near = lower not in self._names and self._nearest(lower)
                if near and _believed(text, word.begin, word.end, end):
                    drug, brand = self._names[near]
                    yield DrugMention(word.begin, word.end, drug, brand, 0.75)
            place += step

    def _near(self, word: str) -> str:
        most = 1 if len(word) < 8 else 2
        names = [name for name in self._single if name[0] == word[0]]
        best = process.extractOne(word, names, scorer=OSA.distance, score_cutoff=most)
        return str(best[0]) if best else ""


def _believed(text: str, begin: int, end: int, last: int) -> bool:
    """Return whether what is beside a word makes it a drug's name."""
    after = text[end : min(last, end + 30)]
    near_after, near_before, _ = _patterns()
    return bool(near_after.search(after)) or bool(near_before.search(text, max(0, begin - 40), begin))


def _attributes(text: str, mention: DrugMention, following: int) -> tuple[Attribute, ...]:
    found: list[Attribute] = []
    begin = mention.begin
    head = re.search(
        r"\b\d+(?:\.\d+)?\s?(?:mg|mcg|g|ml|units?)\s(?:of\s)?$", text[max(0, begin - 16) : begin], re.I
    )
    if head:
        offset = max(0, begin - 16)
        amount = head[0].rstrip().removesuffix(" of")
        found.append(Attribute("STRENGTH", offset + head.start(), offset + head.start() + len(amount)))
    for kind, pattern in _patterns()[2]:
        for match in pattern.finditer(text, mention.end, min(following, mention.end + 160)):
            if not any(one.begin < match.end() and match.start() < one.end for one in found):
                found.append(Attribute(kind, match.start(), match.end()))
                break
    return tuple(sorted(found, key=lambda one: one.begin))


class _Plain(pickle.Unpickler):
    """Reads plain Python values alone: a pickle that names any class or function is refused."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"it names {module}.{name}")


def read(path: Path) -> dict[str, Any]:
    """Return the dictionary of a file. Raises `WeightsError` for any but plain values."""
    try:
        with bz2.open(path) as stream:
            found = _Plain(stream).load()
    except (pickle.UnpicklingError, OSError, EOFError) as error:
        raise weights.WeightsError(f"{path} is no dictionary of drugs: {error}") from error
    if not isinstance(found, dict):
        raise weights.WeightsError(f"{path} is no dictionary of drugs")
    return found


def build(path: Path) -> pa.Table:
    """Return the table of names: those of drugs that MedlinePlus or the NHS describe."""
    listed = read(path)
    about, variants = listed["drug_canonical_to_data"], listed["drug_variant_to_variant_data"]
    used = {name for name, data in about.items() if "medline_plus_id" in data or "nhs_url" in data}
    rows = []
    for name, drugs in listed["drug_variant_to_canonical"].items():
        drug = next((drug for drug in drugs if drug in used), None)
        if drug is not None and _PLAIN.fullmatch(name) and len(name.split()) <= _WORDS:
            rows.append(
                {"name": name, "drug": drug, "brand": bool((variants.get(name) or {}).get("is_brand"))}
            )
    return pa.Table.from_pylist(rows, _SCHEMA)


def table(folder: Path | None = None) -> pa.Table:
    """Return the names, made once of the file and kept in the user's cache. Raises `WeightsError`."""
    place = folder or cache()
    path = place / f"{NAME}-{weights.digest(NAME)[:12]}-{_FORMAT}.parquet"
    if not path.is_file():
        place.mkdir(parents=True, exist_ok=True)
        made = build(weights.find(NAME) / "drug_ner_dictionary.pkl.bz2")
        with storage.replacing(path) as partial:
            pq.write_table(made, partial)
    return pq.read_table(path)


@functools.cache
def _own() -> dict[str, Any]:
    return tomllib.loads((files(__package__) / "drugs.toml").read_text(encoding="utf-8"))


@functools.cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str], tuple[tuple[str, re.Pattern[str]], ...]]:
    """Return what is beside a misspelt drug, after it and before it, and the patterns of what is stated."""
    listed = _own()
    attributes = ((kind, re.compile(regex, re.IGNORECASE)) for kind, regex in listed["attributes"].items())
    beside = listed["beside"]
    return re.compile(beside["after"], re.I), re.compile(beside["before"], re.I), tuple(attributes)
