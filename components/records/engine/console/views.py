"""What a request of the console may see of the lake."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from brume.aws.engine.service import Call
from brume.records.engine.access.audit import Audit
from brume.records.engine.access.scopes import Scope, Scopes, denied
from brume.records.engine.console.common import absent
from brume.records.engine.lake_reader import LakeReader, NoLakeError
from brume.records.model.overview.tables import Code, Members, Overview, Patient


@dataclass(frozen=True)
class View:
    """One state of the lake, and the patients of it that a request may see."""

    overview: Overview
    scope: Scope
    among: Members

    def need_patient(self, identity: str) -> Patient:
        """Return a patient. Raises `ServiceError`, the same for one that is not there or not seen."""
        number = self.overview.numbers.get(identity, -1)
        if number < 0 or not self.among[number]:
            raise absent(f"There is no patient {identity}, or you may not see them")
        return self.overview.patients[number]

    def name(self, one: Patient) -> str:
        """Return the name of a patient, "" where names are not shown."""
        return "" if self.scope.deidentified else one.name

    def date(self, text: str) -> str:
        """Return a date of FHIR, of which a reader of de-identified records sees the year."""
        return text[:4] if self.scope.deidentified else text


class Views:
    """Makes the views of requests, and writes what they showed into the audit."""

    def __init__(self, reader: LakeReader, scopes: Scopes, audit: Audit) -> None:
        self._reader, self.scopes, self._audit = reader, scopes, audit

    def of(self, call: Call) -> View:
        """Return what a request may see. Raises `ServiceError`."""
        scope = self.scopes.of(call)
        if scope.patients is not None and not scope.patients:
            raise denied(f"The role {scope.role} of this access key reads no records")
        try:
            overview = self._reader.overview()
        except NoLakeError as error:
            raise absent(str(error)) from error
        return View(overview, scope, overview.members(scope.patients))

    def showed(self, call: Call, view: View, documents: Iterable[str] = (), query: str = "") -> None:
        """Write into the audit what an answer shows, before it is given."""
        self._audit.write(call, view.scope, documents, query=query)


def code_of(concept: str) -> Code:
    """Return system and code of a concept's id, SYSTEM|CODE."""
    system, _, code = concept.rpartition("|")
    return system, code


def concept_id(code: Code) -> str:
    """Return the id of a concept."""
    return "|".join(code)
