"""The resources of one file of an export, compressed or not, and what is unreadable."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from brume import inflating
from brume.records.model.fhir_types import RESOURCE_TYPES
from brume.records.model.reading import ndjson
from brume.records.model.reading.resources import Deletion, NoResourceError, Read, resources

_NAME = re.compile(r"[^.].*\.(ndjson|jsonl|json)(\.gz)?", re.IGNORECASE | re.DOTALL)
_FIRST_WORD = re.compile(r"[A-Za-z]+")

Item = Read | Deletion | NoResourceError | ndjson.Repair


def holds_resources(name: str) -> bool:
    """Return whether a file's name is one of resources: *.ndjson, *.jsonl, *.json, also with .gz."""
    return _NAME.fullmatch(name.rsplit("/", 1)[-1]) is not None


def read(stream: BinaryIO, name: str) -> Iterator[tuple[int, Item]]:
    """Iterate what a file holds in its order, each with its line; 0 for a compression that is broken
    or stands for too much (`brume.inflating`).

    The stream has `peek`, as a `BufferedReader` has. `name` is the file's: it may state the type of its
    resources, and `.gz` that it is compressed. Memory is bounded by one object.
    """
    expected = _expected(name)
    source = inflating.inflated(stream, inflating.GZIP) if name.lower().endswith(".gz") else stream
    try:
        for item in ndjson.read(source):
            if isinstance(item, ndjson.Repair):
                yield item.line, item
            elif isinstance(item, ndjson.Fault):
                yield item.line, NoResourceError(item.reason, item.remedy)
            else:
                for found in resources(item.value, item.text, expected):
                    yield item.line, found
    except inflating.InflationError as error:
        yield 0, NoResourceError(str(error), error.remedy)


def _expected(name: str) -> str:
    """Return the type of resources that a file's name states (`Patient-0.ndjson`), "" for another name."""
    match = _FIRST_WORD.match(name.rsplit("/", 1)[-1])
    return match[0] if match and match[0] in RESOURCE_TYPES - {"Bundle"} else ""
