"""Hosting: a TRAINED model is started, answers, and is stopped.

Each change of state is written before and after the work, so that an engine that was killed in between knows
what it was about: what is or was being hosted is hosted again, what was being stopped is stopped.
"""

from __future__ import annotations

import logging
from typing import Any

import urllib3
from sqlalchemy import ColumnElement, func, select, update

from components import storage
from components.aws.service import Call
from components.cluster import images as container_images
from components.cluster import serving
from components.cluster.kube import KubeError
from components.cluster.place import in_cluster
from components.cluster.resources import Resources
from components.cluster.serving import Model, ServingError
from components.inspection import lookups, quotas
from components.inspection.background import Background
from components.inspection.lookups import AnyRow, invalid, over_quota
from components.inspection.places import Places
from components.inspection.store import Store, once
from components.inspection.tables import models, projects
from components.inspection.training_jobs import BUNDLE

_HOSTING = ("STARTING_HOSTING", "HOSTED", "STOPPING_HOSTING")
_WORKERS = 2  # requests that one inference unit works on at once
_log = logging.getLogger(__name__)


class Hosting:
    """StartModel and StopModel, and what they set going."""

    def __init__(
        self, store: Store, places: Places, background: Background, share: Resources, folder: str
    ) -> None:
        """`share` is what a pod gets; `folder` is where this machine keeps the account of the processes."""
        self._store = store
        self._places = places
        self._background = background
        self._share = share
        self._folder = folder

    def resume(self) -> None:
        """Host again what was hosted, and go on with what was being started or stopped."""
        with self._store.read() as db:
            rows = db.execute(select(models).where(models.c.status.in_(_HOSTING))).all()
        for row in rows:
            if row.status == "HOSTED" and _answers(row):
                continue
            self._background.submit(_key(row.project, row.version), self._work, row.project, row.version)

    def close(self) -> None:
        """End this machine's predictors; the models stay HOSTED, and are hosted again by the next start."""
        if in_cluster():
            return
        with self._store.read() as db:
            rows = db.execute(select(models).where(models.c.status.in_(_HOSTING))).all()
        for row in rows:
            serving.stop(served_name(row.project, row.version), self._folder)

    def start(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """StartModel: MinInferenceUnits run; MaxInferenceUnits is kept and told, nothing scales by itself."""
        name, version = request["ProjectName"], request["ModelVersion"]
        units, most = request["MinInferenceUnits"], request.get("MaxInferenceUnits")
        if most is not None and most < units:
            raise invalid(f"MaxInferenceUnits is {most}, below MinInferenceUnits, which is {units}")
        with once(self._store, call, request, f"{name}/{version}", "MODEL") as answer:
            if answer.known is not None:
                return answer.known
            db = answer.db
            project = lookups.project(db, call, name)
            row = lookups.model_in(
                db, project, version, ("TRAINED", "HOSTING_FAILED"), "only a TRAINED one is started"
            )
            mine = select(projects.c.id).filter_by(account=call.account)
            running = select(func.coalesce(func.sum(models.c.min_units), 0)).where(
                models.c.project.in_(mine), models.c.status.in_(_HOSTING)
            )
            if (total := int(db.execute(running).scalar_one()) + units) > quotas.HOSTED_UNITS:
                raise over_quota(
                    f"{total} inference units would run; at most {quotas.HOSTED_UNITS} may: stop a model",
                    f"{name}/{row.version}",
                    "MODEL",
                    "inference-units",
                )
            values = {"status": "STARTING_HOSTING", "message": "", "min_units": units, "max_units": most}
            db.execute(update(models).where(_mine(project.id, row.version)).values(url="", **values))
            answer.value = {"Status": "STARTING_HOSTING"}
        self._background.submit(_key(project.id, row.version), self._work, project.id, row.version)
        return answer.value

    def stop(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """StopModel."""
        name, version = request["ProjectName"], request["ModelVersion"]
        with once(self._store, call, request, f"{name}/{version}", "MODEL") as answer:
            if answer.known is not None:
                return answer.known
            db = answer.db
            project = lookups.project(db, call, name)
            row = lookups.model_in(
                db, project, version, ("HOSTED", "HOSTING_FAILED"), "only a HOSTED one is stopped"
            )
            values = {"status": "STOPPING_HOSTING", "message": ""}
            db.execute(update(models).where(_mine(project.id, row.version)).values(**values))
            answer.value = {"Status": "STOPPING_HOSTING"}
        self._background.submit(_key(project.id, row.version), self._work, project.id, row.version)
        return answer.value

    def revive(self, row: AnyRow) -> None:
        """Host a model again whose predictor does not answer any more."""
        with self._store.write() as db:
            lost = _mine(row.project, row.version) & (models.c.status == "HOSTED") & (models.c.url == row.url)
            changed = db.execute(update(models).where(lost).values(status="STARTING_HOSTING", url=""))
        if changed.rowcount:
            _log.warning("%s does not answer: it is started again", served_name(row.project, row.version))
            self._background.submit(_key(row.project, row.version), self._work, row.project, row.version)

    def _work(self, project: str, version: int) -> None:
        """Do what the state asks for, until it asks for nothing more."""
        while True:
            with self._store.read() as db:
                row = db.execute(select(models).where(_mine(project, version))).one_or_none()
            if row is None or row.status not in _HOSTING or (row.status == "HOSTED" and _answers(row)):
                return
            if row.status == "STOPPING_HOSTING":
                self._stop(row)
            else:
                self._start(row)

    def _start(self, row: AnyRow) -> None:
        if row.status == "HOSTED":  # by an earlier process of the engine
            self._change(row, "HOSTED", status="STARTING_HOSTING", url="")
        units = int(row.min_units or 1)
        model = Model(
            served_name(row.project, row.version),
            storage.join(self._places.model(row.project, row.version), BUNDLE),
            image=container_images.reference("engines"),
            resources=self._share,
            module="components.inspection.predictor",
            # On a cluster each unit is a replica; on one machine there is one process for all of them.
            arguments=("--workers", str(_WORKERS if in_cluster() else max(_WORKERS, units))),
            replicas=units,
            folder=self._folder,
        )

        def tell(line: str) -> None:
            _log.info(line)
            self._change(row, "STARTING_HOSTING", message=line)

        try:
            url = serving.serve(model, tell).url
        except (ServingError, KubeError, OSError) as error:
            self._change(row, "STARTING_HOSTING", status="HOSTING_FAILED", message=str(error), url="")
            return
        self._change(row, "STARTING_HOSTING", status="HOSTED", message="", url=url)

    def _stop(self, row: AnyRow) -> None:
        try:
            serving.stop(served_name(row.project, row.version), self._folder)
        except (KubeError, OSError) as error:
            failed = f"it cannot be stopped: {error}"
            self._change(row, "STOPPING_HOSTING", status="HOSTING_FAILED", message=failed)
            return
        self._change(row, "STOPPING_HOSTING", status="TRAINED", message="", url="")

    def _change(self, row: AnyRow, before: str, **values: Any) -> None:
        with self._store.write() as db:
            mine = _mine(row.project, row.version) & (models.c.status == before)
            db.execute(update(models).where(mine).values(**values))


def served_name(project: str, version: int) -> str:
    """Return the name by which a version is served."""
    return f"inspection-{project}-{version}"


def _key(project: str, version: int) -> tuple[str, str, int]:
    return "hosting", project, version


def _mine(project: str, version: int) -> ColumnElement[bool]:
    return (models.c.project == project) & (models.c.version == version)


def _answers(row: AnyRow) -> bool:
    """Tell whether the predictor is there, and is the one of this model."""
    if not row.url:
        return False
    address = f"{row.url}/v1/models/{served_name(row.project, row.version)}"
    try:
        return urllib3.request("GET", address, retries=False, timeout=3.0).status == 200
    except urllib3.exceptions.HTTPError:
        return False
