"""What a resource is found by: one value of one search parameter."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST = 512  # characters of `value` and `system` that are kept, and so of those that are compared


@dataclass(frozen=True)
class Key:
    """A value of a search parameter; what its kind does not have is "" or None.

    token      system, value         (code, identifier, boolean, contact)
    reference  system, value         type and id; a reference of another form: "" and its text
    date       low, high             milliseconds since 1970, both ends included
    string     value, system         without case and accents; as it stands
    uri        value
    number     low
    quantity   low, system, value    system and code of the unit; a unit in words has no system
    composite  value, low or system  a text, and a score or a code

    A reference by identifier is a token of the parameter NAME:identifier.
    """

    parameter: str
    value: str = ""
    system: str = ""
    low: float | None = None
    high: float | None = None
