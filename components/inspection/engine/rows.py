"""Rows of the caller's projects, datasets and models, and their ARNs.

Every operation starts from `project`: a project of another account is as absent as one that never was.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, select

from brume.aws.engine import arns, lookup
from brume.aws.engine.arns import Arn
from brume.aws.engine.service import Call, ServiceError
from brume.aws.engine.store import Store
from brume.aws.engine.tags import Tags
from brume.inspection.engine import tables
from brume.inspection.engine.errors import absent, conflict, invalid, over_quota
from brume.inspection.engine.tables import datasets, models, projects

MANY = 1_000_000  # larger than any quota: not a version of a model

AnyRow = Row[Any]


def project(db: Connection, call: Call, name: str, *, deleting: bool = False) -> AnyRow:
    """Return a project of the caller's account, with `deleting` also one that is DELETING.

    Raises ResourceNotFoundException.
    """
    none = absent(f"there is no project {name}: list_projects shows those there are", name, "PROJECT")
    state = {} if deleting else {"status": "ACTIVE"}
    return lookup.one(db, lookup.owned(projects, call, name=name, **state), none)


def dataset(db: Connection, owner: AnyRow, kind: str) -> AnyRow:
    """Return the train or test dataset of a project. Raises ResourceNotFoundException."""
    none = absent(f"project {owner.name} has no {kind} dataset", f"{owner.name}/{kind}", "DATASET")
    return lookup.one(db, select(datasets).filter_by(project=owner.id, type=kind), none)


def model(db: Connection, owner: AnyRow, version: str) -> AnyRow:
    """Return a version of a project's model, by its number or `latest`. Raises ResourceNotFoundException."""
    mine = select(models).filter_by(project=owner.id)
    latest = mine.order_by(models.c.version.desc()).limit(1)
    wanted = latest if version == "latest" else mine.filter_by(version=min(int(version), MANY))
    none = absent(f"project {owner.name} has no model version {version}", f"{owner.name}/{version}", "MODEL")
    return lookup.one(db, wanted, none)


def model_in(db: Connection, project: AnyRow, version: str, states: tuple[str, ...], remedy: str) -> AnyRow:
    """Return a version of a project's model that is in one of `states`.

    Raises the errors of `model`, and ConflictException with `remedy` in any other state.
    """
    row = model(db, project, version)
    if row.status not in states:
        raise conflict(
            f"version {row.version} of project {project.name} is {row.status}: {remedy}",
            f"{project.name}/{row.version}",
            "MODEL",
        )
    return row


def project_arn(row: AnyRow) -> str:
    """Return the Amazon Resource Name of a project."""
    return str(Arn("lookoutvision", row.region, row.account, ("project", row.name)))


def model_arn(owner: AnyRow, version: int) -> str:
    """Return the Amazon Resource Name of a model version of the project `owner`."""
    return str(Arn("lookoutvision", owner.region, owner.account, ("model", owner.name, str(version))))


def resource(db: Connection, call: Call, text: str) -> str:
    """Return the ARN of the project or model of the caller's that `text`, an ARN, names.

    Raises ValidationException for text that is no such ARN, ResourceNotFoundException for nothing of the
    caller's.
    """
    try:
        arn = arns.parse(text)
    except ValueError:
        arn = Arn("", "", "", ())
    kind, *names = arn.path or ("",)
    if arn.service != "lookoutvision" or (kind, len(names)) not in (("project", 1), ("model", 2)):
        raise invalid(
            f"{text} is no ARN of a project or model: describe_project and describe_model return them"
        )
    if arn.account != call.account:
        raise absent(f"{text} is not in this account", text, kind.upper())
    owner = project(db, call, names[0])
    if kind == "project":
        return project_arn(owner)
    if not names[1].isdecimal():
        raise invalid(f"{text} does not end in a model's version")
    return model_arn(owner, int(model(db, owner, names[1]).version))


def tags_of_resources(store: Store) -> Tags:
    """Return the operations on tags of projects and models."""

    def too_many(message: str) -> ServiceError:
        return over_quota(message, "tags", "RESOURCE", "tags-per-resource")

    return Tags(store, tables.tags, resource, invalid=invalid, too_many=too_many)
