"""What SSML's say-as asks for: text that is read as one kind of thing."""

from __future__ import annotations

import re
from types import ModuleType

from brume.narration.model.normal.tokens import pause

KINDS = (
    "characters",
    "spell-out",
    "cardinal",
    "number",
    "ordinal",
    "digits",
    "fraction",
    "unit",
    "date",
    "time",
    "address",
    "telephone",
    "expletive",
)
FORMATS = ("mdy", "dmy", "ymd", "md", "dm", "ym", "my", "d", "m", "y", "yyyymmdd")
_TEXT = re.compile(r"\S(?:.*\S)?", re.DOTALL)
_DURATION = re.compile(r"(?:(\d{1,9})h)?\s*(?:(\d{1,9})['′m])?\s*(?:(\d{1,9}(?:\.\d+)?)[\"″s])?")


def read(text: str, kind: str, form: str, language: ModuleType) -> tuple[int, int, str, str] | None:
    """Return start, end, reading and punctuation of a text that is one thing of a kind.

    None is for text that is not of this kind, and read as any other. Raises `ValueError` for a kind or a
    format that there is not.
    """
    if kind not in KINDS:
        raise ValueError(f"interpret-as {kind!r} is none of {', '.join(KINDS)}")
    if kind == "date" and form and form not in FORMATS:
        raise ValueError(f"format {form!r} is none of {', '.join(FORMATS)}")
    found = _TEXT.search(text)
    if found is None or kind in ("address", "unit"):
        return None
    bare = found[0].rstrip(".,;:!?") or found[0]
    spoken = _spoken(bare, kind, form, language)
    if spoken is None:
        return None
    return found.start(), found.start() + len(bare), spoken, pause(found[0][len(bare) :])


def _spoken(text: str, kind: str, form: str, language: ModuleType) -> str | None:
    plain = re.sub(r"[\s]", "", text)
    if kind in ("characters", "spell-out"):
        return str(language.letters(text))
    if kind == "expletive":
        return str(language.BEEP)
    if kind == "telephone":
        return str(language.telephone(text)) if re.search(r"\d", text) else None
    if kind == "digits":
        return str(language.digits(text)) if re.search(r"\d", text) else None
    if kind in ("cardinal", "number", "ordinal"):
        plain = plain.replace(language.GROUP, "").replace(language.POINT, ".")
        if not re.fullmatch(r"-?(\d{1,30}(\.\d{1,60})?|\.\d{1,60})", plain):
            return None
        if kind == "ordinal" and "." not in plain and plain[0] != "-":
            return str(language.ordinal(int(plain)))
        return ("minus " if language.CODE == "en" else "menos ") * (plain[0] == "-") + str(
            language.decimal(plain.lstrip("-"))
        )
    if kind == "fraction":
        return _fraction(text, language)
    if kind == "time":
        return _time(plain, language)
    return _date(plain, form, language)


def _fraction(text: str, language: ModuleType) -> str | None:
    found = re.fullmatch(r"\s*(?:(\d{1,9})(?:\s*\+\s*|\s+))?(\d{1,9})\s*/\s*(\d{1,9})\s*", text)
    if found is None:
        return None
    words = str(language.fraction(int(found[2]), int(found[3])))
    return f"{language.decimal(found[1])} {language.AND} {words}" if found[1] else words


def _time(text: str, language: ModuleType) -> str | None:
    """Return a duration in minutes and seconds (1'21") or a time of day."""
    if found := re.fullmatch(r"(\d{1,2}):(\d{2})(?::(\d{2}))?([aApP]\.?[mM]\.?)?", text):
        second = int(found[3]) if found[3] else None
        return str(language.time(int(found[1]), int(found[2]), second, found[4] or "", bool(found[4])))
    if text and (found := _DURATION.fullmatch(text)):
        parts = zip(found.groups(), language.DURATIONS, strict=True)
        return " ".join(language.counted(n, *names) for n, names in parts if n)
    return None


def _date(text: str, form: str, language: ModuleType) -> str | None:
    parts = re.findall(r"[\d?]+", text)
    if len(parts) == 1 and (found := re.fullmatch(r"([\d?]{4})([\d?]{2})([\d?]{2})", parts[0])):
        parts, form = list(found.groups()), "ymd"
    form = {"yyyymmdd": "ymd", "": language.DATES if len(parts) == 3 else ""}.get(form, form)
    if len(parts) != len(form):
        return None
    given = {key: None if "?" in part else int(part) for key, part in zip(form, parts, strict=True)}
    the_year, month, day = given.get("y"), given.get("m"), given.get("d")
    if (month is not None and not 1 <= month <= 12) or (day is not None and not 1 <= day <= 31):
        return None
    if the_year is not None and "y" in form and len(parts[form.index("y")]) == 2:
        the_year += 1900 if the_year > 40 else 2000
    return str(language.date(the_year, month, day)) or None
