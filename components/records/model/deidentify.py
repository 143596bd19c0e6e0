"""Texts without what names a person: masked, or with surrogates that stay the same by a secret key.

Names, numbers and addresses get surrogates by a keyed digest of what they are in place of, so that one person
has one name in all notes, and nobody without the key can tell which. All dates of a patient move by one
number of days, so that what lies between them stays. Ages above 89 become 90. What is replaced are the 18
kinds of the HIPAA Privacy Rule, 45 CFR 164.514(b)(2), as far as `nlp.phi` finds them in a text: what it does
not find stays. The length of a text changes; `Deidentified.place` has the new offsets.
"""

from __future__ import annotations

import bisect
import dataclasses
import hmac
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from brume.records.model import surrogate_dates
from brume.records.model.entity import Entity
from brume.records.model.nlp.phi import Personal, frequent_names

_MOST_DAYS = 364  # by which dates move back
_OLDEST = 89  # years: ages above are given as the next one
_STREETS = (
    "Alder Lane",
    "Birch Road",
    "Cedar Street",
    "Elm Avenue",
    "Hazel Way",
    "Linden Street",
    "Oak Lane",
)
_TOWNS = ("Ashford", "Brookfield", "Clearwater", "Eastham", "Fairview", "Lakeside", "Northfield", "Westbury")
_PROFESSIONS = ("clerk", "driver", "gardener", "manager", "painter", "teacher", "technician")

Finder = Callable[[str, Sequence[str]], Iterable[Personal]]


class Mode(StrEnum):
    """What stands in the place of personal data."""

    MASK = "mask"  # its type: [NAME]
    SURROGATE = "surrogate"  # something else of its type


@dataclass(frozen=True)
class Edit:
    """A replacement: its place before, and its place in the new text."""

    begin: int
    end: int
    new_begin: int
    new_end: int


@dataclass(frozen=True)
class Deidentified:
    """A text after its replacements, in the order of their places."""

    text: str
    edits: tuple[Edit, ...] = ()

    def place(self, begin: int, end: int) -> tuple[int, int] | None:
        """Return where a part of the earlier text is now; None for one of which something was replaced."""
        after = bisect.bisect_right(self.edits, begin, key=lambda edit: edit.end)
        if after < len(self.edits) and self.edits[after].begin < end:
            return None
        moved = self.edits[after - 1].new_end - self.edits[after - 1].end if after else 0
        return begin + moved, end + moved

    def entities(self, found: Iterable[Entity]) -> tuple[Entity, ...]:
        """Return entities of the earlier text at their new places, without those that were replaced."""
        made = []
        for one in found:
            place = self.place(one.begin, one.end)
            if place is not None:
                moved = dataclasses.replace(one, begin=place[0], end=place[1])
                made.append(dataclasses.replace(moved, attributes=self.entities(one.attributes)))
        return tuple(made)


class Deidentifier:
    """Takes out of texts what names a person; equal keys give equal surrogates."""

    def __init__(self, key: bytes, find: Finder, mode: Mode = Mode.SURROGATE) -> None:
        """`find(text, names)` returns the personal data of a text, without overlaps, by its place."""
        self._key, self._find, self.mode = key, find, mode

    def text(self, text: str, patient: str, names: Sequence[str] = ()) -> Deidentified:
        """Return a text of a patient's without personal data; `names` are known ones in it."""
        parts, edits = [], []
        at = length = 0
        for one in self._find(text, names):
            new = self._instead(one.type, text[one.begin : one.end], patient)
            parts += [text[at : one.begin], new]
            begin = length + one.begin - at
            length, at = begin + len(new), one.end
            edits.append(Edit(one.begin, one.end, begin, length))
        return Deidentified("".join([*parts, text[at:]]), tuple(edits))

    def days(self, patient: str) -> int:
        """Return by how many days the dates of a patient move: -1 to -364."""
        return -1 - self._number("days", patient) % _MOST_DAYS

    def date(self, value: datetime, patient: str) -> datetime:
        """Return a date of a patient's as it is shown; the first day there is, where it would be before."""
        try:
            return value + timedelta(days=self.days(patient))
        except OverflowError:
            return datetime.min.replace(tzinfo=value.tzinfo)

    def pseudonym(self, kind: str, identity: str) -> str:
        """Return what stands for an id of a kind ("patient", "document"); "" for ""."""
        return self._digest(kind, identity).hex()[:32] if identity else ""

    def _instead(self, kind: str, text: str, patient: str) -> str:
        if self.mode == Mode.MASK:
            return f"[{kind}]"
        match kind:
            case "NAME":
                return re.sub(r"\w+", lambda word: self._name(word[0]), text)
            case "DATE":
                return surrogate_dates.moved(text, self.days(patient)) or "[DATE]"
            case "AGE":
                return re.sub(r"\d+", lambda age: str(min(int(age[0]), _OLDEST + 1)), text)
            case "ID" | "PHONE_OR_FAX":
                return self._like(kind, text)
            case "EMAIL":
                return f"person{self._number(kind, text.lower()) % 10**6}@example.org"
            case "URL":
                return f"https://example.org/{self._number(kind, text) % 10**6}"
            case "ADDRESS":
                return self._address(text)
            case "PROFESSION":
                return _PROFESSIONS[self._number(kind, text.lower()) % len(_PROFESSIONS)]
            case _:
                return f"[{kind}]"

    def _name(self, word: str) -> str:
        """Return another name for a word of a name: a family name for one, a letter for an initial."""
        number = self._number("NAME", word.lower())
        if len(word) == 1:
            return chr(ord("A") + number % 26) if word.isalpha() else word
        given, family = (sorted(names) for names in frequent_names())
        among = given if word.lower() in frequent_names()[0] else family
        chosen = among[number % len(among)]
        if chosen == word.lower():
            chosen = among[(number + 1) % len(among)]
        return chosen.upper() if word.isupper() else chosen.capitalize() if word[:1].isupper() else chosen

    def _like(self, kind: str, text: str) -> str:
        """Return other digits and letters in the form of a number."""
        digest = self._digest(kind, text.lower())
        while len(digest) < len(text):
            digest += self._digest(kind, digest.hex())
        return "".join(_other(one, value) for one, value in zip(text, digest, strict=False))

    def _address(self, text: str) -> str:
        number = self._number("ADDRESS", " ".join(text.lower().split()))
        town = _TOWNS[number % len(_TOWNS)]
        if not any(one.isdigit() for one in text):
            return town
        return f"{1 + number // 8 % 299} {_STREETS[number // 4096 % len(_STREETS)]}, {town}"

    def _number(self, kind: str, text: str) -> int:
        return int.from_bytes(self._digest(kind, text)[:8], "big")

    def _digest(self, kind: str, text: str) -> bytes:
        return hmac.digest(self._key, f"{kind}\n{text}".encode("utf-8", "surrogatepass"), "sha256")


def _other(one: str, value: int) -> str:
    if one.isdigit():
        return str(value % 10)
    if one.isalpha():
        return chr(ord("A" if one.isupper() else "a") + value % 26)
    return one
