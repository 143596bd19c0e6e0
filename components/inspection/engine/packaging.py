"""Packaging jobs: a trained model as one archive that a device unpacks and runs.

The archive `COMPONENT.tar.gz` (`COMPONENT-VERSION.tar.gz` where the request gives a component version) holds
model.tflite and bundle.json, with the project, the model's version and the threshold in force filled in. It
is the very model that the engine hosts, and runs on any device that has LiteRT: the target of the request
is stored and returned, and has no effect.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import time
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, insert, select, update

from brume import storage
from brume.aws.engine import arns, lookup
from brume.aws.engine.background import Background
from brume.aws.engine.idempotency import once
from brume.aws.engine.listing import list_rows
from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.inspection.engine import quotas, rows
from brume.inspection.engine.errors import absent, conflict, invalid, mismatch, over_quota
from brume.inspection.engine.locations import LocationError, Locations
from brume.inspection.engine.rows import AnyRow
from brume.inspection.engine.tables import models, packaging_jobs, projects
from brume.inspection.engine.training_files import BUNDLE

_KIND = "MODEL_PACKAGE_JOB"
_TRAINED = ("TRAINED", "STARTING_HOSTING", "HOSTED", "HOSTING_FAILED", "STOPPING_HOSTING")


class Packaging:
    """The operations on packaging jobs."""

    def __init__(self, store: Store, locations: Locations, background: Background) -> None:
        self._store = store
        self._locations = locations
        key = select(packaging_jobs.c.project, packaging_jobs.c.name)
        pending = key.where(packaging_jobs.c.status.in_(("CREATED", "RUNNING")))
        self._jobs = background.kind("packaging", pending, self._work)

    def start_model_packaging_job(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """StartModelPackagingJob."""
        name, configuration = request["ProjectName"], request["Configuration"]["Greengrass"]
        if configuration.get("TargetDevice") and configuration.get("TargetPlatform"):
            raise invalid("Greengrass has both TargetDevice and TargetPlatform: give one of them")
        with once(self._store, call, request, mismatch(name, "PROJECT")) as answer:
            if answer.known is not None:
                return answer.known
            db = answer.db
            project = rows.project(db, call, name)
            row = rows.model_in(
                db, project, request["ModelVersion"], _TRAINED, "only a TRAINED one is packaged"
            )
            try:
                self._locations.locate(_address(configuration))
            except LocationError as error:
                raise invalid(f"S3OutputLocation: {error}") from error
            jobs = select(packaging_jobs.c.name).filter_by(project=project.id)
            if lookup.count(db, jobs) >= quotas.PACKAGING_JOBS:
                raise over_quota(
                    f"project {name} has had {quotas.PACKAGING_JOBS} packaging jobs, which is the limit",
                    name,
                    "PROJECT",
                    "packaging-jobs-per-project",
                )
            job = request.get("JobName") or f"package-{row.version}-{arns.new_id(8)}"
            if db.execute(jobs.filter_by(name=job)).one_or_none():
                raise conflict(f"project {name} has a packaging job {job} already", f"{name}/{job}", _KIND)
            now = time.time()
            db.execute(
                insert(packaging_jobs).values(
                    project=project.id,
                    name=job,
                    version=row.version,
                    status="CREATED",
                    message="",
                    description=request.get("Description"),
                    configuration=json.dumps(configuration),
                    output="{}",
                    created=now,
                    updated=now,
                )
            )
            answer.value = {"JobName": job}
        self._jobs.submit(project.id, job)
        return answer.value

    def _work(self, project: str, name: str) -> None:
        mine = (packaging_jobs.c.project == project) & (packaging_jobs.c.name == name)
        with self._store.write() as db:
            job = db.execute(select(packaging_jobs).where(mine)).one_or_none()
            if job is None or job.status not in ("CREATED", "RUNNING"):
                return
            owner = db.execute(select(projects).filter_by(id=project)).one()
            model = db.execute(select(models).filter_by(project=project, version=job.version)).one()
            _change(db, mine, status="RUNNING")
        configuration = json.loads(job.configuration)
        try:
            address = _address(configuration)
            storage.write_bytes(self._locations.locate(address), self._archive(owner, model, configuration))
        except (LocationError, storage.StorageError, OSError, ValueError) as error:
            with self._store.write() as db:
                _change(db, mine, status="FAILED", message=str(error))
            return
        output = {
            "ComponentName": configuration["ComponentName"],
            "ComponentVersion": configuration.get("ComponentVersion") or f"{job.version}.0.0",
        }
        with self._store.write() as db:
            _change(db, mine, status="SUCCEEDED", message=f"written to {address}", output=json.dumps(output))

    def _archive(self, owner: AnyRow, model: AnyRow, configuration: dict[str, Any]) -> bytes:
        folder = storage.join(self._locations.model(model.project, model.version), BUNDLE)
        about = json.loads(model.bundle)
        graph = storage.read_bytes(storage.join(folder, about["model"]))
        about |= {"project": owner.name, "model_version": str(model.version)}
        if configuration.get("ComponentDescription"):
            about["description"] = configuration["ComponentDescription"]
        if model.threshold is not None:
            about["threshold"] = model.threshold
        files = {about["model"]: graph, "bundle.json": json.dumps(about, indent=2).encode()}
        out = io.BytesIO()
        # The same model gives the same bytes: times are the model's own.
        with (
            gzip.GzipFile(fileobj=out, mode="wb", mtime=int(model.created)) as packed,
            tarfile.open(fileobj=packed, mode="w") as archive,
        ):
            for name, data in files.items():
                entry = tarfile.TarInfo(name)
                entry.size, entry.mtime, entry.mode = len(data), int(model.created), 0o644
                archive.addfile(entry, io.BytesIO(data))
        return out.getvalue()

    def describe_model_packaging_job(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """DescribeModelPackagingJob."""
        with self._store.read() as db:
            project = rows.project(db, call, request["ProjectName"])
            name = request["JobName"]
            wanted = select(packaging_jobs).filter_by(project=project.id, name=name)
            none = f"project {project.name} has no packaging job {name}"
            row = lookup.one(db, wanted, absent(none, f"{project.name}/{name}", _KIND))
        output = json.loads(row.output)
        return {
            "ModelPackagingDescription": {
                **_metadata(project, row),
                "ModelPackagingConfiguration": {"Greengrass": json.loads(row.configuration)},
                "ModelPackagingOutputDetails": {"Greengrass": output} if output else None,
            }
        }

    def list_model_packaging_jobs(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """ListModelPackagingJobs, by their names."""
        with self._store.read() as db:
            project = rows.project(db, call, request["ProjectName"])
            wanted = select(packaging_jobs).filter_by(project=project.id)
            order = packaging_jobs.c.name
            return list_rows(db, request, call, wanted, order, partial(_metadata, project))


def _address(configuration: dict[str, Any]) -> str:
    location = configuration["S3OutputLocation"]
    folder = location["Prefix"].rstrip("/") + "/" if location.get("Prefix") else ""
    version = configuration.get("ComponentVersion")
    name = configuration["ComponentName"] + (f"-{version}" if version else "")
    return f"s3://{location['Bucket']}/{folder}{name}.tar.gz"


def _change(db: Any, mine: ColumnElement[bool], **values: Any) -> None:
    db.execute(update(packaging_jobs).where(mine).values(updated=time.time(), **values))


def _metadata(project: AnyRow, row: AnyRow) -> dict[str, Any]:
    return {
        "JobName": row.name,
        "ProjectName": project.name,
        "ModelVersion": str(row.version),
        "ModelPackagingJobDescription": row.description,
        "ModelPackagingMethod": "GREENGRASS",
        "Status": row.status,
        "StatusMessage": row.message or None,
        "CreationTimestamp": row.created,
        "LastUpdatedTimestamp": row.updated,
    }
