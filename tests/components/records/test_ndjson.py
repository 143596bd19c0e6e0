"""A reader of NDJSON that mends what it can, sets aside the rest by line, and loses nothing else."""

from __future__ import annotations

import io
import json
import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brume.records.model.reading import ndjson
from brume.records.model.reading.ndjson import Fault, Found, Repair

ONE, TWO, THREE = ({"resourceType": "Patient", "id": name} for name in "abc")


def read(data: bytes) -> tuple[list[Any], list[tuple[int, str]], list[int]]:
    """Return the objects, the repairs and the lines that were set aside."""
    items = list(ndjson.read(io.BufferedReader(io.BytesIO(data))))  # type: ignore[arg-type]
    return (
        [item.value for item in items if isinstance(item, Found)],
        [(item.line, item.what) for item in items if isinstance(item, Repair)],
        [item.line for item in items if isinstance(item, Fault)],
    )


def line(value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n"


def spread(value: Any, indent: int = 2) -> bytes:
    return json.dumps(value, indent=indent).encode() + b"\n"


def test_a_line_is_an_object() -> None:
    assert read(line(ONE) + line(TWO)) == ([ONE, TWO], [], [])
    assert read(line(ONE) + line(TWO).rstrip()) == ([ONE, TWO], [], [])  # no line end at the end


def test_empty_lines_are_left_out() -> None:
    """As aehrc/pathling#298 and hapifhir/hapi-fhir-jpaserver-starter#256 have it."""
    assert read(b"\n" + line(ONE) + b" \r\n" + line(TWO)) == (
        [ONE, TWO],
        [(1, "an empty line"), (3, "an empty line")],
        [],
    )


def test_a_byte_order_mark_is_left_out_also_within_a_file() -> None:
    mark = b"\xef\xbb\xbf"
    found, repairs, faults = read(mark + line(ONE) + mark + line(TWO))
    assert (found, faults) == ([ONE, TWO], [])
    assert repairs == [(1, "a byte-order mark"), (2, "a byte-order mark")]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_file_in_utf_16(encoding: str) -> None:
    mark = "" if encoding == "utf-16" else "\ufeff"
    name = {**ONE, "name": "José"}
    text = mark + json.dumps(name, ensure_ascii=False) + "\n" + json.dumps(TWO) + "\n"
    assert read(text.encode(encoding))[0] == [name, TWO]


@pytest.mark.parametrize("indent", [0, 2, 4])
def test_an_object_over_several_lines(indent: int) -> None:
    value = {**TWO, "contained": [{"resourceType": "Organization", "id": "x"}], "text": 'a "}" [{'}
    found, repairs, faults = read(line(ONE) + spread(value, indent) + line(THREE))
    assert (found, faults) == ([ONE, value, THREE], [])
    assert repairs == [(2, "a resource over several lines")]


def test_an_inner_resource_on_one_line_is_no_resource_of_its_own() -> None:
    text = b'{\n  "resourceType": "Patient",\n  "contained": [\n    ' + line(ONE) + b"  ]\n}\n"
    assert read(text)[0] == [{"resourceType": "Patient", "contained": [ONE]}]


def test_line_breaks_within_a_text_are_kept() -> None:
    found, repairs, faults = read(b'{"resourceType": "Patient", "name": "a\nb\tc"}\n' + line(TWO))
    assert (found, faults) == ([{"resourceType": "Patient", "name": "a\nb\tc"}, TWO], [])
    assert (1, "characters within a text that JSON does not allow") in repairs


def test_several_objects_on_a_line() -> None:
    found, repairs, faults = read(line(ONE).strip() + line(TWO).strip() + b" " + line(THREE))
    assert (found, faults) == ([ONE, TWO, THREE], [])
    assert {what for _, what in repairs} == {"several resources on a line"}


def test_very_many_objects_on_a_line() -> None:
    found, _, faults = read(b",".join([line(ONE).strip()] * 5000))
    assert (len(found), faults) == (5000, [])


def test_a_list_in_place_of_lines() -> None:
    for text in (json.dumps([ONE, TWO]).encode(), b"[\n" + line(ONE).strip() + b",\n" + line(TWO) + b"]\n"):
        found, _, faults = read(text)
        assert (found, faults) == ([ONE, TWO], [])


def test_lines_of_a_log_are_set_aside() -> None:
    log = b"2024-08-06 INFO part {1} written\nTraceback (most recent call last):\n"
    assert read(line(ONE) + log + line(TWO)) == ([ONE, TWO], [], [2, 3])


def test_an_object_after_the_words_of_a_log_is_read() -> None:
    found, repairs, faults = read(b"INFO wrote: " + line(ONE) + line(TWO))
    assert (found, repairs, faults) == ([ONE, TWO], [(1, "text before a resource")], [])


@pytest.mark.parametrize("end", [10, 30, -2])
def test_an_object_that_is_cut_off_costs_no_other(end: int) -> None:
    whole = line({**TWO, "name": [{"given": ["a"]}]})
    for after in (line(THREE), spread(THREE)):
        found, _, faults = read(line(ONE) + whole[:end] + b"\n" + after)
        assert (found, faults) == ([ONE, THREE], [2])
    assert read(line(ONE) + whole[:end])[2] == [2]


def test_an_object_over_several_lines_that_is_cut_off_costs_no_other() -> None:
    cut = b"".join(spread({**ONE, "name": [{"given": ["a"]}]}).splitlines(keepends=True)[:-3])
    for after in (line(TWO), spread(TWO)):
        found, _, faults = read(cut + after + line(THREE))
        assert (found, faults) == ([TWO, THREE], [1])


def test_bytes_that_are_no_utf_8_are_read_as_windows_has_them() -> None:
    found, repairs, faults = read('{"resourceType": "Patient", "name": "José – “x”"}\n'.encode("cp1252"))
    assert (found[0]["name"], faults) == ("José – “x”", [])
    assert repairs == [(1, "bytes that are no UTF-8, read as Windows-1252")]


@pytest.mark.parametrize(
    "text",
    [b'"text"', b"12", b"null", b'{"a": NaN}', b'{"a" 1}', b"{]}", b'{"a": 1,}', b"[1, 2]"],
)
def test_what_is_no_object_is_set_aside(text: bytes) -> None:
    found, _, faults = read(line(ONE) + text + b"\n" + line(TWO))
    assert (found, faults) == ([ONE, TWO], [2])


@pytest.mark.parametrize("levels", [101, 400, 100_000])
def test_deep_nesting_is_set_aside(levels: int) -> None:
    """Also what its parser takes: what walks through it by recursion would end the reading of all."""
    deep = b'{"a":' * levels + b"1" + b"}" * levels + b"\n"
    assert read(deep + line(ONE)) == ([ONE], [], [1])


def test_half_a_surrogate_is_mended() -> None:
    found, _, faults = read(b'{"resourceType": "Patient", "name": "\\ud83d!"}\n')
    assert (found[0]["name"], faults) == ("?!", [])


def test_what_is_too_long_is_set_aside_and_nothing_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ndjson, "MOST", 200)
    long = {**ONE, "name": "x" * 300}
    many = {**ONE, "name": ["x" * 50] * 10}
    for text in (line(long), spread(many)):
        found, _, faults = read(line(TWO) + text + line(THREE))
        assert (found, faults) == ([TWO, THREE], [2])


