"""The request of a training: the images as they are labelled now, and the locations of files."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from brume.inspection.engine.datasets import labelled_lines
from brume.inspection.engine.locations import Locations
from brume.inspection.engine.rows import AnyRow
from brume.inspection.engine.tables import datasets, projects


def training_request(db: Connection, model: AnyRow, locations: Locations, backbone: str) -> dict[str, Any]:
    """Return the content of request.json for a row of `models`; `training_program` reads it.

    `backbone` is the path or URI of a pretrained network, "" for none.
    """
    project = db.execute(select(projects).filter_by(id=model.project)).one()
    kinds = set(db.scalars(select(datasets.c.type).filter_by(project=model.project)))
    return {
        "project": project.name,
        "project_id": project.id,
        "version": model.version,
        "lines": {kind: labelled_lines(db, model.project, kind) for kind in sorted(kinds)},
        "places": locations.to_json(),
        "output": {"bucket": model.output_bucket, "prefix": model.output_prefix},
        "backbone": backbone,
    }
