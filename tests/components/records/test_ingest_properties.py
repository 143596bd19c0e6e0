"""Whatever an export holds and however it changes, the lake is as if it had been read for the first time."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from brume.records.model import ingest
from brume.records.model.lake import Lake
from brume.records.model.notes import making
from brume.records.model.reading.resources import Deletion, NoResourceError, Read, resources
from tests.components.records.exports import attached, content, document, patient, write

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("aP/ #", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "resourceType",
                    "id",
                    "meta",
                    "entry",
                    "resource",
                    "request",
                    "url",
                    "method",
                    "identifier",
                    "system",
                    "value",
                    "versionId",
                    "lastUpdated",
                    "content",
                    "attachment",
                    "data",
                    "fullUrl",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
TYPES = st.sampled_from(
    ["Patient", "patient", "Bundle", "DocumentReference", "DiagnosticReport", "Nothing", None, 7]
)


@given(
    st.dictionaries(st.sampled_from(["id", "meta", "entry", "identifier", "content", "timestamp"]), JSON),
    TYPES,
)
def test_any_object_is_read_or_set_aside(value: dict[str, Any], kind: Any) -> None:
    value = orjson.loads(json.dumps({**value, "resourceType": kind}))
    for found in resources(value, json.dumps(value), "Patient"):
        assert isinstance(found, Read | Deletion | NoResourceError)
        if isinstance(found, Read):
            again = next(resources(orjson.loads(found.text), found.text, "Patient"))
            assert isinstance(again, Read)
            assert (again.type, again.id, again.version) == (found.type, found.id, found.version)


LINES = st.lists(
    st.sampled_from(
        [
            json.dumps(patient("p")),
            json.dumps(patient("p", meta={"lastUpdated": "2024-01-01T00:00:00Z"}, active=True)),
            json.dumps(document("a", "one")),
            json.dumps(document("a", "two")),
            json.dumps(attached("b", {"contentType": "text/plain", "url": "texts/x.txt"})),
            json.dumps(attached("c", {"contentType": "text/plain", "url": "Binary/x"})),
            json.dumps({"resourceType": "Binary", "id": "x", "data": "YQ=="}),
            json.dumps(
                {"resourceType": "Bundle", "entry": [{"request": {"method": "DELETE", "url": "Patient/p"}}]}
            ),
            "a line of a log",
            "",
        ]
    ),
    max_size=4,
)
NAMES = ("Patient-0.ndjson", "DocumentReference-0.ndjson", "sub/all.json", "texts/x.txt")
STATES = st.lists(st.dictionaries(st.sampled_from(NAMES), LINES, min_size=1), min_size=2, max_size=3)


@given(STATES)
@settings(max_examples=6)
def test_a_lake_that_followed_changes_is_one_that_was_read_at_once(
    states: list[dict[str, list[str]]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "export"
        lakes = Lake(f"{folder}/followed"), Lake(f"{folder}/clean")
        for state in states:
            for name in NAMES:
                (source / name).unlink(missing_ok=True)
            write(
                source,
                {"keep.ndjson": [patient("kept")]}
                | {name: "\n".join(lines) for name, lines in state.items()},
            )
            ingest.run(str(source), lakes[0], processes=1)
            making.make(lakes[0])
        ingest.run(str(source), lakes[1], processes=1)
        making.make(lakes[1])
        assert content(lakes[0]) == content(lakes[1])
