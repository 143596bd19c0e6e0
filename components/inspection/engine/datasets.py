"""Datasets: from a manifest, from a folder with automatic labels, or empty and filled later.

A manifest is `DatasetSource.GroundTruthManifest.S3Object`. A Key that ends in a slash names a folder
instead (an extension): every PNG and JPEG below it, labelled by the nearest folder around it that is called
`normal` or `anomaly`, and not labelled where there is none.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, case, delete, func, insert, select, update

from brume import storage
from brume.aws.engine import lookup
from brume.aws.engine.background import Background
from brume.aws.engine.idempotency import once
from brume.aws.engine.listing import list_rows
from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.inspection.engine import errors, quotas, rows
from brume.inspection.engine.errors import conflict, invalid, mismatch
from brume.inspection.engine.locations import LocationError, Locations
from brume.inspection.engine.rows import AnyRow
from brume.inspection.engine.tables import datasets, entries, models
from brume.inspection.model.manifest import Line, ManifestError, parse, parse_line, write_line

_MAX_MANIFEST = 256 << 20  # bytes
_SUFFIXES = (".png", ".jpg", ".jpeg")
_LABELS = {"normal": False, "anomaly": True}
_CHUNK = 500  # rows of one INSERT


class Datasets:
    """The operations on datasets and their entries."""

    def __init__(self, store: Store, locations: Locations, background: Background) -> None:
        self._store = store
        self._locations = locations
        pending = select(datasets.c.project, datasets.c.type).filter_by(status="CREATE_IN_PROGRESS")
        self._filling = background.kind("dataset", pending, self._fill)

    def create_dataset(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """CreateDataset."""
        name, kind = request["ProjectName"], request["DatasetType"]
        source = _source(request)
        with once(self._store, call, request, mismatch(f"{name}/{kind}", "DATASET")) as answer:
            if answer.known is not None:
                return answer.known
            project = rows.project(answer.db, call, name)
            found = answer.db.execute(select(datasets).filter_by(project=project.id, type=kind)).one_or_none()
            if found:
                raise conflict(
                    f"project {name} has a {kind} dataset already ({found.status}): delete it first, or "
                    "add to it with update_dataset_entries",
                    f"{name}/{kind}",
                    "DATASET",
                )
            now = time.time()
            row = {
                "project": project.id,
                "type": kind,
                "status": "CREATE_IN_PROGRESS" if source else "CREATE_COMPLETE",
                "message": "the manifest is being read" if source else "",
                "created": now,
                "updated": now,
                "source": source,
            }
            answer.db.execute(insert(datasets).values(**row))
            answer.value = {"DatasetMetadata": _metadata(row)}
        if source:
            self._filling.submit(project.id, kind)
        return answer.value

    def _fill(self, project: str, kind: str) -> None:
        with self._store.read() as db:
            row = db.execute(select(datasets).filter_by(project=project, type=kind)).one_or_none()
        if row is None or row.status != "CREATE_IN_PROGRESS":
            return
        try:
            lines, message = self._read(row.source, project)
            status = "CREATE_COMPLETE"
            if len(lines) > quotas.IMAGES:
                raise ManifestError([(0, f"at most {quotas.IMAGES:,} images are allowed")], len(lines))
        except (LocationError, ManifestError, storage.StorageError, OSError) as error:
            lines, status, message = [], "CREATE_FAILED", f"{row.source}: {error}"
        now = time.time()
        mine = (datasets.c.project == project) & (datasets.c.type == kind)
        with self._store.write() as db:
            changed = db.execute(
                update(datasets)
                .where(mine, datasets.c.status == "CREATE_IN_PROGRESS")
                .values(status=status, message=message, updated=now)
            )
            if changed.rowcount:
                _add(db, project, kind, lines, 0, now)

    def _read(self, source: str, project: str) -> tuple[list[Line], str]:
        location = self._locations.locate(source)
        if source.endswith("/"):
            return self._read_folder(source, location)
        if storage.stat(location).size > _MAX_MANIFEST:
            raise LocationError(f"the manifest is larger than {_MAX_MANIFEST >> 20} MiB")

        lines = parse(storage.read_bytes(location), lambda line: self._missing(line, project))
        if not lines:
            raise LocationError("the manifest is empty")
        return lines, ""

    def _missing(self, line: Line, project: str) -> str | None:
        """Return why a line's picture, or the mask that training would read, cannot be used."""
        references = [line.source_ref, *([line.mask_ref] if line.anomalous and line.colors else [])]
        return next(filter(None, (self._locations.missing(item, project) for item in references)), None)

    def _read_folder(self, source: str, location: str) -> tuple[list[Line], str]:
        found = storage.list_files(location)
        if not found:
            raise LocationError("there is no file in this folder")
        now = time.time()
        lines, others = [], 0
        for entry in found:
            relative = entry.uri.removeprefix(location.rstrip("/") + "/")
            if not relative.lower().endswith(_SUFFIXES):
                others += 1
                continue
            address = source + relative
            around = reversed(address.lower().split("/")[3:-1])  # below the bucket, the nearest first
            label = next((_LABELS[part] for part in around if part in _LABELS), None)
            lines.append(parse_line(write_line(address, label, now, "automatic-label/folder-name")))
        if not lines:
            raise LocationError(f"none of the {others} files is a PNG or JPEG by its name")
        return lines, f"{others} files that are no pictures were passed over" if others else ""

    def describe_dataset(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """DescribeDataset."""
        with self._store.read() as db:
            project = rows.project(db, call, request["ProjectName"])
            row = rows.dataset(db, project, request["DatasetType"])
            total, labeled, anomalous = counts(db, project.id, row.type)
        return {
            "DatasetDescription": {
                "ProjectName": project.name,
                **_metadata(row._asdict()),
                "LastUpdatedTimestamp": row.updated,
                "ImageStats": {
                    "Total": total,
                    "Labeled": labeled,
                    "Normal": labeled - anomalous,
                    "Anomaly": anomalous,
                },
            }
        }

    def delete_dataset(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """DeleteDataset."""
        name, kind = request["ProjectName"], request["DatasetType"]
        with once(self._store, call, request, mismatch(f"{name}/{kind}", "DATASET")) as answer:
            if answer.known is None:
                project = rows.project(answer.db, call, name)
                row = rows.dataset(answer.db, project, kind)
                self._refuse_if_busy(answer.db, project, row)
                answer.db.execute(delete(datasets).filter_by(project=project.id, type=kind))
        return {}

    def _refuse_if_busy(self, db: Connection, project: AnyRow, row: AnyRow) -> None:
        resource = f"{project.name}/{row.type}"
        if row.status == "CREATE_IN_PROGRESS":
            raise conflict(f"the {row.type} dataset is still being made", resource, "DATASET")
        if lookup.count(db, select(models.c.version).filter_by(project=project.id, status="TRAINING")):
            raise conflict(f"a model of project {project.name} is being trained", resource, "DATASET")

    def list_dataset_entries(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """ListDatasetEntries."""
        with self._store.read() as db:
            project = rows.project(db, call, request["ProjectName"])
            row = rows.dataset(db, project, request["DatasetType"])
            chosen = select(entries).filter_by(project=project.id, type=row.type)
            if (labeled := request.get("Labeled")) is not None:
                known = entries.c.anomalous.is_not(None)
                chosen = chosen.where(known if labeled else ~known)
            if kind := request.get("AnomalyClass"):
                chosen = chosen.where(entries.c.anomalous == (kind == "anomaly"))
            if before := request.get("BeforeCreationDate"):
                chosen = chosen.where(entries.c.created < before.timestamp())
            if after := request.get("AfterCreationDate"):
                chosen = chosen.where(entries.c.created > after.timestamp())
            if part := request.get("SourceRefContains"):
                reference = func.lower(entries.c.source_ref)
                chosen = chosen.where(reference.contains(part.lower(), autoescape=True))
            return list_rows(db, request, call, chosen, entries.c.position, lambda row: row.line)

    def update_dataset_entries(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """UpdateDatasetEntries: a line replaces the one with the same source-ref, or is added.

        All lines are taken or none, before the answer: there is no state in between to wait for.
        """
        name, kind = request["ProjectName"], request["DatasetType"]
        with self._store.read() as db:  # an unknown project is reported before a bad line
            project = rows.project(db, call, name)
            rows.dataset(db, project, kind)
        try:
            lines = parse(request["Changes"], lambda line: self._missing(line, project.id))
        except ManifestError as error:
            raise invalid(f"Changes: {error}") from error
        if not lines:
            raise invalid("Changes holds no line")
        with once(self._store, call, request, mismatch(f"{name}/{kind}", "DATASET")) as answer:
            if answer.known is not None:
                return answer.known
            db = answer.db
            project = rows.project(db, call, name)
            row = rows.dataset(db, project, kind)
            if row.status in ("CREATE_IN_PROGRESS", "CREATE_FAILED"):
                raise conflict(
                    f"the {kind} dataset is {row.status}: it cannot be changed", f"{name}/{kind}", "DATASET"
                )
            replace(db, project, kind, lines)
            answer.value = {"Status": "UPDATE_COMPLETE"}
        return answer.value


def replace(db: Connection, project: AnyRow, kind: str, lines: Sequence[Line]) -> None:
    """Put lines into a dataset, each in place of the one with its source-ref, or at the end.

    Raises ServiceQuotaExceededException when it would hold too many images.
    """
    now = time.time()
    of_it = (entries.c.project == project.id) & (entries.c.type == kind)
    there = set(db.scalars(select(entries.c.source_ref).where(of_it)))
    fresh = [line for line in lines if line.source_ref not in there]
    if len(there) + len(fresh) > quotas.IMAGES:
        raise errors.over_quota(
            f"the {kind} dataset would hold {len(there) + len(fresh):,} images; at most {quotas.IMAGES:,} "
            "are allowed",
            f"{project.name}/{kind}",
            "DATASET",
            "images-per-dataset",
        )
    for line in lines:
        if line.source_ref in there:
            values = {"line": line.text, "anomalous": line.anomalous, "created": line.created or now}
            db.execute(update(entries).where(of_it, entries.c.source_ref == line.source_ref).values(values))
    last = db.execute(select(func.max(entries.c.position)).where(of_it)).scalar()
    _add(db, project.id, kind, fresh, 0 if last is None else last + 1, now)
    db.execute(
        update(datasets)
        .where(datasets.c.project == project.id, datasets.c.type == kind)
        .values(status="UPDATE_COMPLETE", message="", updated=now)
    )


def _add(db: Connection, project: str, kind: str, lines: Sequence[Line], first: int, now: float) -> None:
    rows = [
        {
            "project": project,
            "type": kind,
            "source_ref": line.source_ref,
            "position": position,
            "line": line.text,
            "anomalous": line.anomalous,
            "created": line.created or now,
        }
        for position, line in enumerate(lines, first)
    ]
    for start in range(0, len(rows), _CHUNK):
        db.execute(insert(entries), rows[start : start + _CHUNK])


def counts(db: Connection, project: str, kind: str) -> tuple[int, int, int]:
    """Return the images of a dataset: all, labelled, anomalous."""
    total, labeled, anomalous = db.execute(
        select(
            func.count(),
            func.count(entries.c.anomalous),
            func.count(case((entries.c.anomalous.is_(True), 1))),
        ).where(entries.c.project == project, entries.c.type == kind)
    ).one()
    return int(total), int(labeled), int(anomalous)


def labelled_lines(db: Connection, project: str, kind: str) -> list[str]:
    """Return the labelled lines of a dataset, in their order."""
    mine = select(entries.c.line).filter_by(project=project, type=kind)
    return list(db.scalars(mine.where(entries.c.anomalous.is_not(None)).order_by(entries.c.position)))


def summaries(rows: Iterable[AnyRow]) -> list[dict[str, Any]]:
    """Return DatasetMetadata of each."""
    return [_metadata(row._asdict()) for row in rows]


def _metadata(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "DatasetType": row["type"],
        "CreationTimestamp": row["created"],
        "Status": row["status"],
        "StatusMessage": row["message"] or None,
    }


def _source(request: dict[str, Any]) -> str:
    """Return the address of the manifest or folder, "" when the dataset starts empty."""
    if not request.get("DatasetSource"):
        return ""
    location = (request["DatasetSource"].get("GroundTruthManifest") or {}).get("S3Object")
    if not location:
        raise invalid("DatasetSource needs GroundTruthManifest.S3Object with Bucket and Key")
    if location.get("VersionId"):
        raise invalid("S3Object.VersionId cannot be read here: name the object without a version")
    return f"s3://{location['Bucket']}/{location['Key']}"
