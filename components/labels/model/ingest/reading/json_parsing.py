"""Parse JSON: strictly first, then with deviations that do not change the meaning."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import orjson

from brume.labels.model.ingest.reading.notes import Notes

_DEEPEST = 500
_BETWEEN = re.compile(r"[\s,]*")


class DocumentError(ValueError):
    """Bytes that are no JSON; the message gives the place, `line` its line, `remedy` what to do."""

    def __init__(self, reason: str, remedy: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.remedy, self.line = remedy, line


def parse(data: bytes, notes: Notes, line: int | None = None) -> Any:
    """Read one JSON value; `line` is that of a file of many, whose lines are not counted here.

    NaN and infinities, which JSON does not have, are read as null, and half surrogates as U+FFFD, both noted.
    Raises `DocumentError`.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        strict, where = f"{error.msg} in column {error.colno}", error.lineno
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentError(
            f"byte {error.start} is no UTF-8 ({error.reason})",
            "write the file as UTF-8",
            data.count(b"\n", 0, error.start) + 1,
        ) from error
    try:
        value = _clean(json.loads(text), _DEEPEST)
    except (ValueError, RecursionError) as error:
        if not text.strip():
            raise DocumentError("the file is empty", "write it again, or remove it") from error
        cut = "; the file ends in the middle" if _is_cut(error, text) else ""
        reason, remedy = f"it is not JSON: {strict}{cut}", "copy the file again from the job"
        raise DocumentError(reason, remedy, where) from error
    remedy = "read all the same: what JSON has not is null"
    notes.reject("", f"it is not strict JSON: {strict}", remedy, line or where)
    return value


def lines_of(data: bytes, key: str, value: Any) -> list[int]:
    """Return the line on which `value`, under an object's first key, begins, then that of each element.

    Empty where they are not known: `key` is not the first one, or there are many lines and no strict JSON.
    """
    if b"\n" not in data.strip():  # as Ground Truth writes it; nothing is parsed a second time
        return [1] * (1 + (len(value) if isinstance(value, list) else 0))
    text = data.decode("utf-8-sig", "replace")
    opened = re.match(rf'\s*{{\s*"{re.escape(key)}"\s*:\s*\[\s*', text)
    if opened is None:
        return []
    lines = [text.count("\n", 0, len(opened[0].rstrip())) + 1]
    decoder, place, seen = json.JSONDecoder(), opened.end(), 0
    line = 1
    try:
        while text[place : place + 1] not in ("]", ""):
            line, seen = line + text.count("\n", seen, place), place
            lines.append(line)
            _, end = decoder.raw_decode(text, place)
            place = _BETWEEN.match(text, end).end()  # type: ignore[union-attr]  # it matches nothing, too
    except (ValueError, RecursionError):
        return []
    return lines


def _is_cut(error: Exception, text: str) -> bool:
    return isinstance(error, json.JSONDecodeError) and (
        error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated")
    )


def _clean(value: Any, depth: int) -> Any:
    if depth == 0:
        raise RecursionError
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**63:
        return float(value) if abs(value) < 2**1000 else None
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode() if _has_surrogate(value) else value
    if isinstance(value, list):
        return [_clean(one, depth - 1) for one in value]
    if isinstance(value, dict):
        return {_clean(key, depth - 1): _clean(one, depth - 1) for key, one in value.items()}
    return value


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in text)
