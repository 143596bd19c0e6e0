"""Hosting: a TRAINED model is started, answers, and is stopped.

Each change of state is written before and after the work, so that an engine that was killed in between knows
what it was about: what is or was being hosted is hosted again, what was being stopped is stopped.
"""

from __future__ import annotations

import logging
import time
from typing import Any

import urllib3
from sqlalchemy import ColumnElement, func, select, update

from brume import storage
from brume.aws.engine.background import Background
from brume.aws.engine.idempotency import once
from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.cluster import images as container_images
from brume.cluster import serving
from brume.cluster.compute import in_cluster
from brume.cluster.kube import KubeError
from brume.cluster.resources import Resources
from brume.cluster.serving import Model, ServingError
from brume.inspection.engine import quotas, rows
from brume.inspection.engine.errors import invalid, mismatch, over_quota
from brume.inspection.engine.locations import Locations
from brume.inspection.engine.rows import AnyRow
from brume.inspection.engine.tables import models, projects
from brume.inspection.engine.training_files import BUNDLE

_HOSTING = ("STARTING_HOSTING", "HOSTED", "STOPPING_HOSTING")
_WORKERS = 2  # requests that one inference unit works on at once
# The nodes of a cluster know a new service only after a moment, and replaces by itself a pod that ends.
_SECONDS_TO_ANSWER, _SECONDS_TO_COME_BACK = 60.0, 60.0
_SECONDS_BETWEEN_LOOKS = 0.5
_log = logging.getLogger(__name__)


