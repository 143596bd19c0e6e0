"""Projects."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import delete, insert, select, update

from brume import storage
from brume.aws.engine import arns, lookup
from brume.aws.engine.background import Background
from brume.aws.engine.idempotency import once
from brume.aws.engine.listing import list_rows
from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.aws.engine.tags import Tags
from brume.inspection.engine import quotas, rows
from brume.inspection.engine.datasets import summaries
from brume.inspection.engine.errors import conflict, mismatch, over_quota
from brume.inspection.engine.locations import Locations
from brume.inspection.engine.rows import AnyRow, project_arn
from brume.inspection.engine.tables import datasets, models, projects


class Projects:
    """The operations on projects."""

    def __init__(self, store: Store, locations: Locations, background: Background, tags: Tags) -> None:
        self._store = store
        self._locations = locations
        self._tags = tags
        deleting = select(projects.c.id).filter_by(status="DELETING")
        background.kind("project", deleting, self._remove)

    def create_project(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """CreateProject."""
        name = request["ProjectName"]
        with once(self._store, call, request, mismatch(name, "PROJECT")) as answer:
            if answer.known is not None:
                return answer.known
            db = answer.db
            mine = lookup.owned(projects, call)
            if known := db.execute(mine.filter_by(name=name)).one_or_none():
                state = "already" if known.status == "ACTIVE" else "that is being deleted"
                raise conflict(f"there is a project {name} {state}: choose another name", name, "PROJECT")
            if lookup.count(db, mine) >= quotas.PROJECTS:
                raise over_quota(
                    f"this account has {quotas.PROJECTS} projects, which is as many as there may be: "
                    "delete one",
                    name,
                    "PROJECT",
                    "projects-per-account",
                )
            row = {
                # It names folders, which a name given by a user never does.
                "id": arns.new_id(),
                "account": call.account,
                "region": call.region,
                "name": name,
                "created": time.time(),
                "versions": 0,
            }
            db.execute(insert(projects).values(**row))
            answer.value = {"ProjectMetadata": _metadata(rows.project(db, call, name))}
        return answer.value

    def describe_project(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """DescribeProject."""
        with self._store.read() as db:
            row = rows.project(db, call, request["ProjectName"])
            mine = select(datasets).filter_by(project=row.id).order_by(datasets.c.type.desc())
            found = db.execute(mine).all()
        return {"ProjectDescription": {**_metadata(row), "Datasets": summaries(found)}}

    def list_projects(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """ListProjects, by their names."""
        wanted = lookup.owned(projects, call, status="ACTIVE")
        with self._store.read() as db:
            return list_rows(db, request, call, wanted, projects.c.name, _metadata)

    def delete_project(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """DeleteProject: its models and datasets have to be gone; pictures that were kept go with it.

        The project is DELETING until its files are removed, which the next start of the engine goes on with;
        until then its name is taken.
        """
        name = request["ProjectName"]
        with once(self._store, call, request, mismatch(name, "PROJECT")) as answer:
            if answer.known is not None:
                return answer.known
            db = answer.db
            row = rows.project(db, call, name, deleting=True)
            versions = db.scalars(select(models.c.version).filter_by(project=row.id)).all()
            kinds = db.scalars(select(datasets.c.type).filter_by(project=row.id)).all()
            left = [f"model version {number}" for number in versions] + [f"{kind} dataset" for kind in kinds]
            if left:
                raise conflict(
                    f"project {name} still has {', '.join(left)}: delete them first", name, "PROJECT"
                )
            db.execute(update(projects).filter_by(id=row.id).values(status="DELETING"))
            self._tags.remove(db, project_arn(row))
            answer.value = {"ProjectArn": project_arn(row)}
        self._remove(row.id)
        return answer.value

    def _remove(self, project: str) -> None:
        """Remove the files of a project that is DELETING, and then the project."""
        for folder in (self._locations.images(project), self._locations.models(project)):
            storage.remove(folder)
        with self._store.write() as db:
            db.execute(delete(projects).filter_by(id=project))


def _metadata(row: AnyRow) -> dict[str, Any]:
    return {"ProjectArn": project_arn(row), "ProjectName": row.name, "CreationTimestamp": row.created}
