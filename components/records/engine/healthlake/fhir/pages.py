"""Pages of bundles: positions within an order, and the links that go on from there.

A token continues its own search, with another `_count` too (`brume.aws.engine.paging`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import ColumnElement, and_, false, or_

from brume.aws.engine.paging import Pager
from brume.aws.engine.service import ServiceError
from brume.records.engine.healthlake.fhir.access import Access
from brume.records.model.fhir.errors import refused
from brume.records.model.fhir.query import PAGE

Pairs = Sequence[tuple[str, str]]


class Page:
    """The page of a listing that a request asks for; `path` and `given` are what a token is bound to."""

    def __init__(self, access: Access, path: str, given: Pairs, count: int, token: str) -> None:
        """Raises `FhirError` (400) for a token of another listing."""
        self._access, self._path = access, path
        self._given = [(name, value) for name, value in given if name not in (PAGE, "_count")]
        bound = {"path": access.datastore + "/" + path, "given": self._given, "_count": count}
        call = replace(access.call, operation="page")  # a bundle's entry may begin what a GET goes on with
        try:
            self._pager = Pager(
                {**bound, PAGE: token}, call, size_member="_count", token_member=PAGE, default=count
            )
        except ServiceError as error:
            raise refused(400, "value", error.message) from None
        self.count, self._token = count, token

    def after(self, width: int) -> list[Any] | None:
        """Return the values of the last item of the page before, None on the first page."""
        return self._pager.position(width) if self._pager.after else None

    def links(self, last: Sequence[Any] | None) -> list[dict[str, str]]:
        """Return the links of the bundle; `last` has the values of its last item where more follow."""
        given = [*self._given, ("_count", str(self.count))]
        own = [*given, (PAGE, self._token)] if self._token else given
        found = [{"relation": "self", "url": self._url(own)}]
        if last is not None:
            token = self._pager.token(json.dumps(list(last)))
            found.append({"relation": "next", "url": self._url([*given, (PAGE, token)])})
        return found

    def _url(self, given: Pairs) -> str:
        return f"{self._access.base}{self._path}?{urlencode(list(given))}"


def beyond(
    columns: Sequence[ColumnElement[Any]], descending: Sequence[bool], after: Sequence[Any]
) -> ColumnElement[bool]:
    """Return the condition of what comes after a position in an order of several directions."""
    found: ColumnElement[bool] = false()
    for place, column in enumerate(columns):
        same = [one == value for one, value in zip(columns[:place], after, strict=False)]
        more = column < after[place] if descending[place] else column > after[place]
        found = or_(found, and_(*same, more))
    return found
