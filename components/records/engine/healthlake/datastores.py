"""The operations on data stores, and the work of making and deleting them."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Row, delete, insert, select, tuple_, update

from brume import storage
from brume.aws.engine import arns, logs
from brume.aws.engine.background import Background
from brume.aws.engine.idempotency import once
from brume.aws.engine.leases import Lease, Leases
from brume.aws.engine.listing import list_rows
from brume.aws.engine.lookup import owned
from brume.aws.engine.service import Call
from brume.aws.engine.tags import Tags, pairs
from brume.records.engine.healthlake import importing
from brume.records.engine.healthlake.common import ERRORS, arn, bad, datastore_row, endpoint
from brume.records.engine.healthlake.note_entities import NoteEntities
from brume.records.engine.healthlake.store import FhirStore
from brume.records.engine.healthlake.tables import CONTENTS, DATASTORES, JOBS, PENDING
from brume.weights import WeightsError

_log = logging.getLogger(__name__)
_DEMO = "brume.records.demo"  # the program that invents patients
_AWS = {"AuthorizationStrategy": "AWS_AUTH", "FineGrainedAuthorizationEnabled": False}
_OWNED_KEY = {"KmsEncryptionConfig": {"CmkType": "AWS_OWNED_KMS_KEY"}}
_AT_ONCE = 2000  # rows that are deleted in one transaction


class Datastores:
    """The operations on data stores."""

    def __init__(
        self,
        fhir: FhirStore,
        background: Background,
        notes: NoteEntities,
        tags: Tags,
        data: Path,
    ) -> None:
        """`data` is a folder for what is invented for a data store."""
        self._fhir, self._store, self._notes, self._tags = fhir, fhir.store, notes, tags
        self._data, self._closing = data, False
        pending = DATASTORES.c.status.in_(("CREATING", "DELETING"))
        self._leases = Leases(self._store, DATASTORES, pending)
        keys = select(DATASTORES.c.id).where(pending)
        self._working = background.kind("fhir-datastore", keys, self._work)

    def close(self) -> None:
        """Let work stop soon; the next start takes it up."""
        self._closing = True

    def create_fhir_datastore(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Begin a data store; it is ACTIVE soon, with invented patients where they are asked for."""
        nlp = self._check(request)
        with once(self._store, call, request, bad) as answer:
            if answer.known is None:
                identity = arns.new_id(32)
                row: dict[str, Any] = {
                    "id": identity,
                    "account": call.account,
                    "region": call.region,
                    "status": "CREATING",
                }
                row |= {"name": request.get("DatastoreName") or "", "created": round(time.time(), 3)}
                given = {"PreloadDataConfig": request.get("PreloadDataConfig")}
                answer.db.execute(insert(DATASTORES).values(**row, given=given, nlp=int(nlp)))
                self._tags.put(answer.db, arn(call, identity), pairs(request.get("Tags") or []))
                answer.value = {
                    "DatastoreId": identity,
                    "DatastoreArn": arn(call, identity),
                    "DatastoreStatus": "CREATING",
                    "DatastoreEndpoint": endpoint(call, identity),
                }
        made = answer.known or answer.value
        self._working.submit(made["DatastoreId"])
        return made

    def describe_fhir_datastore(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Describe a data store, one that was deleted too."""
        with self._store.read() as db:
            return {"DatastoreProperties": _properties(datastore_row(db, call, request["DatastoreId"]), call)}

    def list_fhir_datastores(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """List the data stores of the account and region, the newest first."""
        wanted, limits = owned(DATASTORES, call, region=call.region), request.get("Filter") or {}
        if name := limits.get("DatastoreName"):
            wanted = wanted.filter_by(name=name)
        if status := limits.get("DatastoreStatus"):
            wanted = wanted.filter_by(status=status)
        if before := limits.get("CreatedBefore"):
            wanted = wanted.where(DATASTORES.c.created < before.timestamp())
        if after := limits.get("CreatedAfter"):
            wanted = wanted.where(DATASTORES.c.created > after.timestamp())
        order = (DATASTORES.c.created, DATASTORES.c.id)
        with self._store.read() as db:
            return list_rows(
                db, request, call, wanted, order, lambda row: _properties(row, call), newest_first=True
            )

    def update_fhir_datastore(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Change a data store's name, or whether entities are found in its notes: from now on, and before."""
        nlp = self._check(request)
        with self._store.write() as db:
            row = datastore_row(db, call, request["DatastoreId"], active=True)
            values: dict[str, Any] = {"name": request.get("DatastoreName") or row.name}
            if request.get("NlpConfiguration"):
                values["nlp"] = int(nlp)
            db.execute(update(DATASTORES).filter_by(id=row.id).values(**values))
            if values.get("nlp", row.nlp) != row.nlp:
                self._notes.mark(db, row.id, wanted=nlp)
            changed = datastore_row(db, call, row.id)
        self._notes.submit(row.id)
        return {"DatastoreProperties": _properties(changed, call)}

    def delete_fhir_datastore(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Begin to delete a data store with all that is in it; it stays in lists as DELETED."""
        with self._store.write() as db:
            row = datastore_row(db, call, request["DatastoreId"])
            running = select(JOBS.c.id).filter_by(datastore=row.id).where(JOBS.c.status.in_(PENDING))
            if job := db.execute(running.limit(1)).scalar():
                raise ERRORS("ConflictException", f"The job {job} is running: wait for its end, or cancel it")
            if row.status == "DELETED":
                raise ERRORS("ResourceNotFoundException", f"The data store {row.id} was deleted")
            self._tags.remove(db, arn(call, row.id))
            db.execute(update(DATASTORES).filter_by(id=row.id).values(status="DELETING"))
        self._working.submit(row.id, again=True)
        return {
            "DatastoreId": row.id,
            "DatastoreArn": arn(call, row.id),
            "DatastoreStatus": "DELETING",
            "DatastoreEndpoint": endpoint(call, row.id),
        }

    def _check(self, request: Mapping[str, Any]) -> bool:
        """Return whether entities are to be found. Raises the service's error for what is not done here."""
        check(request)
        nlp = (request.get("NlpConfiguration") or {}).get("Status") in ("ENABLED", "ENABLING")
        if nlp:
            try:
                self._notes.load()
            except WeightsError as error:
                raise bad(f"NlpConfiguration: {error}") from error
        return nlp

    def _work(self, identity: str) -> None:
        lease = self._leases.take({"id": identity})
        if lease is None:
            return
        values: dict[str, Any]
        try:
            if lease.row.status == "DELETING":
                self._empty(identity, lease)
                values = {"status": "DELETED"}
            else:
                self._make(lease)
                values = {"status": "ACTIVE"}
        except (InterruptedError, LookupError):  # the engine ends, or the data store is to be deleted
            lease.end()
            return
        except Exception as error:
            failure = logs.failed(_log, "a data store", error)
            if lease.row.status == "DELETING":
                lease.end()
                return
            text = f"the server failed (failure {failure}): its log has more"
            values = {"status": "CREATE_FAILED", "error": text}
        with self._store.write() as db:  # one that is to be deleted meanwhile keeps that state
            mine = update(DATASTORES).filter_by(id=identity, status=lease.row.status)
            db.execute(mine.values(**values))
        lease.end()
        if values["status"] == "ACTIVE":
            self._notes.submit(identity)

    def _make(self, lease: Lease) -> None:
        """Fill a data store with invented patients, where it was asked for; what is there is put anew."""
        if not lease.row.given.get("PreloadDataConfig"):
            return
        self._empty(lease.row.id, lease)
        folder = self._data / lease.row.id
        subprocess.run([sys.executable, "-m", _DEMO, str(folder)], check=True, capture_output=True)
        for entry in storage.list_files(str(folder / "export")):
            self._goes_on(lease)
            importing.put_file(self._fhir, lease.row.id, entry.uri)
        shutil.rmtree(folder)

    def _empty(self, identity: str, lease: Lease) -> None:
        for table in CONTENTS:
            keys = list(table.primary_key)
            some = select(*keys).filter_by(datastore=identity).limit(_AT_ONCE)
            count = _AT_ONCE
            while count == _AT_ONCE:
                self._goes_on(lease)
                with self._store.write() as db:
                    count = db.execute(delete(table).where(tuple_(*keys).in_(some))).rowcount

    def _goes_on(self, lease: Lease) -> None:
        """Raise `InterruptedError` when the engine ends, or another one does this."""
        if self._closing or not lease.held():
            raise InterruptedError


def check(request: Mapping[str, Any]) -> None:
    """Raise the service's error for what of a data store is not done here."""
    identity = request.get("IdentityProviderConfiguration") or {}
    if identity.get("AuthorizationStrategy", "AWS_AUTH") != "AWS_AUTH":
        raise bad(
            "IdentityProviderConfiguration: tokens of SMART on FHIR are not checked by this server; use "
            "AWS_AUTH, and BRUME_RECORDS_ACCESS for what each key may see"
        )
    key = (request.get("SseConfiguration") or {}).get("KmsEncryptionConfig") or {}
    if key.get("CmkType") == "CUSTOMER_MANAGED_KMS_KEY":
        raise bad("SseConfiguration is not done by this server: encrypt its disk")
    for member, remedy in (
        ("AnalyticsConfiguration", "no tables for Athena are made: the lake of the pipeline has them"),
        ("BackupConfiguration", "this server makes no copies: copy its database"),
    ):
        if (request.get(member) or {}).get("Status", "DISABLED") not in ("DISABLED", "DISABLING"):
            raise bad(f"{member}: {remedy}")
    if (request.get("ProfileConfiguration") or {}).get("DefaultProfiles"):
        raise bad("ProfileConfiguration: resources are not checked against profiles by this server")


def _properties(row: Row[Any], call: Call) -> dict[str, Any]:
    error = {"ErrorMessage": row.error, "ErrorCategory": "RETRYABLE_ERROR"} if row.error else None
    return {
        "DatastoreId": row.id,
        "DatastoreArn": arn(call, row.id),
        "DatastoreName": row.name or None,
        "DatastoreStatus": row.status,
        "CreatedAt": row.created,
        "DatastoreTypeVersion": "R4",
        "DatastoreEndpoint": endpoint(call, row.id),
        "SseConfiguration": _OWNED_KEY,
        "PreloadDataConfig": row.given.get("PreloadDataConfig"),
        "IdentityProviderConfiguration": _AWS,
        "ErrorCause": error,
        "NlpConfiguration": {"Status": "ENABLED" if row.nlp else "DISABLED"},
        "AnalyticsConfiguration": {"Status": "DISABLED"},
    }