class Hosting:
    """StartModel and StopModel, and what they set going."""

    def __init__(
        self, store: Store, locations: Locations, background: Background, share: Resources, folder: str
    ) -> None:
        """`share` is what a pod gets; `folder` is where this machine keeps the account of the processes."""
        self._store = store
        self._locations = locations
        key = select(models.c.project, models.c.version)
        self._changing = background.kind("hosting", key.where(models.c.status.in_(_HOSTING)), self._work)
        self._share = share
        self._folder = folder

    def close(self) -> None:
        """End this machine's predictors; the models stay HOSTED, and are hosted again by the next start."""
        if in_cluster():
            return
        with self._store.read() as db:
            rows = db.execute(select(models).where(models.c.status.in_(_HOSTING))).all()
        for row in rows:
            serving.stop(served_name(row.project, row.version), self._folder)

    def start_model(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """StartModel: MinInferenceUnits run; on a cluster, up to MaxInferenceUnits while those are busy."""
        name, version = request["ProjectName"], request["ModelVersion"]
        units, most = request["MinInferenceUnits"], request.get("MaxInferenceUnits")
        if most is not None and most < units:
            raise invalid(f"MaxInferenceUnits is {most}, below MinInferenceUnits, which is {units}")
        with once(self._store, call, request, mismatch(f"{name}/{version}", "MODEL")) as answer:
            if answer.known is not None:
                return answer.known
            db = answer.db
            project = rows.project(db, call, name)
            row = rows.model_in(
                db, project, version, ("TRAINED", "HOSTING_FAILED"), "only a TRAINED one is started"
            )
            mine = select(projects.c.id).filter_by(account=call.account)
            each = func.coalesce(models.c.max_units, models.c.min_units)
            running = select(func.coalesce(func.sum(each), 0)).where(
                models.c.project.in_(mine), models.c.status.in_(_HOSTING)
            )
            if (total := int(db.execute(running).scalar_one()) + (most or units)) > quotas.HOSTED_UNITS:
                raise over_quota(
                    f"{total} inference units could run; at most {quotas.HOSTED_UNITS} may: stop a model",
                    f"{name}/{row.version}",
                    "MODEL",
                    "inference-units",
                )
            values = {"status": "STARTING_HOSTING", "message": "", "min_units": units, "max_units": most}
            db.execute(update(models).where(_mine(project.id, row.version)).values(url="", **values))
            answer.value = {"Status": "STARTING_HOSTING"}
        self._changing.submit(project.id, row.version, again=True)
        return answer.value

    def stop_model(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """StopModel."""
        name, version = request["ProjectName"], request["ModelVersion"]
        with once(self._store, call, request, mismatch(f"{name}/{version}", "MODEL")) as answer:
            if answer.known is not None:
                return answer.known
            db = answer.db
            project = rows.project(db, call, name)
            row = rows.model_in(
                db, project, version, ("HOSTED", "HOSTING_FAILED"), "only a HOSTED one is stopped"
            )
            values = {"status": "STOPPING_HOSTING", "message": ""}
            db.execute(update(models).where(_mine(project.id, row.version)).values(**values))
            answer.value = {"Status": "STOPPING_HOSTING"}
        self._changing.submit(project.id, row.version, again=True)
        return answer.value

    def revive(self, row: AnyRow) -> None:
        """Host a model again whose predictor does not answer any more.

        On a cluster it stays HOSTED at first: a pod that ends is replaced there, and others may answer.
        """
        _log.warning("%s does not answer", served_name(row.project, row.version))
        if not in_cluster():
            self._change(row, "HOSTED", status="STARTING_HOSTING", url="")
        self._changing.submit(row.project, row.version, again=True)

    def _work(self, project: str, version: int) -> None:
        """Carry out what the state requires, until it requires nothing more."""
        until = time.monotonic() + (_SECONDS_TO_COME_BACK if in_cluster() else 0.0)
        while True:
            with self._store.read() as db:
                row = db.execute(select(models).where(_mine(project, version))).one_or_none()
            if row is None or row.status not in _HOSTING or (row.status == "HOSTED" and _answers(row)):
                return
            if row.status == "STOPPING_HOSTING":
                self._stop(row)
            elif row.status == "HOSTED" and time.monotonic() < until:
                time.sleep(_SECONDS_BETWEEN_LOOKS)
            else:
                self._start(row)

    def _start(self, row: AnyRow) -> None:
        if row.status == "HOSTED":  # and does not answer any more
            self._change(row, "HOSTED", status="STARTING_HOSTING", url="")
        units = int(row.min_units or 1)
        name = served_name(row.project, row.version)
        model = Model(
            name,
            storage.join(self._locations.model(row.project, row.version), BUNDLE),
            image=container_images.reference("engines"),
            resources=self._share,
            module="brume.inspection.model.predictor",
            # On a cluster each unit is a replica; on one machine there is one process for all of them.
            arguments=("--workers", str(_WORKERS if in_cluster() else max(_WORKERS, units))),
            replicas=units,
            most=int(row.max_units or 0),
            folder=self._folder,
        )

        def report(line: str) -> None:
            _log.info(line)
            self._change(row, "STARTING_HOSTING", message=line)

        try:
            url = serving.serve(model, report).url
            _wait_for_answer(url, name, self._folder)
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


def _mine(project: str, version: int) -> ColumnElement[bool]:
    return (models.c.project == project) & (models.c.version == version)


def _answers(row: AnyRow) -> bool:
    """Return whether the predictor answers, and is the one of this model."""
    return bool(row.url) and not _trouble(row.url, served_name(row.project, row.version))


def _wait_for_answer(url: str, name: str, folder: str) -> None:
    """Wait until a model that was just started answers here. Raises `ServingError`, and ends it, when not."""
    until = time.monotonic() + _SECONDS_TO_ANSWER
    while trouble := _trouble(url, name):
        if time.monotonic() > until:
            serving.stop(name, folder)
            raise ServingError(
                f"{name} is ready, but the engine does not reach it at {url}: {trouble}. Does a network "
                "policy let the engine reach the pods of InferenceServices, and DNS?"
            )
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def _trouble(url: str, name: str) -> str:
    """Return why the predictor of a model does not answer, "" when it does."""
    try:
        answer = urllib3.request("GET", f"{url}/v1/models/{name}", retries=False, timeout=3.0)
    except urllib3.exceptions.HTTPError as error:
        return str(error)
    return "" if answer.status == 200 else f"it answers {answer.status}"
