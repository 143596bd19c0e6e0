"""The scope of a request: which patients' records it may see. Every answer is filtered by it.

`Scope.sees` is the one rule: search, facets, counts, suggestions, SPARQL, FHIR and pages ask it, or put
`Scope.patients` into their conditions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from brume.aws.engine.service import Call, ServiceError
from brume.records.engine.access.rights import ANONYMOUS
from brume.records.model.rights import Rights, Role

if TYPE_CHECKING:
    from brume.records.engine.access.emergency import Emergencies


@dataclass(frozen=True)
class Scope:
    """What one request may see. `patients` None is all records, those of no known patient among them.

    `deidentified` records are shown without what names a person. `name` is the access key, for the audit;
    `emergency` the id of the emergency access that opened the records, "" for none.
    """

    role: Role
    patients: frozenset[str] | None
    deidentified: bool
    name: str
    emergency: str = ""

    def sees(self, patient: str) -> bool:
        """Return whether the records of a patient exist for this request; "" are those of none."""
        return self.patients is None or (bool(patient) and patient in self.patients)

    @property
    def sees_all(self) -> bool:
        """Whether nothing is hidden or changed: neither patients nor what names them."""
        return self.patients is None and not self.deidentified

    @property
    def changes(self) -> bool:
        """Whether it may change records, indexes and the graph."""
        return self.role == Role.FULL

    @property
    def administers(self) -> bool:
        """Whether it may load, reset, see jobs and read the audit."""
        return self.role in (Role.FULL, Role.STEWARD)


class Scopes:
    """The scopes of requests, by the file of rights and emergency accesses that are open."""

    def __init__(self, rights: Mapping[str, Rights] | None, emergencies: Emergencies | None = None) -> None:
        """`rights` are by access key; None: everybody of an account sees everything of it."""
        self._rights, self._emergencies = rights, emergencies

    def rights(self, call: Call) -> Rights:
        """Return what the file says of the key of a call."""
        if self._rights is None:
            return Rights(Role.FULL, None, any=call.access_key != ANONYMOUS)
        return self._rights.get(call.access_key, Rights())

    def of(self, call: Call) -> Scope:
        """Return what a request may see."""
        rights = self.rights(call)
        scope = Scope(rights.role, rights.patients, rights.role == Role.RESEARCHER, call.access_key)
        if not rights.emergency or self._emergencies is None:
            return scope
        opened = self._emergencies.open_of(call)
        return replace(scope, patients=None, deidentified=False, emergency=opened) if opened else scope

    def judges(self, call: Call) -> frozenset[str] | None:
        """Return the keys whose judgements move what a request finds, None for all.

        They are its own and those of the role full: no limited key moves what others find.
        """
        if self._rights is None:
            return None
        full = {key for key, one in self._rights.items() if one.role == Role.FULL}
        return frozenset({*full, call.access_key})


class RefusedError(ServiceError):
    """A request that its key may not make, or for what it may not see; `guard` writes it into the audit.

    `documents` are the hidden ones that it was for; what is `audited` is in the audit already.
    """

    documents: tuple[str, ...] = ()
    audited = False


def denied(message: str, *, audited: bool = False) -> RefusedError:
    """Return the error of a request that its key may not make; no client tries it again."""
    error = RefusedError("AccessDeniedException", message)
    error.status, error.audited = 403, audited
    return error


def unseen(absent: ServiceError, *documents: str) -> RefusedError:
    """Return the error of what is not there for the key: `documents` are what is there and hidden from it.

    It is raised for what is not there at all too: whether there is a row of the audit takes time, and that
    would show what there is.
    """
    error = RefusedError(absent.code, absent.message, **absent.members)
    error.documents = documents
    return error
