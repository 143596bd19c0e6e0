"""Pages of a listing: opaque tokens that only continue the listing that gave them.

A token holds the position after which the next page starts, and an HMAC over it, the operation, the account
and the request's filters, by a secret of the engine's state: a token that was made up, edited, or is used
with other filters is refused. Nothing in it is secret: its listing is made for the caller anew.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from brume.aws.engine.service import Call, ServiceError

_T = TypeVar("_T")
_DIGITS = 19  # fewer than a database's whole number has
_DIGEST = 18  # bytes; a multiple of three keeps the token short of padding


class Pager:
    """One request for a page: `size` items after position `after` ("" for the first page)."""

    def __init__(
        self,
        request: Mapping[str, Any],
        call: Call,
        *,
        size_member: str = "MaxResults",
        token_member: str = "NextToken",  # noqa: S107 - the name of a member
        default: int = 100,
        error: str = "ValidationException",
    ) -> None:
        """Read the token of `request`; raises `ServiceError` (code `error`) for one of another listing."""
        self._error, self._member = error, token_member
        self._secret = call.page_secret
        self.size = int(request.get(size_member) or default)
        filters = {name: value for name, value in request.items() if name not in (size_member, token_member)}
        self._bound = json.dumps(
            [call.account, call.service, call.operation, filters], sort_keys=True, default=str
        )
        self.after = ""
        token = request.get(token_member)
        if token:
            try:
                raw = base64.b64decode(token, validate=True)
                self.after = raw[_DIGEST:].decode()
            except (binascii.Error, ValueError):
                raw = b""
            if not hmac.compare_digest(raw[:_DIGEST], self._digest(self.after)):
                raise self._refused()

    def _refused(self) -> ServiceError:
        return ServiceError(
            self._error,
            f"{self._member} is not a token that this listing gave: leave it out to start again, and "
            "keep the other members as they were while you follow the pages",
        )

    def number(self, most: int) -> int:
        """Return `after` as a whole number up to `most`, 0 for the first page; a token can be made up."""
        if not self.after:
            return 0
        if not (self.after.isascii() and self.after.isdecimal() and len(self.after) < _DIGITS):
            raise self._refused()
        return min(int(self.after), most)

    def position(self, count: int) -> list[Any]:
        """Return `after` as the list of the `count` values that `listing.list_rows` put there."""
        try:
            found = json.loads(self.after)
        except ValueError:
            found = None
        if not isinstance(found, list) or len(found) != count:
            raise self._refused()
        return found

    def _digest(self, after: str) -> bytes:
        return hmac.digest(self._secret, f"{self._bound}\n{after}".encode(), "sha256")[:_DIGEST]

    def token(self, after: str) -> str:
        """Return the token of the page that starts after position `after` (an item's key, not empty)."""
        return base64.b64encode(self._digest(after) + after.encode()).decode()


def page(
    items: Sequence[_T],
    request: Mapping[str, Any],
    call: Call,
    *,
    key: Callable[[_T], str],
    size_member: str = "MaxResults",
    token_member: str = "NextToken",  # noqa: S107 - the name of a member
    default: int = 100,
) -> tuple[list[_T], str | None]:
    """Return one page of `items`, which are sorted by `key`, and the token of the next page, if there is one.

    The next page starts after the last item's key, so that items added or removed meanwhile neither repeat
    nor hide others. Raises `ServiceError` (ValidationException) for a token of another listing.
    """
    pager = Pager(request, call, size_member=size_member, token_member=token_member, default=default)
    left = [item for item in items if key(item) > pager.after] if pager.after else list(items)
    chosen = left[: pager.size]
    return chosen, pager.token(key(chosen[-1])) if len(left) > len(chosen) else None
