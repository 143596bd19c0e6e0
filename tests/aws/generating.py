"""Hypothesis strategies for an operation's input and output, made from its model's shapes."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from brume.aws.wire import patterns

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
# Classes of so many characters that to list them, as from_regex does, takes minutes.
_WIDE = re.compile(r"\\[pPux]")
# What a header can carry: printable ASCII without space at its ends.
_HEADER = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=30).filter(
    lambda text: text == text.strip()
)


def parameters(shape: Any, *, output: bool = False) -> st.SearchStrategy[dict[str, Any]]:
    """Return members of a structure that fit it: the required ones always, of the others some."""
    if shape is None:
        return st.just({})
    return _structure(shape, output, 0)


def _structure(shape: Any, output: bool, depth: int) -> st.SearchStrategy[Any]:
    if getattr(shape, "is_document_type", False):
        return JSON.filter(lambda value: value is not None)
    members = {
        name: _member(member, output, depth)
        for name, member in shape.members.items()
        if not member.serialization.get("eventstream")
        and member.serialization.get("location") != "statusCode"
    }
    if getattr(shape, "is_tagged_union", False):
        flat = {
            name: value for name, value in members.items() if depth < 4 or _is_scalar(shape.members[name])
        }
        return st.one_of([st.fixed_dictionaries({name: value}) for name, value in (flat or members).items()])
    # A payload that is absent and one that is empty look the same, too.
    needed = [*shape.required_members, shape.serialization.get("payload")]
    required = {name: members[name] for name in needed if name in members}
    optional = {
        name: value
        for name, value in members.items()
        if name not in required and (depth < 3 or _is_scalar(shape.members[name]))
    }
    return st.fixed_dictionaries(required, optional=optional)


def _is_scalar(shape: Any) -> bool:
    return shape.type_name not in ("structure", "list", "map")


def _member(shape: Any, output: bool, depth: int) -> st.SearchStrategy[Any]:
    where = shape.serialization.get("location")
    made = st.deferred(lambda: _value(shape, output, depth, where))
    if where in ("querystring", "header", "headers"):  # where "empty" and "absent" look the same
        return made.filter(lambda value: value not in ("", [], {}))
    return made


def _value(shape: Any, output: bool, depth: int, where: str | None = None) -> st.SearchStrategy[Any]:
    kind = shape.type_name
    low, high = int(shape.metadata.get("min", 0)), shape.metadata.get("max")
    if kind == "structure":
        return _structure(shape, output, depth + 1)
    if kind in ("list", "map"):
        most = max(low, min(int(high) if high is not None else 2, 2))
        inner = shape.member if kind == "list" else shape.value
        if kind == "list":
            return st.lists(_value(inner, output, depth + 1, where), min_size=low, max_size=most)
        keys = _value(shape.key, output, depth + 1, where)
        if where == "headers":
            keys = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
        return st.dictionaries(keys, _value(inner, output, depth + 1, where), min_size=low, max_size=most)
    if kind == "string":
        return _string(shape, where)
    if kind == "blob":
        return st.binary(min_size=max(low, 1), max_size=max(low, 40))
    if kind == "boolean":
        return st.booleans()
    if kind == "timestamp":
        return st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(
            lambda time: time.replace(microsecond=0)
        )
    if kind in ("float", "double"):
        return st.floats(
            shape.metadata.get("min"), shape.metadata.get("max"), allow_nan=False, allow_infinity=False
        )
    least = shape.metadata.get("min", -(2**31))
    return st.integers(int(least), int(high) if high is not None else 2**31 - 1)


def _string(shape: Any, where: str | None) -> st.SearchStrategy[str]:
    metadata = shape.metadata
    low, high = int(metadata.get("min", 0)), metadata.get("max")
    if metadata.get("enum"):
        return st.sampled_from(metadata["enum"])
    if shape.serialization.get("jsonvalue"):
        return JSON.filter(lambda value: value is not None)
    pattern = metadata.get("pattern")
    fits = patterns.matcher(pattern) if pattern else None
    if pattern and fits:
        if _WIDE.search(pattern):
            made = st.text("abcXYZ019_-é語", min_size=low, max_size=low + 12)
        else:
            made = st.from_regex(re.compile(patterns.translate(pattern), re.ASCII), fullmatch=True)
        made = made.filter(lambda text: low <= len(text) <= (high or 10**6) and fits(text))
    else:
        made = st.text(min_size=low, max_size=min(int(high) if high is not None else low + 20, low + 20))
    if where in ("header", "headers"):
        return (
            _HEADER
            if pattern in (None, ".*")
            else made.filter(lambda text: text.isascii() and text.isprintable())
        )
    if where == "uri":  # these are parts of a path by their own
        return made.filter(lambda text: text.strip("./") != "" and "//" not in text)
    return made
