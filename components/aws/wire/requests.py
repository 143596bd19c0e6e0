"""The parts of a request that a protocol reads, and what can be wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class RequestError(ValueError):
    """A request that does not fit its shape; the message names every wrong member by its path."""


class BodyError(ValueError):
    """A body that is not in the format that the protocol asks for."""


@dataclass(frozen=True)
class HttpRequest:
    """The parts of an HTTP request that a protocol reads; header names in lower case, query decoded."""

    query: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes
    labels: Mapping[str, str]
