"""Pictures of a project's datasets: taken in from a client that alone has them, and shown."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Connection, delete, select

from brume import storage
from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.inspection.engine import rows
from brume.inspection.engine.console import inference, renditions
from brume.inspection.engine.console.inference import LoadedModels
from brume.inspection.engine.console.trial_tables import predictions
from brume.inspection.engine.console.verdicts import put
from brume.inspection.engine.errors import absent, invalid
from brume.inspection.engine.locations import LocationError, Locations
from brume.inspection.engine.rows import AnyRow
from brume.inspection.engine.tables import entries
from brume.inspection.model import images, masks
from brume.inspection.model.manifest import parse_line, write_line


class DatasetImages:
    """The operations on pictures of datasets."""

    def __init__(self, store: Store, locations: Locations, loaded_models: LoadedModels) -> None:
        self._store = store
        self._locations = locations
        self._models = loaded_models

    def put_dataset_image(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """PutDatasetImage."""
        name, kind, data = request["Name"], request["DatasetType"], request["Body"]
        with self._store.read() as db:
            project = rows.project(db, call, request["ProjectName"])
        renditions.decode(data)
        # Training and test pictures of one name are two pictures.
        stored = renditions.file_name(f"{kind}-{renditions.identity(name)}", name, data)
        address = self._locations.own_address(project.id, stored)
        storage.write_bytes(self._locations.image(project.id, stored), data)
        label = {"NORMAL": False, "ANOMALY": True}.get(request.get("Label", ""))
        line = parse_line(write_line(address, label, time.time(), "upload/" + kind))
        with self._store.write() as db:
            put(db, project, kind, [line])
            # Predictions for another picture under this name are void.
            db.execute(
                delete(predictions).filter_by(project=project.id, picture=renditions.identity(address))
            )
        return {"SourceRef": address}

    def get_dataset_picture(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """GetDatasetPicture."""
        kind, version = request.get("Kind", "IMAGE"), request.get("ModelVersion")
        with self._store.read() as db:
            project = rows.project(db, call, request["ProjectName"])
            address = self._address(db, project, request["PictureId"])
            model = rows.model(db, project, version) if version else None
        if kind == "HEATMAP" and model is None:
            raise invalid("ModelVersion: a heatmap is of one model: name it")
        try:
            data = storage.read_bytes(self._locations.locate(address, project.id))
            if kind == "IMAGE":
                return {"ContentType": renditions.content_type(data), "Body": data}
            pixels = images.decode(data)
        except (OSError, LocationError, storage.StorageError, images.ImageError) as error:
            raise absent(f"{address} cannot be read: {error}", address, "PICTURE") from error
        if model is None or kind == "THUMBNAIL":
            return {"ContentType": renditions.JPEG, "Body": renditions.thumbnail(pixels)}
        inference.trained(project, model)
        kept = masks.heatmap(self._models.detect(model, pixels).map)
        return {
            "ContentType": renditions.PNG,
            "Body": renditions.heatmap(kept, pixels.shape[1], pixels.shape[0]),
        }

    def _address(self, db: Connection, project: AnyRow, identity: str) -> str:
        for address in db.scalars(select(entries.c.source_ref).filter_by(project=project.id)):
            if renditions.identity(address) == identity:
                return str(address)
        raise absent(f"project {project.name} has no picture {identity}", identity, "PICTURE")
