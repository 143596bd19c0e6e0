"""What a request of the console may see of the lake, and how."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from brume.aws.engine.service import Call
from brume.records.engine.access.audit import Audit
from brume.records.engine.access.scopes import Scope, Scopes, denied, unseen
from brume.records.engine.console.common import absent
from brume.records.engine.lake_reader import LakeReader, NoLakeError
from brume.records.model import surrogate_dates
from brume.records.model.deidentify import Deidentifier
from brume.records.model.overview.neighbourhood import NOTE, PATIENT
from brume.records.model.overview.tables import Code, Members, Overview, Patient


class Pseudonyms:
    """The ids of one state of the lake as readers of de-identified records see them; those of search too."""

    def __init__(self, overview: Overview, deidentifier: Deidentifier) -> None:
        self.overview, self._deidentifier = overview, deidentifier

    @cached_property
    def patients(self) -> Mapping[str, str]:
        """Ids of patients by their pseudonyms."""
        return {self.of(PATIENT, one.id): one.id for one in self.overview.patients}

    @cached_property
    def notes(self) -> Mapping[str, str]:
        """Ids of notes by their pseudonyms."""
        with self.overview.cursor() as cursor:
            rows = cursor.execute("SELECT id FROM notes").fetchall()
        return {self.of(NOTE, identity): identity for (identity,) in rows}

    def of(self, kind: str, identity: str) -> str:
        """Return the pseudonym of a patient or a note."""
        return self._deidentifier.pseudonym("document" if kind == NOTE else kind, identity)

    def days(self, patient: str) -> int:
        """Return by how many days the dates of a patient move."""
        return self._deidentifier.days(patient)


@dataclass(frozen=True)
class View:
    """One state of the lake, and the patients of it that a request may see; ids and dates as it sees them."""

    overview: Overview
    scope: Scope
    among: Members
    pseudonyms: Pseudonyms

    @property
    def hides(self) -> bool:
        """Whether what names a person is not shown."""
        return self.scope.deidentified

    def need_patient(self, shown: str) -> Patient:
        """Return a patient. Raises `ServiceError`, the same for one that is not there or not seen."""
        identity = self.original(PATIENT, shown)
        number = self.overview.numbers.get(identity, -1)
        if number < 0 or not self.among[number]:
            missing = absent(f"There is no patient {shown}, or you may not see them")
            raise unseen(missing, *([f"Patient/{identity}"] if number >= 0 else []))
        return self.overview.patients[number]

    def shown(self, kind: str, identity: str) -> str:
        """Return the id of a patient or a note as the request sees it."""
        return self.pseudonyms.of(kind, identity) if self.hides else identity

    def original(self, kind: str, shown: str) -> str:
        """Return the id that the request means, "" for one that stands for none."""
        if not self.hides:
            return shown
        known = self.pseudonyms.notes if kind == NOTE else self.pseudonyms.patients
        return known.get(shown, "")

    def days(self, patient: str) -> int:
        """Return by how many days the dates of a patient are moved."""
        return self.pseudonyms.days(patient) if self.hides else 0

    def date(self, text: str, patient: str) -> str:
        """Return a date of a patient's as the request sees it."""
        return surrogate_dates.moved(text, self.days(patient)) if self.hides else text


class Views:
    """Makes the views of requests, and writes what they showed into the audit."""

    def __init__(self, reader: LakeReader, scopes: Scopes, audit: Audit, deidentifier: Deidentifier) -> None:
        self._reader, self._scopes, self._audit = reader, scopes, audit
        self._deidentifier = deidentifier
        self._pseudonyms: Pseudonyms | None = None

    def of(self, call: Call) -> View:
        """Return what a request may see. Raises `ServiceError`."""
        scope = self._scopes.of(call)
        if scope.patients is not None and not scope.patients:
            raise denied(f"The role {scope.role} of this access key reads no records")
        try:
            overview = self._reader.overview()
        except NoLakeError as error:
            raise absent(str(error)) from error
        pseudonyms = self._pseudonyms
        if pseudonyms is None or pseudonyms.overview is not overview:
            pseudonyms = self._pseudonyms = Pseudonyms(overview, self._deidentifier)
        return View(overview, scope, overview.members(scope.patients), pseudonyms)

    def showed(self, call: Call, view: View, documents: Iterable[str] = (), query: str = "") -> None:
        """Write into the audit what an answer shows, by the records' own ids, before it is given."""
        self._audit.write(call, view.scope, documents, query=query)


def code_of(concept: str) -> Code:
    """Return system and code of a concept's id, SYSTEM|CODE."""
    system, _, code = concept.rpartition("|")
    return system, code


def concept_id(code: Code) -> str:
    """Return the id of a concept."""
    return "|".join(code)
