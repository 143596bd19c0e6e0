"""Visual inspection: the API of Amazon Lookout for Vision, with training and hosting here.

State lies in a database (SQLite in the data folder, PostgreSQL by URL), models and images in the data folder
or under the s3:// prefix of `InspectionSettings.store`. Trainings and hosted models are processes of their
own, which outlive the engine; one engine at a time watches them.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from brume.aws.engine.background import Background
from brume.aws.engine.catalog import EngineError, Settings
from brume.aws.engine.resources import Service
from brume.aws.engine.service import Engine
from brume.aws.engine.settings import read
from brume.aws.engine.store import Store, StoreError
from brume.aws.engine.tags import Tags
from brume.inspection.engine import console
from brume.inspection.engine.console.service import CONSOLE
from brume.inspection.engine.datasets import Datasets
from brume.inspection.engine.detection import AnomalyDetection
from brume.inspection.engine.hosting import Hosting
from brume.inspection.engine.locations import LocationError, open_locations
from brume.inspection.engine.models import Models
from brume.inspection.engine.monitoring import Monitor
from brume.inspection.engine.packaging import Packaging
from brume.inspection.engine.projects import Projects
from brume.inspection.engine.rows import tags_of_resources
from brume.inspection.engine.settings import InspectionSettings
from brume.inspection.engine.tables import SCHEMA
from brume.inspection.engine.training_jobs import TrainingJobs

PORT = 8401
SERVICES = ("lookoutvision", "brumeinspection")
SETTINGS = InspectionSettings
LOOKOUT = Service("lookoutvision", (Projects, Datasets, Models, Hosting, AnomalyDetection, Packaging, Tags))
OFFERED = (LOOKOUT, CONSOLE)


def create(settings: Settings) -> Engine:
    """Return the engine, with everything that an earlier one left going on. Raises `EngineError`."""
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings = console.with_results(settings)
    try:
        return _create(settings, read(InspectionSettings))
    except (StoreError, LocationError) as error:
        raise EngineError(str(error)) from error


def _create(settings: Settings, own: InspectionSettings) -> Engine:
    registry = CollectorRegistry()
    locations = open_locations(settings.data, settings.folders, own.store)
    processes = str(settings.data.absolute() / "processes")
    store = Store(settings.database, settings.data, SCHEMA)
    background = Background()
    monitor = Monitor(store, registry)
    tags = tags_of_resources(store)
    trainings = TrainingJobs(store, locations, own.training, processes, own.backbone)
    hosting = Hosting(store, locations, background, own.unit, processes)
    detection = AnomalyDetection(store, hosting, monitor)
    mounted = LOOKOUT.mount(
        Projects(store, locations, background, tags),
        Datasets(store, locations, background),
        Models(store, locations, trainings, background, tags),
        hosting,
        detection,
        Packaging(store, locations, background),
        tags,
    )

    def close() -> None:
        """End what runs in this process, and this machine's predictors; trainings go on by themselves."""
        trainings.close()
        background.close()
        hosting.close()
        detection.close()
        monitor.close()
        store.close()

    engine = Engine(
        {"lookoutvision": mounted},
        ready=store.trouble,
        close=close,
        page_secret=store.secret("pages"),
        registry=registry,
    )
    console.add(engine, store, locations, background, settings.data)
    background.resume(store)
    trainings.start()
    return engine
