"""The operations on documents: put, delete, and what has become of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, insert, select, update

from brume.aws.engine.service import Call, ServiceError
from brume.aws.engine.store import Store
from brume.records.engine.access.scopes import Scopes
from brume.records.engine.kendra import access_configurations, fields
from brume.records.engine.kendra.common import bad, index_row
from brume.records.engine.kendra.indexing import Indexing
from brume.records.engine.kendra.rows import digest, patient_of
from brume.records.engine.kendra.tables import DATA_SOURCES, DOCUMENTS, SYNC_JOBS

_MOST = 10  # documents of one request
_SIZE = 5 << 20  # bytes of a document, as in Kendra
_SOURCE, _JOB = "_data_source_id", "_data_source_sync_job_execution_id"


class Documents:
    """The operations on documents."""

    def __init__(self, store: Store, indexing: Indexing, scopes: Scopes) -> None:
        self._store, self._indexing, self._scopes = store, indexing, scopes

    def batch_put_document(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Take documents to be indexed; those that cannot be are returned with the reason."""
        if request.get("CustomDocumentEnrichmentConfiguration"):
            raise bad(
                "CustomDocumentEnrichmentConfiguration is not done by this server: change documents first"
            )
        if len(request["Documents"]) > _MOST:
            raise bad(f"Documents has at most {_MOST} documents")
        failed = []
        with self._store.write() as db:
            index = index_row(db, call, request["IndexId"], active=True)
            for document in request["Documents"]:
                try:
                    given = given_of(index.fields, document)
                    job = self._job(db, index.id, given)
                    if given["access_id"]:
                        access_configurations.row_of(db, index.id, given["access_id"])
                    fresh = put(db, index.id, document["Id"], given, blob=document.get("Blob"))
                    if job:
                        count(db, job, "added" if fresh else "modified")
                except ServiceError as error:
                    failed.append(_failed(document["Id"], error.message))
        self._indexing.submit(index.id)
        return {"FailedDocuments": failed}

    def batch_delete_document(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Delete documents; one that is not there is deleted already."""
        target = request.get("DataSourceSyncJobMetricTarget") or {}
        with self._store.write() as db:
            index = index_row(db, call, request["IndexId"], active=True)
            if len(request["DocumentIdList"]) > _MOST:
                raise bad(f"DocumentIdList has at most {_MOST} documents")
            deleted = remove(db, index.id, request["DocumentIdList"])
            if job := target.get("DataSourceSyncJobId"):
                count(db, job, "deleted", deleted)
        self._indexing.submit(index.id)
        return {"FailedDocuments": []}

    def batch_get_document_status(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Return the states of documents; those that the key may not see are not there."""
        scope = self._scopes.of(call)
        if len(request["DocumentInfoList"]) > _MOST:
            raise bad(f"DocumentInfoList has at most {_MOST} documents")
        wanted = [info["DocumentId"] for info in request["DocumentInfoList"]]
        with self._store.read() as db:
            index = index_row(db, call, request["IndexId"])
            columns = (DOCUMENTS.c.id, DOCUMENTS.c.status, DOCUMENTS.c.failure, DOCUMENTS.c.attributes)
            mine = select(*columns).filter_by(index_id=index.id)
            rows = db.execute(mine.where(DOCUMENTS.c.digest.in_(map(digest, wanted))))
            found = {
                row.id: (str(row.status), str(row.failure))
                for row in rows
                if scope.sees_all or (not scope.deidentified and scope.sees(patient_of(row.attributes)))
            }
        return {"DocumentStatusList": [_status(one, found.get(one)) for one in wanted], "Errors": []}

    @staticmethod
    def _job(db: Connection, index: str, given: Mapping[str, Any]) -> str:
        """Return the running sync job that a document is put by, "" for none. Raises `ServiceError`."""
        source, job = given["attributes"].get(_SOURCE, ""), given["attributes"].get(_JOB, "")
        if source and not db.execute(select(DATA_SOURCES).filter_by(index_id=index, id=source)).first():
            raise bad(f"{_SOURCE}: the index has no data source {source}")
        if not job:
            return ""
        wanted = select(SYNC_JOBS).filter_by(index_id=index, source_id=source, id=job)
        found = db.execute(wanted).first()
        if found is None or found.status != "SYNCING":
            raise bad(f"{_JOB}: the data source has no sync job {job} that is SYNCING")
        return str(job)


def put(
    db: Connection,
    index: str,
    identity: str,
    given: Mapping[str, Any],
    *,
    blob: bytes | None = None,
    version: str = "",
) -> bool:
    """Write that a document is to be indexed; returns whether it is new."""
    key = {"index_id": index, "digest": digest(identity)}
    known = db.execute(select(DOCUMENTS.c.changed).filter_by(**key)).scalar()
    values: dict[str, Any] = {
        "status": "PROCESSING",
        "given": dict(given),
        "blob": blob,
        "version": version,
        "failure": "",
    }
    values |= {"changed": (known or 0) + 1, "source_id": given["attributes"].get(_SOURCE, "")}
    values["access_id"] = given.get("access_id", "")
    if known is None:
        db.execute(insert(DOCUMENTS).values(**key, id=identity, **values))
    else:
        db.execute(update(DOCUMENTS).filter_by(**key).values(**values))
    return known is None


def remove(db: Connection, index: str, identities: Iterable[str]) -> int:
    """Write that documents are to be deleted; returns how many there are."""
    among = DOCUMENTS.c.digest.in_([digest(one) for one in identities])
    mine = update(DOCUMENTS).filter_by(index_id=index).where(among)
    made = db.execute(mine.values(status="DELETING", given=None, blob=None, changed=DOCUMENTS.c.changed + 1))
    return int(made.rowcount)


def count(db: Connection, job: str, what: str, by: int = 1) -> None:
    """Add to one of the numbers of a sync job."""
    column = SYNC_JOBS.c[what]
    db.execute(update(SYNC_JOBS).filter_by(id=job).values({what: column + by}))


def given_of(known: fields.Fields, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept of a put document, but for its blob. Raises `ServiceError`."""
    if document.get("Blob") is None and not document.get("S3Path"):
        raise bad("the document has neither Blob nor S3Path")
    if len(document.get("Blob") or b"") > _SIZE:
        raise bad(f"the document has more than {_SIZE} bytes")
    attributes = dict(fields.value_of(known, one) for one in document.get("Attributes") or [])
    access, configuration = fields.levels(document), document.get("AccessControlConfigurationId") or ""
    if access and configuration:
        raise bad("give AccessControlConfigurationId or a list of access")
    path = document.get("S3Path")
    return {
        "title": document.get("Title") or attributes.get("_document_title") or "",
        "attributes": fields.kept(attributes),
        "access": access,
        "access_id": configuration,
        "s3": f"s3://{path['Bucket']}/{path['Key']}" if path else "",
        "kind": document.get("ContentType") or "PLAIN_TEXT",
    }


def _failed(identity: str, message: str) -> dict[str, Any]:
    return {"Id": identity, "ErrorCode": "InvalidRequest", "ErrorMessage": message}


def _status(identity: str, known: tuple[str, str] | None) -> dict[str, Any]:
    if known is None:
        return {"DocumentId": identity, "DocumentStatus": "NOT_FOUND"}
    status, failure = known
    made = {"DocumentId": identity, "DocumentStatus": "PROCESSING" if status == "DELETING" else status}
    if failure:
        made |= {"FailureCode": "InvalidRequest", "FailureReason": failure}
    return made
