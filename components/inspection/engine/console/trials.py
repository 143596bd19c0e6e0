"""Trials: detections on pictures that are in no dataset, for a person to verify.

Pictures are uploaded one by one, or read in the background from their source. Each is processed once and its
row written at once, so that a trial cut short goes on with the pictures that are left.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from brume import storage
from brume.aws.engine import arns
from brume.aws.engine.background import Background
from brume.aws.engine.idempotency import once
from brume.aws.engine.listing import list_items, list_rows
from brume.aws.engine.service import Call, ServiceError
from brume.aws.engine.store import Store
from brume.inspection.engine import quotas, rows
from brume.inspection.engine.console import inference, renditions, trial_rows
from brume.inspection.engine.console.inference import LoadedModels
from brume.inspection.engine.console.trial_tables import results, trials
from brume.inspection.engine.errors import absent, conflict, invalid, mismatch, over_quota
from brume.inspection.engine.locations import LocationError, Locations
from brume.inspection.engine.rows import AnyRow
from brume.inspection.engine.tables import entries, projects
from brume.inspection.model import images, masks
from brume.run.rejects import unreachable

_SUFFIXES = (".png", ".jpg", ".jpeg")
_CHUNK = 500  # rows of one INSERT


class Trials:
    """The operations on trials and their results."""

    def __init__(
        self, store: Store, locations: Locations, background: Background, loaded_models: LoadedModels
    ) -> None:
        self._store = store
        self._locations = locations
        pending = select(trials.c.id).filter_by(status="IN_PROGRESS")
        self._reading = background.kind("trial", pending, self._read_source)
        self._models = loaded_models

    def create_trial(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """CreateTrial."""
        name, source = request["ProjectName"], request.get("Source", "")
        with once(self._store, call, request, mismatch(name, "PROJECT")) as answer:
            if answer.known is None:
                project = rows.project(answer.db, call, name)
                model = rows.model(answer.db, project, request["ModelVersion"])
                inference.trained(project, model)
                if source:
                    try:
                        self._locations.locate(_folder(source))
                    except LocationError as error:
                        raise invalid(f"Source: {error}") from error
                row = {
                    "id": arns.new_id(12),
                    "project": project.id,
                    "version": model.version,
                    "name": request.get("Name") or time.strftime("%d %b %Y, %H:%M UTC", time.gmtime()),
                    "source": source,
                    "status": "IN_PROGRESS" if source else "READY",
                    "message": "",
                    "created": time.time(),
                }
                answer.db.execute(insert(trials).values(**row))
                answer.value = {"id": row["id"]}
            identity = (answer.known or answer.value)["id"]
        if source:
            self._reading.submit(identity)
        return self.describe_trial({"TrialId": identity}, call)

    def describe_trial(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """DescribeTrial."""
        with self._store.read() as db:
            _, trial = trial_rows.find(db, call, request["TrialId"])
            return {"Trial": trial_rows.describe_trial(db, trial)}

    def list_trials(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """ListTrials, the newest first."""
        with self._store.read() as db:
            wanted = trial_rows.owned(call)
            if name := request.get("ProjectName"):
                wanted = wanted.where(trials.c.project == rows.project(db, call, name).id)
            order = (trials.c.created, trials.c.id)
            described = partial(trial_rows.describe_trial, db)
            return list_rows(db, request, call, wanted, order, described, newest_first=True, default=50)

    def delete_trial(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """DeleteTrial: pictures that were uploaded to it go, unless a dataset has them."""
        with self._store.write() as db:
            project, trial = trial_rows.find(db, call, request["TrialId"])
            found = db.execute(select(results).filter_by(trial=trial.id)).all()
            used = set(db.scalars(select(entries.c.source_ref).filter_by(project=project.id)))
            db.execute(delete(trials).filter_by(id=trial.id))
        for row in found:
            for kind in ("thumb.jpg", "map.png"):
                storage.remove(self._side(trial, row.id, kind))
            if row.address.startswith("brume://") and row.address not in used:
                storage.remove(self._locations.locate(row.address, project.id))
        return {"TrialId": trial.id}

    def detect_trial_image(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """DetectTrialImage."""
        name, data = request["Name"], request["Body"]
        with self._store.read() as db:
            project, trial = trial_rows.find(db, call, request["TrialId"])
            model = self._model(db, project, trial)
            there = db.execute(select(func.count()).where(results.c.trial == trial.id)).scalar_one()
        if trial.source:
            raise conflict(
                f"trial {trial.id} reads its pictures from {trial.source}: make another to upload to",
                trial.id,
                "TRIAL",
            )
        if there >= quotas.IMAGES:
            raise over_quota(
                f"a trial has at most {quotas.IMAGES:,} pictures", trial.id, "TRIAL", "images-per-trial"
            )
        identity = renditions.identity(name)
        stored = renditions.file_name(f"trial-{trial.id}-{identity}", name, data)
        address = self._locations.own_address(project.id, stored)
        values = self._detect(trial, model, identity, data)
        if values["status"] == "DETECTED":
            storage.write_bytes(self._locations.image(project.id, stored), data)
        row = {**trial_rows.blank(trial.id, identity, name, address), **values}
        with self._store.write() as db:
            known = db.execute(select(results).filter_by(trial=trial.id, id=identity)).one_or_none()
            if known and known.added:
                raise conflict(f"{name} is in the {known.added} dataset already", name, "PICTURE")
            db.execute(delete(results).filter_by(trial=trial.id, id=identity))
            db.execute(insert(results).values(**row))
            found = db.execute(select(results).filter_by(trial=trial.id, id=identity)).one()
        return {"Result": trial_rows.describe_result(found)}

    def list_trial_results(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """ListTrialResults."""
        order = request.get("SortBy", "NAME")
        with self._store.read() as db:
            _, trial = trial_rows.find(db, call, request["TrialId"])
            wanted = select(results).where(results.c.trial == trial.id, results.c.status != "PENDING")
            for member, column in (
                ("Verdict", "verdict"),
                ("IsAnomalous", "anomalous"),
                ("Status", "status"),
            ):
                if member in request:
                    wanted = wanted.where(results.c[column] == request[member])
            found = db.execute(wanted).all()

        def key(row: AnyRow) -> str:
            if order == "NAME":
                return str(row.name)
            certainty = row.confidence if row.confidence is not None else 2.0  # rejected ones come last
            rank = certainty if order == "CONFIDENCE_ASCENDING" or certainty > 1 else 1 - certainty
            return f"{rank:.9f} {row.id}"

        ordered = sorted(found, key=key)
        return list_items(ordered, request, call, key=key, describe=trial_rows.describe_result, default=100)

    def get_trial_picture(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """GetTrialPicture."""
        kind = request.get("Kind", "IMAGE")
        with self._store.read() as db:
            project, trial = trial_rows.find(db, call, request["TrialId"])
            row = trial_rows.result(db, trial, request["ResultId"])
        if row.status != "DETECTED":
            raise conflict(f"{row.name} could not be processed: {row.message}", row.name, "PICTURE")
        try:
            if kind == "THUMBNAIL":
                return {
                    "ContentType": renditions.JPEG,
                    "Body": storage.read_bytes(self._side(trial, row.id, "thumb.jpg")),
                }
            if kind == "HEATMAP":
                kept = storage.read_bytes(self._side(trial, row.id, "map.png"))
                return {
                    "ContentType": renditions.PNG,
                    "Body": renditions.heatmap(kept, row.width, row.height),
                }
            data = storage.read_bytes(self._locations.locate(row.address, project.id))
        except (OSError, LocationError, storage.StorageError) as error:
            raise absent(f"{row.name} cannot be read any more: {error}", row.name, "PICTURE") from error
        return {"ContentType": renditions.content_type(data), "Body": data}

    def _model(self, db: Connection, project: AnyRow, trial: AnyRow) -> AnyRow:
        model = rows.model(db, project, str(trial.version))
        inference.trained(project, model)
        return model

    def _side(self, trial: AnyRow, identity: str, kind: str) -> str:
        """Return the location of a file that belongs to a processed picture."""
        return storage.join(self._locations.images(trial.project), f"trial-{trial.id}-{identity}.{kind}")

    def _detect(self, trial: AnyRow, model: AnyRow, identity: str, data: bytes) -> dict[str, Any]:
        """Detect anomalies in a picture, keep its thumbnail and map, and return the columns of its row."""
        try:
            pixels = images.decode(data)
        except images.ImageError as error:
            return {"status": "REJECTED", "message": str(error)}
        found = self._models.detect(model, pixels)
        storage.write_bytes(self._side(trial, identity, "thumb.jpg"), renditions.thumbnail(pixels))
        storage.write_bytes(self._side(trial, identity, "map.png"), masks.heatmap(found.map))
        return {
            "status": "DETECTED",
            "message": "",
            "probability": found.probability,
            "anomalous": bool(found.anomalous),
            "confidence": found.confidence,
            "anomalies": json.dumps(inference.anomalies(model, found, *pixels.shape[:2])),
            "height": pixels.shape[0],
            "width": pixels.shape[1],
        }

    def _read_source(self, identity: str) -> None:
        """Process every picture of a trial's source that is still pending."""
        with self._store.read() as db:
            trial = db.execute(select(trials).filter_by(id=identity)).one_or_none()
            if trial is None or trial.status != "IN_PROGRESS":
                return
            project = db.execute(select(projects).filter_by(id=trial.project)).one()
        try:
            with self._store.read() as db:
                model = self._model(db, project, trial)
            waiting = self._list_source(trial)
            for row in waiting:
                self._detect_one(trial, project, model, row)
            status, message = "READY", ""
        except (ServiceError, LocationError, storage.StorageError, OSError) as error:
            status, message = "FAILED", str(error)
        with self._store.write() as db:
            db.execute(update(trials).where(trials.c.id == identity).values(status=status, message=message))

    def _list_source(self, trial: AnyRow) -> Sequence[AnyRow]:
        """Write a row for each picture of the source, once; return those that wait."""
        folder = self._locations.locate(_folder(trial.source))
        with self._store.read() as db:
            known = db.execute(select(func.count()).where(results.c.trial == trial.id)).scalar_one()
        if not known:
            root = folder.rstrip("/") + "/"
            names = [entry.uri.removeprefix(root) for entry in storage.list_files(folder)]
            chosen = [name for name in names if name.lower().endswith(_SUFFIXES)]
            if not chosen:
                raise LocationError(f"{trial.source} holds no PNG or JPEG picture ({len(names)} files)")
            if len(chosen) > quotas.IMAGES:
                raise LocationError(
                    f"{trial.source} holds {len(chosen):,} pictures; at most {quotas.IMAGES:,} fit"
                )
            fresh = [
                trial_rows.blank(trial.id, renditions.identity(name), name, _folder(trial.source) + name)
                for name in chosen
            ]
            with self._store.write() as db:
                for start in range(0, len(fresh), _CHUNK):
                    db.execute(insert(results), fresh[start : start + _CHUNK])
        with self._store.read() as db:
            wanted = select(results).filter_by(trial=trial.id, status="PENDING").order_by(results.c.name)
            return db.execute(wanted).all()

    def _detect_one(self, trial: AnyRow, project: AnyRow, model: AnyRow, row: AnyRow) -> None:
        try:
            data = storage.read_bytes(self._locations.locate(row.address, project.id))
            values = self._detect(trial, model, row.id, data)
        except (LocationError, storage.StorageError, OSError) as error:
            if unreachable(error):
                raise  # the trial fails, and the picture stays pending
            values = {"status": "REJECTED", "message": f"it cannot be read: {error}"}
        with self._store.write() as db:
            mine = (results.c.trial == trial.id) & (results.c.id == row.id)
            db.execute(update(results).where(mine).values(**values, created=time.time()))


def _folder(source: str) -> str:
    return source.rstrip("/") + "/"
