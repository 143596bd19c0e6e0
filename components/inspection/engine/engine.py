"""Visual inspection: the API of Amazon Lookout for Vision, with models trained and hosted here.

State lies in a database (SQLite in the data folder, PostgreSQL by URL), models and images in the data folder
or under the s3:// prefix in BRUME_INSPECTION_STORE. Trainings and hosted models are processes of their own,
which outlive the engine; one engine at a time looks after them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry

from brume.aws.engine.catalog import EngineError, Settings
from brume.aws.engine.service import Call, Engine
from brume.inspection.engine import console
from brume.inspection.engine.background import Background
from brume.inspection.engine.datasets import Datasets
from brume.inspection.engine.detection import Detecting
from brume.inspection.engine.hosting import Hosting
from brume.inspection.engine.locations import PlaceError, Places, places
from brume.inspection.engine.models import Models
from brume.inspection.engine.monitoring import Monitor
from brume.inspection.engine.packaging import Packaging
from brume.inspection.engine.projects import Projects
from brume.inspection.engine.resources import shares
from brume.inspection.engine.store import Store, StoreError
from brume.inspection.engine.tags import Tagging
from brume.inspection.engine.training_jobs import Trainings

PORT = 8401
SERVICES = ("lookoutvision", "brumeinspection")

_Members = dict[str, Any]


@dataclass(frozen=True)
class Inspection:
    """The parts of the engine, for every service that it answers for."""

    store: Store
    places: Places
    projects: Projects
    datasets: Datasets
    models: Models
    trainings: Trainings
    hosting: Hosting
    detecting: Detecting
    packaging: Packaging
    tagging: Tagging
    monitor: Monitor
    background: Background

    @classmethod
    def open(cls, settings: Settings, registry: CollectorRegistry) -> Inspection:
        """Open the state and take up what was going on. Raises `StoreError`, `PlaceError`, `EngineError`."""
        where = places(settings.data, settings.folders)
        share = shares()
        processes = str(settings.data.absolute() / "processes")
        store = Store(settings.database, settings.data)
        background = Background()
        monitor = Monitor(store, registry)
        trainings = Trainings(store, where, share.training, processes)
        hosting = Hosting(store, where, background, share.unit, processes)
        parts = cls(
            store=store,
            places=where,
            projects=Projects(store, where),
            datasets=Datasets(store, where, background),
            models=Models(store, where, trainings),
            trainings=trainings,
            hosting=hosting,
            detecting=Detecting(store, hosting, monitor),
            packaging=Packaging(store, where, background),
            tagging=Tagging(store),
            monitor=monitor,
            background=background,
        )
        for part in (parts.models, parts.datasets, parts.packaging, parts.hosting):
            part.resume()
        trainings.start()
        return parts

    def close(self) -> None:
        """End what runs in this process, and this machine's predictors; trainings go on by themselves."""
        self.trainings.close()
        self.background.close()
        self.hosting.close()
        self.detecting.close()
        self.monitor.close()
        self.store.close()


class LookoutVision:
    """The operations of version 2020-11-20, each named as in boto3."""

    def __init__(self, parts: Inspection) -> None:
        self._parts = parts

    def create_project(self, request: _Members, call: Call) -> _Members:
        """Make a project."""
        return self._parts.projects.create(request, call)

    def describe_project(self, request: _Members, call: Call) -> _Members:
        """Tell about a project and its datasets."""
        return self._parts.projects.describe(request, call)

    def list_projects(self, request: _Members, call: Call) -> _Members:
        """List the account's projects."""
        return self._parts.projects.list(request, call)

    def delete_project(self, request: _Members, call: Call) -> _Members:
        """Delete a project without models and datasets."""
        return self._parts.projects.delete(request, call)

    def create_dataset(self, request: _Members, call: Call) -> _Members:
        """Make a dataset, empty or from a manifest or folder."""
        return self._parts.datasets.create(request, call)

    def describe_dataset(self, request: _Members, call: Call) -> _Members:
        """Tell about a dataset and count its images."""
        return self._parts.datasets.describe(request, call)

    def delete_dataset(self, request: _Members, call: Call) -> _Members:
        """Delete a dataset."""
        return self._parts.datasets.delete(request, call)

    def list_dataset_entries(self, request: _Members, call: Call) -> _Members:
        """List the lines of a dataset."""
        return self._parts.datasets.list_entries(request, call)

    def update_dataset_entries(self, request: _Members, call: Call) -> _Members:
        """Add lines to a dataset, or replace them."""
        return self._parts.datasets.update(request, call)

    def create_model(self, request: _Members, call: Call) -> _Members:
        """Train a new version."""
        return self._parts.models.create(request, call)

    def describe_model(self, request: _Members, call: Call) -> _Members:
        """Tell about a version, its state and figures."""
        return self._parts.models.describe(request, call)

    def list_models(self, request: _Members, call: Call) -> _Members:
        """List the versions of a project."""
        return self._parts.models.list(request, call)

    def delete_model(self, request: _Members, call: Call) -> _Members:
        """Delete a version that is not hosted."""
        return self._parts.models.delete(request, call)

    def start_model(self, request: _Members, call: Call) -> _Members:
        """Host a version."""
        return self._parts.hosting.start(request, call)

    def stop_model(self, request: _Members, call: Call) -> _Members:
        """Stop hosting a version."""
        return self._parts.hosting.stop(request, call)

    def detect_anomalies(self, request: _Members, call: Call) -> _Members:
        """Judge a picture by a hosted version."""
        return self._parts.detecting.detect(request, call)

    def start_model_packaging_job(self, request: _Members, call: Call) -> _Members:
        """Make an archive of a version for devices."""
        return self._parts.packaging.start(request, call)

    def describe_model_packaging_job(self, request: _Members, call: Call) -> _Members:
        """Tell about a packaging job."""
        return self._parts.packaging.describe(request, call)

    def list_model_packaging_jobs(self, request: _Members, call: Call) -> _Members:
        """List the packaging jobs of a project."""
        return self._parts.packaging.list(request, call)

    def tag_resource(self, request: _Members, call: Call) -> _Members:
        """Tag a project or model."""
        return self._parts.tagging.add(request, call)

    def untag_resource(self, request: _Members, call: Call) -> _Members:
        """Take tags off a project or model."""
        return self._parts.tagging.remove(request, call)

    def list_tags_for_resource(self, request: _Members, call: Call) -> _Members:
        """List the tags of a project or model."""
        return self._parts.tagging.list(request, call)


def create(settings: Settings) -> Engine:
    """Return the engine, with everything that an earlier one left going on. Raises `EngineError`."""
    registry = CollectorRegistry()
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings = console.with_results(settings)
    try:
        parts = Inspection.open(settings, registry)
    except (StoreError, PlaceError) as error:
        raise EngineError(str(error)) from error
    engine = Engine(
        services={"lookoutvision": LookoutVision(parts)},
        ready=parts.store.trouble,
        close=parts.close,
        registry=registry,
    )
    console.add(engine, parts.store, parts.places, parts.background, settings.data)
    return engine
