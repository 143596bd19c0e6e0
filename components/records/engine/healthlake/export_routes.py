"""FHIR's own way to export: $export of everything, of all patients, of a group.

Addresses and answers are those of HealthLake, which takes the address of the files in the body; parameters
are those of HL7's bulk data access: `_type`, `_since`, `_outputFormat`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.validate import ParamValidator
from sqlalchemy import Row

from brume.aws.client import service_model
from brume.aws.engine.routes import Reply, RouteRequest, SignedRoute
from brume.aws.engine.service import Call, ServiceError
from brume.records.engine.access.audit import Audit
from brume.records.engine.access.scopes import Scopes
from brume.records.engine.healthlake import store, unseen
from brume.records.engine.healthlake.common import SIGNING, datastore_row, endpoint
from brume.records.engine.healthlake.job_run import output_folder
from brume.records.engine.healthlake.jobs import Jobs
from brume.records.engine.healthlake.store import FhirStore
from brume.records.engine.healthlake.tables import PENDING
from brume.records.model.fhir import compartment, exact_json
from brume.records.model.fhir.errors import Fault, FhirError, outcome, refused
from brume.records.model.fhir_types import RESOURCE_TYPES
from brume.records.model.reading.resources import time_of

_FORMATS = ("application/fhir+ndjson", "application/ndjson", "ndjson")
_STATUS = {"ValidationException": 400, "ResourceNotFoundException": 404, "AccessDeniedException": 403}
_LENIENT = "handling=lenient"
_JSON = {"content-type": "application/fhir+json"}


class ExportRoutes:
    """The routes of exports."""

    def __init__(self, fhir: FhirStore, jobs: Jobs, scopes: Scopes, audit: Audit) -> None:
        self._fhir, self._jobs, self._scopes, self._audit = fhir, jobs, scopes, audit

    def routes(self) -> list[SignedRoute]:
        """Return the routes; `$` may be written as %24."""
        base = "/datastore/{datastore}/r4/"
        made = [
            SignedRoute(
                SIGNING, f"{base}{of}{sign}export", "StartFHIRExportJobWithPost", self._start, ("POST",)
            )
            for of in ("", "Patient/", "Group/{group}/")
            for sign in ("$", "%24")
        ]
        job = f"{base}export/{{job}}"
        made.append(SignedRoute(SIGNING, job, "DescribeFHIRExportJobWithGet", self._status, ("GET",)))
        made.append(SignedRoute(SIGNING, job, "CancelFHIRExportJobWithDelete", self._cancel, ("DELETE",)))
        return made

    def _start(self, request: RouteRequest, call: Call) -> Reply:
        try:
            given = _body(request)
            given["DatastoreId"] = request.labels["datastore"]
            chosen = {**_parameters(request), **self._compartment(request, call)}
            chosen["request"] = _address(request, call)
            answer = self._jobs.start_export(call, given, chosen)
        except (FhirError, ServiceError) as error:
            return _refusal(error)
        where = f"{endpoint(call, answer['DatastoreId'])}export/{answer['JobId']}"
        return Reply(202, json.dumps(_lowered(answer)).encode(), {**_JSON, "content-location": where})

    def _status(self, request: RouteRequest, call: Call) -> Reply:
        try:
            row = self._jobs.job("EXPORT", _which(request), call)
        except ServiceError as error:
            return _refusal(error)
        body: dict[str, Any] = {"exportJobProperties": _properties(row)}
        if row.status in PENDING:
            written = sum(one["count"] for one in row.progress.get("output", ()))
            headers = {**_JSON, "x-progress": f"{row.status}: {written} resources", "retry-after": "5"}
            return Reply(202, json.dumps(body).encode(), headers)
        if row.status == "COMPLETED":
            body |= {
                "transactionTime": store.instant(row.progress["time"]),
                "request": row.request["chosen"].get("request", ""),
                "requiresAccessToken": False,
                "output": row.progress["output"],
                "deleted": row.progress["deleted"],
                "error": [],
            }
        return Reply(200, json.dumps(body).encode(), _JSON)

    def _cancel(self, request: RouteRequest, call: Call) -> Reply:
        try:
            row = self._jobs.cancel(call, _which(request))
        except ServiceError as error:
            return _refusal(error)
        if row.status not in PENDING:
            return _refusal(refused(404, "not-found", f"the export has ended as {row.status}"))
        answer = {"exportJobProperties": {**_properties(row), "jobStatus": "CANCEL_SUBMITTED"}}
        return Reply(202, json.dumps(answer).encode(), _JSON)

    def _compartment(self, request: RouteRequest, call: Call) -> dict[str, Any]:
        """Return what limits an export to patients, by its address."""
        if "group" not in request.labels:
            return {"compartments": "/Patient/" in request.path}
        with self._fhir.store.read() as db:
            row = datastore_row(db, call, request.labels["datastore"], active=True)
            group, scope = request.labels["group"], self._scopes.of(call)
            found = store.read(db, row.id, "Group", group, scope.patients)
        if found is None or found.deleted:
            unseen.write(self._audit, self._fhir, call, scope, row.id, [("Group", group)])
            raise refused(404, "not-found", "there is no such Group")
        members = exact_json.loads(found.text).get("member") or []
        there = [one for one in members if isinstance(one, dict) and not one.get("inactive")]
        return {"group": sorted(compartment.patients({"member": there}))}


def _body(request: RouteRequest) -> dict[str, Any]:
    """Return the body of a request, checked by the model of StartFHIRExportJob. Raises `FhirError`."""
    try:
        given = json.loads(request.body or b"{}")
        if not isinstance(given, dict):
            raise ValueError
    except ValueError:
        raise refused(400, "structure", "the body is no JSON object") from None
    shape = service_model("healthlake").operation_model("StartFHIRExportJob").input_shape
    named = {
        name: given[name] for name in ("JobName", "OutputDataConfig", "DataAccessRoleArn") if name in given
    }
    report = ParamValidator().validate({**named, "DatastoreId": "-"}, shape)
    if report.has_errors():
        raise refused(400, "structure", report.generate_report())
    return named


def _parameters(request: RouteRequest) -> dict[str, Any]:
    """Return what the parameters of the address choose. Raises `FhirError`."""
    chosen: dict[str, Any] = {"types": []}
    for name, value in request.query:
        if name == "_type":
            chosen["types"] += [one.strip() for one in value.split(",") if one.strip()]
        elif name == "_since":
            since = time_of(value)
            if since is None:
                raise refused(400, "value", "_since is an instant, such as 2026-01-31T12:00:00Z")
            chosen["since"] = since.timestamp()
        elif name == "_outputFormat":
            if value not in _FORMATS:
                raise refused(400, "not-supported", "_outputFormat: files are application/fhir+ndjson")
        elif _LENIENT not in request.headers.get("prefer", ""):
            text = "parameters are _type, _since and _outputFormat; Prefer: handling=lenient ignores others"
            raise refused(400, "not-supported", text)
    unknown = [one for one in chosen["types"] if one not in RESOURCE_TYPES]
    if unknown:
        raise refused(400, "value", "_type names a type that FHIR R4 has not: names are case-sensitive")
    return chosen


def _which(request: RouteRequest) -> dict[str, str]:
    return {"DatastoreId": request.labels["datastore"], "JobId": request.labels["job"]}


def _address(request: RouteRequest, call: Call) -> str:
    query = f"?{request.query_string}" if request.query_string else ""
    return f"{call.address}{request.path}{query}"


def _properties(row: Row[Any]) -> dict[str, Any]:
    """Return a job as HealthLake's REST describes it: names and times are not those of its API."""
    output = row.request["OutputDataConfig"]["S3Configuration"]
    shown = {
        "jobId": row.id,
        "jobName": row.name or None,
        "jobStatus": row.status,
        "submitTime": _time(row.submitted),
        "endTime": _time(row.ended) if row.ended else None,
        "datastoreId": row.datastore,
        "outputDataConfig": {
            "s3Configuration": {"s3Uri": output_folder(row), "kmsKeyId": output["KmsKeyId"]},
        },
        "dataAccessRoleArn": row.request["DataAccessRoleArn"],
        "message": row.message or None,
    }
    return {name: value for name, value in shown.items() if value is not None}


def _time(seconds: float) -> str:
    """Return a time as HealthLake's REST writes it: Aug 26, 2023 1:46:56 PM."""
    at = datetime.fromtimestamp(seconds, UTC)
    return f"{at:%b} {at.day}, {at.year} {at.hour % 12 or 12}:{at:%M:%S %p}"


def _lowered(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {name[0].lower() + name[1:]: value for name, value in answer.items()}


def _refusal(error: FhirError | ServiceError) -> Reply:
    if isinstance(error, FhirError):
        return Reply(error.status, json.dumps(error.outcome()).encode(), _JSON)
    status = error.status or _STATUS.get(error.code, 400)
    code = {404: "not-found", 403: "forbidden"}.get(status, "invalid")
    return Reply(status, json.dumps(outcome([Fault(code, error.message)])).encode(), _JSON)
