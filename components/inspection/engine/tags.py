"""Tags of projects and models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from brume.aws.engine.service import Call
from brume.inspection.engine import lookups, quotas
from brume.inspection.engine.lookups import AnyRow, invalid, over_quota
from brume.inspection.engine.store import Store
from brume.inspection.engine.tables import tags


class Tagging:
    """TagResource, UntagResource and ListTagsForResource."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """TagResource: a key that is there gets the new value."""
        with self._store.write() as db:
            project, version = lookups.resource(db, call, request["ResourceArn"])
            put_tags(db, project, version, request["Tags"], request["ResourceArn"])
        return {}

    def remove(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """UntagResource: a key that is not there is no error."""
        with self._store.write() as db:
            project, version = lookups.resource(db, call, request["ResourceArn"])
            db.execute(
                delete(tags).where(
                    tags.c.project == project.id,
                    tags.c.version == version,
                    tags.c.key.in_(request["TagKeys"]),
                )
            )
        return {}

    def list(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """ListTagsForResource."""
        with self._store.read() as db:
            project, version = lookups.resource(db, call, request["ResourceArn"])
            found = tags_of(db, project, version)
        return {"Tags": [{"Key": key, "Value": value} for key, value in found.items()]}


def tags_of(db: Connection, project: AnyRow, version: int) -> dict[str, str]:
    """Return the tags of a project (version 0) or model, by key."""
    mine = select(tags).filter_by(project=project.id, version=version).order_by(tags.c.key)
    return {row.key: row.value for row in db.execute(mine)}


def put_tags(
    db: Connection, project: AnyRow, version: int, given: Sequence[dict[str, str]], resource: str
) -> None:
    """Add tags to a project (version 0) or model. Raises `ServiceError` past the quota, or for a bad key."""
    fresh = {item["Key"]: item["Value"] for item in given}
    if len(fresh) != len(given):
        raise invalid("Tags names a key twice")
    if reserved := next((key for key in fresh if key.lower().startswith("aws:")), None):
        raise invalid(f"the tag {reserved} begins with aws:, which is reserved")
    merged = tags_of(db, project, version) | fresh
    if len(merged) > quotas.TAGS:
        raise over_quota(
            f"{resource} would have {len(merged)} tags; at most {quotas.TAGS} are allowed",
            resource,
            "MODEL" if version else "PROJECT",
            "tags-per-resource",
        )
    mine = (tags.c.project == project.id) & (tags.c.version == version)
    db.execute(delete(tags).where(mine, tags.c.key.in_(fresh)))
    rows = [{"project": project.id, "version": version, "key": k, "value": v} for k, v in fresh.items()]
    if rows:
        db.execute(insert(tags), rows)