def test_no_reason_has_anything_of_the_text() -> None:
    data = b"secret words\n" + b'{"secret": tru\n' + b'{"resourceType": "secret",]}\n'
    items = list(ndjson.read(io.BufferedReader(io.BytesIO(data))))  # type: ignore[arg-type]
    assert items and "secret" not in "".join(f"{item.reason}" for item in items if isinstance(item, Fault))


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**31), 2**31)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text('ab{}[]"\\', max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
RESOURCES = st.builds(
    lambda number, more: {"resourceType": "Basic", "id": str(number), "x": more}, st.integers(0, 99), VALUES
)
FAULTS = ("line", "spread", "joined", "cut", "log", "empty", "mark")


@given(st.lists(st.tuples(RESOURCES, st.sampled_from(FAULTS)), max_size=8), st.integers())
def test_whatever_is_between_them_every_whole_object_is_found_in_order(
    parts: list[tuple[dict[str, Any], str]], seed: int
) -> None:
    chance = random.Random(seed)
    data, expected, cut = b"", [], 0
    for value, fault in parts:
        text = line(value)
        if fault == "cut":
            data += text[: chance.randrange(2, len(text) - 2)] + b"\n"
            cut += 1
            continue
        data += {"log": b"INFO: part written\n", "empty": b"\n", "mark": b"\xef\xbb\xbf"}.get(fault, b"")
        data += spread(value) if fault == "spread" else text.strip() if fault == "joined" else text
        expected.append(value)
    data += b"\n" if parts and parts[-1][1] == "joined" else b""
    found, _, faults = read(data)
    assert found == expected
    # Lines after an object that is cut off are set aside with it.
    logs = sum(
        fault == "log" and before != "cut" for (_, before), (_, fault) in pairwise([(None, ""), *parts])
    )
    assert len(faults) == cut + logs


@given(st.binary(max_size=400) | st.text('{}[]",:\n \\a1', max_size=200).map(str.encode))
def test_no_bytes_end_the_reading(data: bytes) -> None:
    found, _, faults = read(data + b"\n" + line(ONE))
    assert found[-1:] == [ONE] or faults
