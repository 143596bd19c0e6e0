"""The steps that bring the state of earlier releases up to date."""

from __future__ import annotations

from sqlalchemy import Connection, text

from brume.aws.engine.arns import Arn
from brume.aws.engine.schema import Step


def _delete_projects_in_the_background(db: Connection) -> None:
    """Projects get a status: the files of one that is DELETING are removed outside of the transaction."""
    db.execute(text("ALTER TABLE projects ADD COLUMN status VARCHAR(10) NOT NULL DEFAULT 'ACTIVE'"))


def _tag_by_arn(db: Connection) -> None:
    """Tags belonged to a project's id and a model's version (0: the project); they now belong to an ARN."""
    db.execute(
        text(
            "CREATE TABLE resource_tags (resource VARCHAR(1011) NOT NULL, key VARCHAR(128) NOT NULL, "
            "value VARCHAR(256) NOT NULL, PRIMARY KEY (resource, key))"
        )
    )
    old = db.execute(
        text(
            "SELECT region, account, name, version, key, value "
            "FROM tags JOIN projects ON projects.id = project"
        )
    ).all()
    for row in old:
        path = ("model", row.name, str(row.version)) if row.version else ("project", row.name)
        values = {"resource": str(Arn("lookoutvision", row.region, row.account, path))}
        values |= {"key": row.key, "value": row.value}
        db.execute(text("INSERT INTO resource_tags VALUES (:resource, :key, :value)"), values)
    db.execute(text("DROP TABLE tags"))


STEPS: dict[int, Step] = {2: _delete_projects_in_the_background, 3: _tag_by_arn}
