"""Projects."""

from __future__ import annotations

import secrets
import time
from typing import Any

from sqlalchemy import delete, insert, select

from brume import storage
from brume.aws.engine.paging import Pager
from brume.aws.engine.service import Call
from brume.inspection.engine import lookups, quotas
from brume.inspection.engine.datasets import summaries
from brume.inspection.engine.locations import Places
from brume.inspection.engine.lookups import AnyRow, conflict, over_quota, project_arn
from brume.inspection.engine.store import Store, once
from brume.inspection.engine.tables import datasets, models, projects


class Projects:
    """The operations on projects."""

    def __init__(self, store: Store, places: Places) -> None:
        self._store = store
        self._places = places

    def create(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """CreateProject."""
        name = request["ProjectName"]
        with once(self._store, call, request, name, "PROJECT") as answer:
            if answer.known is not None:
                return answer.known
            db = answer.db
            mine = select(projects.c.id).filter_by(account=call.account)
            if db.execute(mine.filter_by(name=name)).one_or_none():
                raise conflict(f"there is a project {name} already: choose another name", name, "PROJECT")
            if lookups.count(db, mine) >= quotas.PROJECTS:
                raise over_quota(
                    f"this account has {quotas.PROJECTS} projects, which is as many as there may be: "
                    "delete one",
                    name,
                    "PROJECT",
                    "projects-per-account",
                )
            row = {
                # It names folders, which a name given by a user never does.
                "id": secrets.token_hex(8),
                "account": call.account,
                "region": call.region,
                "name": name,
                "created": time.time(),
                "versions": 0,
            }
            db.execute(insert(projects).values(**row))
            answer.value = {"ProjectMetadata": _metadata(lookups.project(db, call, name))}
        return answer.value

    def describe(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """DescribeProject."""
        with self._store.read() as db:
            row = lookups.project(db, call, request["ProjectName"])
            mine = select(datasets).filter_by(project=row.id).order_by(datasets.c.type.desc())
            found = db.execute(mine).all()
        return {"ProjectDescription": {**_metadata(row), "Datasets": summaries(found)}}

    def list(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """ListProjects, by their names."""
        pager = Pager(request, call)
        wanted = select(projects).where(projects.c.account == call.account, projects.c.name > pager.after)
        with self._store.read() as db:
            found = db.execute(wanted.order_by(projects.c.name).limit(pager.size + 1)).all()
        page = found[: pager.size]
        token = pager.token(page[-1].name) if len(found) > len(page) else None
        return {"Projects": [_metadata(row) for row in page], "NextToken": token}

    def delete(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """DeleteProject: its models and datasets have to be gone; pictures that were kept go with it."""
        name = request["ProjectName"]
        with once(self._store, call, request, name, "PROJECT") as answer:
            if answer.known is not None:
                return answer.known
            db = answer.db
            row = lookups.project(db, call, name)
            versions = db.scalars(select(models.c.version).filter_by(project=row.id)).all()
            kinds = db.scalars(select(datasets.c.type).filter_by(project=row.id)).all()
            left = [f"model version {number}" for number in versions] + [f"{kind} dataset" for kind in kinds]
            if left:
                raise conflict(
                    f"project {name} still has {', '.join(left)}: delete them first", name, "PROJECT"
                )
            # Files first: what a kill leaves behind is then a project that can be deleted again.
            for folder in (self._places.images(row.id), self._places.models(row.id)):
                storage.remove(folder)
            db.execute(delete(projects).filter_by(id=row.id))
            answer.value = {"ProjectArn": project_arn(row)}
        return answer.value


def _metadata(row: AnyRow) -> dict[str, Any]:
    return {"ProjectArn": project_arn(row), "ProjectName": row.name, "CreationTimestamp": row.created}
