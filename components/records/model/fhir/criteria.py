"""Values of search criteria, read by the kind of their parameter.

Source: hl7.org/fhir/R4/search.html, 3.1.1.4.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from brume.records.model import references
from brume.records.model.fhir import times
from brume.records.model.fhir.errors import refused
from brume.records.model.fhir.keys import normal
from brume.records.model.fhir.parameters import Kind

MOST = 500  # values of a criterion
_GREATEST = 300  # powers of ten of a number
PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb")
_PREFIXED = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?(.*)", re.DOTALL)
_ESCAPED = re.compile(r"\\([\\,|$])")


@dataclass(frozen=True)
class Value:
    """One value that is looked for, in the form of a `Key`; what its kind does not have is None or "".

    A token without a bar has no `system` (None, any); `|CODE` has "". A number or date is a range, both
    ends included.
    """

    value: str = ""
    system: str | None = None
    prefix: str = "eq"
    low: float = 0
    high: float = 0


def split(text: str, separator: str) -> list[str]:
    r"""Split at a separator that no backslash stands before; the parts keep their backslashes."""
    parts, start, at = [], 0, 0
    while at < len(text):
        if text[at] == "\\":
            at += 2
            continue
        if text[at] == separator:
            parts.append(text[start:at])
            start = at + 1
        at += 1
    return [*parts, text[start:]]


def read_values(kind: Kind, name: str, text: str) -> Iterator[Value]:
    """Iterate the values of a criterion, of which one has to match. Raises `FhirError` (400)."""
    if text.count(",") >= MOST:
        raise refused(400, "too-costly", f"{name}: at most {MOST} values are looked for at once")
    for one in split(text, ","):
        yield _read(kind, name, one)


def _read(kind: Kind, name: str, text: str) -> Value:
    if kind is Kind.DATE:
        prefix, rest = _prefix(name, text)
        try:
            low, high = times.of_text(rest.replace(" ", "+"))  # the plus of a zone, in a form
        except ValueError as error:
            raise refused(400, "value", f"{name}: {error}") from None
        return Value(prefix=prefix, low=low, high=high)
    if kind is Kind.NUMBER:
        return _number(name, text)
    if kind is Kind.QUANTITY:
        number, *unit = split(text, "|")
        found = _number(name, number)
        if not unit or unit == ["", ""]:
            return found
        if len(unit) != 2:
            raise refused(400, "value", f"{name} is NUMBER or NUMBER|SYSTEM|CODE")
        system, code = map(_plain, unit)
        return Value(code, system or None, found.prefix, found.low, found.high)
    if kind is Kind.COMPOSITE:
        return _composite(name, text)
    if kind is Kind.TOKEN:
        parts = split(text, "|")
        if len(parts) > 2:
            raise refused(400, "value", f"{name} is CODE, SYSTEM|CODE, SYSTEM| or |CODE")
        if len(parts) == 2:
            return Value(_plain(parts[1]), _plain(parts[0]))
        return Value(_plain(text))
    plain = _plain(text)
    if kind is Kind.REFERENCE:
        named = references.parse(plain)
        if isinstance(named, references.Literal):
            return Value(named.id, named.type)
        return Value(plain)
    if kind is Kind.STRING:
        return Value(normal(plain), plain)
    return Value(plain)


def _composite(name: str, text: str) -> Value:
    """Read TEXT|SCORE, where the score is the least unless it has a prefix, or TEXT|CODE."""
    first, *rest = split(text.replace("$", "|"), "|")
    if len(rest) != 1 or not first or not rest[0]:
        raise refused(400, "value", f"{name} is TEXT|VALUE")
    words, second = _plain(first), _plain(rest[0])
    if not name.endswith("-score"):
        return Value(normal(words), second)
    found = _number(name, second)
    prefix = found.prefix if second[:1].isalpha() else "ge"
    return Value(normal(words), None, prefix, found.low, found.high)


def _number(name: str, text: str) -> Value:
    prefix, rest = _prefix(name, text)
    try:
        number = Decimal(rest)
        if not number.is_finite() or abs(number.adjusted()) > _GREATEST:
            raise InvalidOperation
    except InvalidOperation:
        raise refused(400, "value", f"{name}: a number is expected, such as 5.4 or gt5.4") from None
    if prefix not in ("eq", "ne"):
        return Value(prefix=prefix, low=float(number), high=float(number))
    # The digits that are given are those that count: 5.4 is 5.35 to 5.45.
    half = Decimal(5).scaleb(int(number.as_tuple().exponent) - 1)
    return Value(prefix=prefix, low=float(number - half), high=float(number + half))


def _prefix(name: str, text: str) -> tuple[str, str]:
    match = _PREFIXED.fullmatch(text)
    prefix = match[1] if match else None
    if prefix == "ap":
        raise refused(400, "not-supported", f"{name}: ap is not done here: give a range with ge and le")
    return prefix or "eq", match[2] if match else text


def _plain(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)
