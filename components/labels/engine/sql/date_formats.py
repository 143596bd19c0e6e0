"""Date formats of format_datetime and parse_datetime (Joda's), as formats of strftime."""

from __future__ import annotations

import re

from sqlglot import exp

from brume.labels.engine.sql.statement import RefusedError

_PARTS = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']+")
_CODES = {
    "yyyy": "%Y", "YYYY": "%Y", "yy": "%y", "y": "%Y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "M": "%-m",
    "dd": "%d", "d": "%-d", "EEEE": "%A", "EEE": "%a", "E": "%a", "e": "%u", "HH": "%H", "H": "%-H",
    "hh": "%I", "h": "%-I", "mm": "%M", "m": "%-M", "ss": "%S", "s": "%-S", "SSS": "%g", "SSSSSS": "%f",
    "a": "%p", "D": "%-j", "DDD": "%j", "ww": "%V", "xxxx": "%G", "Z": "%z", "ZZ": "%z",
}  # fmt: skip


def strftime_of(form: exp.Expression) -> str:
    """Return the strftime format of a literal. Raises `RefusedError` for what cannot be translated."""
    if not (isinstance(form, exp.Literal) and form.is_string):
        raise RefusedError("the format of format_datetime and parse_datetime must be a text in quotes")
    made = []
    for part in _PARTS.finditer(str(form.this)):
        if part[1] is not None:
            made.append((part[1].replace("''", "'") or "'").replace("%", "%%"))
        elif part[2] is None:
            made.append(part[0].replace("%", "%%"))
        elif part[0] in _CODES:
            made.append(_CODES[part[0]])
        else:
            raise RefusedError(
                f"the part {part[0]} of a date's format is not known here; there are {', '.join(_CODES)}"
            )
    return "".join(made)
