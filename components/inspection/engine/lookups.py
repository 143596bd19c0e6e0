"""What a caller names, found within the caller's own account; and the errors for what is not there.

Everything that an operation touches starts from `project`: a project of another account is as absent as one
that never was.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, func, select

from brume.aws.engine.service import Call, ServiceError
from brume.inspection.engine.tables import datasets, models, projects

MANY = 1_000_000  # larger than any quota: not a version of a model

AnyRow = Row[Any]


def invalid(message: str) -> ServiceError:
    """Return the error of a request that the caller has to change."""
    return ServiceError("ValidationException", message)


def conflict(message: str, resource: str, kind: str) -> ServiceError:
    """Return the error of a request that does not fit the state; `kind` is PROJECT, DATASET, MODEL ..."""
    return ServiceError("ConflictException", message, ResourceId=resource, ResourceType=kind)


def absent(message: str, resource: str, kind: str) -> ServiceError:
    """Return the error of a request for what is not there."""
    return ServiceError("ResourceNotFoundException", message, ResourceId=resource, ResourceType=kind)


def over_quota(message: str, resource: str, kind: str, quota: str) -> ServiceError:
    """Return the error of a request that would exceed `quota` (see quotas.py)."""
    return ServiceError(
        "ServiceQuotaExceededException",
        message,
        ResourceId=resource,
        ResourceType=kind,
        QuotaCode=quota,
        ServiceCode="lookoutvision",
    )


def project(db: Connection, call: Call, name: str) -> AnyRow:
    """Return a project of the caller's account. Raises ResourceNotFoundException."""
    found = db.execute(select(projects).filter_by(account=call.account, name=name)).one_or_none()
    if found is None:
        raise absent(f"there is no project {name}: list_projects shows those there are", name, "PROJECT")
    return found


def dataset(db: Connection, owner: AnyRow, kind: str) -> AnyRow:
    """Return the train or test dataset of a project. Raises ResourceNotFoundException."""
    found = db.execute(select(datasets).filter_by(project=owner.id, type=kind)).one_or_none()
    if found is None:
        raise absent(f"project {owner.name} has no {kind} dataset", f"{owner.name}/{kind}", "DATASET")
    return found


def model(db: Connection, owner: AnyRow, version: str) -> AnyRow:
    """Return a version of a project's model, by its number or `latest`. Raises ResourceNotFoundException."""
    mine = select(models).filter_by(project=owner.id)
    if version == "latest":
        found = db.execute(mine.order_by(models.c.version.desc()).limit(1)).one_or_none()
    else:
        found = db.execute(mine.filter_by(version=min(int(version), MANY))).one_or_none()
    if found is None:
        raise absent(
            f"project {owner.name} has no model version {version}", f"{owner.name}/{version}", "MODEL"
        )
    return found


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


def count(db: Connection, statement: Any) -> int:
    """Return how many rows `statement` selects."""
    return int(db.execute(select(func.count()).select_from(statement.subquery())).scalar_one())


def project_arn(row: AnyRow) -> str:
    """Return the Amazon Resource Name of a project."""
    return f"arn:aws:lookoutvision:{row.region}:{row.account}:project/{row.name}"


def model_arn(owner: AnyRow, version: int) -> str:
    """Return the Amazon Resource Name of a model version of the project `owner`."""
    return f"arn:aws:lookoutvision:{owner.region}:{owner.account}:model/{owner.name}/{version}"


def resource(db: Connection, call: Call, arn: str) -> tuple[AnyRow, int]:
    """Return the project and the version (0: the project itself) that an ARN names, in the caller's account.

    Raises ValidationException for text that is no such ARN, ResourceNotFoundException for nothing of the
    caller's.
    """
    parts = arn.split(":", 5)
    path = parts[5].split("/") if len(parts) == 6 else []
    if (
        parts[0] != "arn"
        or parts[2:3] != ["lookoutvision"]
        or (path[:1], len(path))
        not in (
            (["project"], 2),
            (["model"], 3),
        )
    ):
        raise invalid(
            f"{arn} is no ARN of a project or model: describe_project and describe_model return them"
        )
    if parts[4] != call.account:
        raise absent(f"{arn} is not in this account", arn, "MODEL" if path[0] == "model" else "PROJECT")
    owner = project(db, call, path[1])
    if path[0] == "project":
        return owner, 0
    if not path[2].isdecimal():
        raise invalid(f"{arn} does not end in a model's version")
    return owner, int(model(db, owner, path[2]).version)
