"""The operations on batch jobs, of four kinds that differ in their analysis alone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, Select, insert, select, update

from brume.aws import addresses
from brume.aws.engine import arns, lookup
from brume.aws.engine.idempotency import once
from brume.aws.engine.listing import list_rows
from brume.aws.engine.service import Call, ServiceError
from brume.aws.engine.store import Store
from brume.records.engine.comprehend_medical.analysis import KINDS
from brume.records.engine.comprehend_medical.detection import ERRORS
from brume.records.engine.comprehend_medical.tables import JOBS
from brume.records.engine.comprehend_medical.work import DONE, MANIFEST, Work, output_folder

_KEPT = 90 * 86400.0  # seconds after which AWS forgets a job


class Jobs:
    """Starts, describes, lists and stops jobs."""

    def __init__(self, store: Store, work: Work, folders: Mapping[str, str]) -> None:
        """`folders` are the local folders that stand for the start of some s3:// addresses."""
        self._store, self._work, self._folders = store, work, folders

    def start_entities_detection_v2_job(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Begin to find the entities of the files of a folder."""
        return self._start("EntitiesDetectionV2", request, call)

    def start_phi_detection_job(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Begin to find the personal data of the files of a folder."""
        return self._start("PHIDetection", request, call)

    def start_icd10_cm_inference_job(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Begin to link the conditions of the files of a folder."""
        return self._start("ICD10CMInference", request, call)

    def start_rx_norm_inference_job(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Begin to link the drugs of the files of a folder."""
        return self._start("RxNormInference", request, call)

    def describe_entities_detection_v2_job(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Describe a job that finds entities."""
        return self._describe("EntitiesDetectionV2", request, call)

    def describe_phi_detection_job(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Describe a job that finds personal data."""
        return self._describe("PHIDetection", request, call)

    def describe_icd10_cm_inference_job(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Describe a job that links conditions."""
        return self._describe("ICD10CMInference", request, call)

    def describe_rx_norm_inference_job(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Describe a job that links drugs."""
        return self._describe("RxNormInference", request, call)

    def list_entities_detection_v2_jobs(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """List the jobs that find entities, the newest first."""
        return self._list("EntitiesDetectionV2", request, call)

    def list_phi_detection_jobs(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """List the jobs that find personal data, the newest first."""
        return self._list("PHIDetection", request, call)

    def list_icd10_cm_inference_jobs(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """List the jobs that link conditions, the newest first."""
        return self._list("ICD10CMInference", request, call)

    def list_rx_norm_inference_jobs(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """List the jobs that link drugs, the newest first."""
        return self._list("RxNormInference", request, call)

    def stop_entities_detection_v2_job(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Stop a job that finds entities after the file that it is at."""
        return self._stop("EntitiesDetectionV2", request, call)

    def stop_phi_detection_job(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Stop a job that finds personal data after the file that it is at."""
        return self._stop("PHIDetection", request, call)

    def stop_icd10_cm_inference_job(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Stop a job that links conditions after the file that it is at."""
        return self._stop("ICD10CMInference", request, call)

    def stop_rx_norm_inference_job(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Stop a job that links drugs after the file that it is at."""
        return self._stop("RxNormInference", request, call)

    def _start(self, kind: str, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        if request.get("KMSKey"):
            raise _invalid("KMSKey: this server encrypts no files; leave it out")
        for member in ("InputDataConfig", "OutputDataConfig"):
            place = request[member]
            try:
                addresses.locate(f"s3://{place['S3Bucket']}/{place.get('S3Key') or ''}", self._folders)
            except addresses.AddressError as error:
                raise _invalid(f"{member}: {error}") from error
        job = arns.new_id(32)
        kept = {name: value for name, value in request.items() if name != "ClientRequestToken"}
        with once(self._store, call, request, _invalid) as answer:
            if answer.known is not None:
                return answer.known
            values = {
                **_key(kind, call),
                "id": job,
                "status": "SUBMITTED",
                "name": request.get("JobName") or "",
                "request": kept,
                "submitted": time.time(),
            }
            answer.db.execute(insert(JOBS).values(**values))
            answer.value = {"JobId": job}
        self._work.submit(call.account, call.region, kind, job)
        return {"JobId": job}

    def _describe(self, kind: str, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        with self._store.read() as db:
            found = lookup.one(db, _one(kind, request, call), _absent(request))
        return {"ComprehendMedicalAsyncJobProperties": _properties(found)}

    def _list(self, kind: str, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        wanted, limits = _of(kind, call), request.get("Filter") or {}
        for member, column in (("JobName", "name"), ("JobStatus", "status")):
            if value := limits.get(member):
                wanted = wanted.filter_by(**{column: value})
        if before := limits.get("SubmitTimeBefore"):
            wanted = wanted.where(JOBS.c.submitted < before.timestamp())
        if after := limits.get("SubmitTimeAfter"):
            wanted = wanted.where(JOBS.c.submitted > after.timestamp())
        with self._store.read() as db:
            order = (JOBS.c.submitted, JOBS.c.id)
            return list_rows(db, request, call, wanted, order, _properties, newest_first=True)

    def _stop(self, kind: str, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        with self._store.write() as db:
            found = lookup.one(db, _one(kind, request, call), _absent(request))
            if found.status not in DONE:
                mine = {**_key(kind, call), "id": found.id}
                db.execute(update(JOBS).filter_by(**mine).values(status="STOP_REQUESTED"))
        self._work.submit(call.account, call.region, kind, found.id)
        return {"JobId": found.id}


def _key(kind: str, call: Call) -> dict[str, str]:
    return {"account": call.account, "region": call.region, "kind": kind}


def _of(kind: str, call: Call) -> Select[Any]:
    return select(JOBS).filter_by(**_key(kind, call))


def _one(kind: str, request: Mapping[str, Any], call: Call) -> Select[Any]:
    return _of(kind, call).filter_by(id=request["JobId"])


def _absent(request: Mapping[str, Any]) -> ServiceError:
    return ERRORS("ResourceNotFoundException", f"There is no job {request['JobId']} of this kind")


def _invalid(message: str) -> ServiceError:
    return ERRORS("InvalidRequestException", message)


def _properties(found: Row[Any]) -> dict[str, Any]:
    request = found.request
    folder = output_folder(request, found.account, KINDS[found.kind], found.id)
    return {
        "JobId": found.id,
        "JobName": found.name or None,
        "JobStatus": found.status,
        "Message": found.message or None,
        "SubmitTime": found.submitted,
        "EndTime": found.ended,
        "ExpirationTime": found.submitted + _KEPT,
        "InputDataConfig": request["InputDataConfig"],
        "OutputDataConfig": {**request["OutputDataConfig"], "S3Key": folder},
        "LanguageCode": request["LanguageCode"],
        "DataAccessRoleArn": request["DataAccessRoleArn"],
        "ManifestFilePath": folder + MANIFEST if found.status in ("COMPLETED", "PARTIAL_SUCCESS") else None,
    }
