"""What is searched, and by whom: documents with attributes and access, and readers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from brume.records.model.entity import Entity

Value = str | tuple[str, ...] | int | datetime  # of an attribute; dates have a time zone


@dataclass(frozen=True)
class Principal:
    """A user or a group; `source` is the data source that its name is of, "" the index."""

    name: str
    group: bool = False
    source: str = ""


@dataclass(frozen=True)
class Grant:
    """One entry of an access list: a principal is let in, or kept out whatever else lets it in."""

    principal: Principal
    allow: bool = True


# Lists of access from the outermost folder to the document: a reader needs to be let in by each of them.
Access = tuple[tuple[Grant, ...], ...]


@dataclass(frozen=True)
class Document:
    """A text that can be found. `access` () lets everyone in; `patient` is whose record it is.

    `entities` have their offsets in `text`, in code points.
    """

    id: str
    text: str
    title: str = ""
    attributes: Mapping[str, Value] = field(default_factory=dict)
    access: Access = ()
    patient: str = ""
    entities: tuple[Entity, ...] = ()


@dataclass(frozen=True)
class Reader:
    """On whose behalf a search is made; `patients` limits it to theirs (None: does not).

    With `any_list` lists of access keep nothing back, as in an emergency.
    """

    principals: frozenset[Principal] = frozenset()
    patients: frozenset[str] | None = None
    any_list: bool = False

    def may_read(self, access: Access, patient: str) -> bool:
        """Return whether a document of this access and patient exists for the reader."""
        if self.patients is not None and patient not in self.patients:
            return False
        return self.any_list or all(self._let_in(level) for level in access)

    def _let_in(self, level: tuple[Grant, ...]) -> bool:
        mine = [grant for grant in level if grant.principal in self.principals]
        if any(not grant.allow for grant in mine):
            return False
        # A list that only keeps some out lets all others in.
        return bool(mine) or not any(grant.allow for grant in level)


EVERYTHING = Reader(any_list=True)
"""The reader for whom nothing is hidden."""
