"""What a resource is found by: one value of one search parameter."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST = 512  # characters of `value` and `system` that are kept, and so of those that are compared


@dataclass(frozen=True)
class Key:
    """A value of a search parameter.

    By the parameter's type: a token has `system` and `value` (the code), a string its normal form as
    `value`, a reference TYPE/ID or a URL as `value`, a date the seconds since 1970 from `low` up to but
    without `high`, a number or quantity its range, a quantity its unit as `system` and `value` too.
    """

    parameter: str
    value: str = ""
    system: str = ""
    low: float | None = None
    high: float | None = None
