"""Listings: one page of rows or items as the output of a List operation.

The names of the members (MaxResults, NextToken, and the list itself) and the size of a page come from the
service's paginators and model. Page tokens are those of `paging.Pager`.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, Select, tuple_

from brume.aws.client import service_model, session_with_models
from brume.aws.engine.paging import Pager
from brume.aws.engine.service import Call
from brume.aws.wire.responses import validation_code

SIZE = 100  # items of a page, where the model does not limit it

_T = TypeVar("_T")


@dataclass(frozen=True)
class Names:
    """The members by which an operation is paged; `result` is the list in the output ("" if nested)."""

    size: str
    token: str
    next_token: str
    result: str
    most: int


@functools.cache
def names(service: str, operation: str) -> Names:
    """Return the paging members of an operation. Raises `LookupError` for one that has no pages."""
    loader = session_with_models().get_component("data_loader")
    model = service_model(service).operation_model(operation)
    known = loader.load_service_model(service, "paginators-1")["pagination"].get(operation)
    known = known or _unlisted(model)
    size = str(known.get("limit_key", ""))
    members = model.input_shape.members
    limit = members[size].metadata.get("max", SIZE) if size in members else SIZE
    result = known["result_key"]
    first = str(result[0] if isinstance(result, list) else result)
    return Names(size, known["input_token"], known["output_token"], "" if "." in first else first, int(limit))


def _unlisted(model: Any) -> dict[str, str]:
    """Return the paging members of an operation without a paginator, by their names and types."""
    inputs = model.input_shape.members if model.input_shape else {}
    outputs = model.output_shape.members if model.output_shape else {}
    lists = [name for name, shape in outputs.items() if shape.type_name == "list"]
    sizes = [name for name in inputs if name.lower() in ("maxresults", "pagesize")]
    tokens = [name for name in inputs if name.lower() == "nexttoken" and name in outputs]
    if not tokens or not sizes or len(lists) != 1:
        raise LookupError(f"{model.service_model.service_name} does not page {model.name}")
    return {
        "limit_key": sizes[0],
        "input_token": tokens[0],
        "output_token": tokens[0],
        "result_key": lists[0],
    }


def pager(request: Mapping[str, Any], call: Call, *, default: int = 0) -> Pager:
    """Return the page that a request asks for; `default` items where it gives no number (0: the most).

    Raises the service's validation error for a token that this listing did not give.
    """
    known = names(call.service, call.operation)
    operation = service_model(call.service).operation_model(call.operation)
    return Pager(
        request,
        call,
        size_member=known.size,
        token_member=known.token,
        default=default or min(known.most, 1000),
        error=validation_code(operation),
    )


def list_rows(
    db: Connection,
    request: Mapping[str, Any],
    call: Call,
    statement: Select[Any],
    order: ColumnElement[Any] | Sequence[ColumnElement[Any]],
    describe: Callable[[Row[Any]], Any],
    *,
    newest_first: bool = False,
    default: int = 0,
) -> dict[str, Any]:
    """Return a page of the rows that `statement` selects, as the operation's output.

    `order` is one column or several that together are unique in the listing, and are among those selected;
    rows come in their order, or backwards with `newest_first`. Each row appears as `describe(row)`.
    """
    columns = list(order) if isinstance(order, Sequence) else [order]
    page = pager(request, call, default=default)
    if page.after:
        after = page.position(len(columns))
        position = tuple_(*columns)
        statement = statement.where(position < tuple_(*after) if newest_first else position > tuple_(*after))
    directed = [column.desc() if newest_first else column.asc() for column in columns]
    rows = db.execute(statement.order_by(*directed).limit(page.size + 1)).all()
    shown = rows[: page.size]
    following = None
    if len(rows) > len(shown):
        following = page.token(json.dumps([getattr(shown[-1], str(column.key)) for column in columns]))
    return _output(call, [describe(row) for row in shown], following)


def list_items(
    items: Sequence[_T],
    request: Mapping[str, Any],
    call: Call,
    *,
    key: Callable[[_T], str],
    describe: Callable[[_T], Any],
    default: int = 0,
) -> dict[str, Any]:
    """Return a page of `items`, which are sorted by the unique `key`, as the operation's output."""
    page = pager(request, call, default=default)
    left = [item for item in items if key(item) > page.after] if page.after else list(items)
    shown = left[: page.size]
    following = page.token(key(shown[-1])) if len(left) > len(shown) else None
    return _output(call, [describe(item) for item in shown], following)


def _output(call: Call, found: list[Any], following: str | None) -> dict[str, Any]:
    known = names(call.service, call.operation)
    if not known.result:
        raise LookupError(f"the list of {call.operation} lies deeper in its output: use `pager`")
    return {known.result: found, known.next_token: following}
