"""Labelling reports: the API of Amazon Athena over the labelling lake, run by DuckDB.

BRUME_LAKE names the lake: a local folder or an s3:// prefix. The state is in a database (SQLite in the data
folder, PostgreSQL by URL), results are in the data folder and, where a query names one, at its output
location. Queries only read, see only the lake's tables, and run in processes of their own.
"""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry

from brume import storage
from brume.aws.addresses import AddressError
from brume.aws.engine.catalog import EngineError, Settings
from brume.aws.engine.resources import Service
from brume.aws.engine.sandbox import Sandbox
from brume.aws.engine.service import Engine
from brume.aws.engine.settings import read
from brume.aws.engine.store import Store, StoreError
from brume.aws.engine.tags import Tags
from brume.labels.engine import query_process, tables
from brume.labels.engine.catalog import Catalog
from brume.labels.engine.executions import Executions
from brume.labels.engine.lake_source import Source
from brume.labels.engine.result_files import ResultFiles
from brume.labels.engine.result_locations import Outputs
from brume.labels.engine.runner import Runner
from brume.labels.engine.saved_queries import NamedQueries, PreparedStatements
from brume.labels.engine.settings import LabelsSettings
from brume.labels.engine.workgroups import Workgroups, tags_of_workgroups
from brume.variables import names

PORT = 8402
SERVICES = ("athena",)
SETTINGS = LabelsSettings
LAKE = names(LabelsSettings)["lake"]


ATHENA = Service(
    "athena",
    (Executions, Workgroups, NamedQueries, PreparedStatements, Catalog, Tags),
    refused={
        "Spark does not run here": (
            "CreateNotebook",
            "CreatePresignedNotebookUrl",
            "DeleteNotebook",
            "ExportNotebook",
            "GetCalculationExecution",
            "GetCalculationExecutionCode",
            "GetCalculationExecutionStatus",
            "GetNotebookMetadata",
            "GetResourceDashboard",
            "GetSession",
            "GetSessionEndpoint",
            "GetSessionStatus",
            "ImportNotebook",
            "ListApplicationDPUSizes",
            "ListCalculationExecutions",
            "ListExecutors",
            "ListNotebookMetadata",
            "ListNotebookSessions",
            "ListSessions",
            "StartCalculationExecution",
            "StartSession",
            "StopCalculationExecution",
            "TerminateSession",
            "UpdateNotebook",
            "UpdateNotebookMetadata",
        ),
        "no capacity is reserved here": (
            "CancelCapacityReservation",
            "CreateCapacityReservation",
            "DeleteCapacityReservation",
            "GetCapacityAssignmentConfiguration",
            "GetCapacityReservation",
            "ListCapacityReservations",
            "PutCapacityAssignmentConfiguration",
            "UpdateCapacityReservation",
        ),
        "there are no system tables: the lake has tables of labelling output only": (
            "CreateSystemTableConfiguration",
            "DeleteSystemTableConfiguration",
            "GetSystemTableConfiguration",
            "ListSystemTableStatuses",
            "UpdateSystemTableConfiguration",
        ),
        "there is one version of the query engine, which GetWorkGroup describes": ("ListEngineVersions",),
        "the lake is the one catalog": ("CreateDataCatalog", "DeleteDataCatalog", "UpdateDataCatalog"),
    },
)
OFFERED = (ATHENA,)


def create(settings: Settings) -> Engine:
    """Return the engine. Raises `EngineError`."""
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        own = read(LabelsSettings)
        _check_lake(own.lake)
        return _create(settings, own)
    except (StoreError, AddressError) as error:
        raise EngineError(str(error)) from error


def _check_lake(lake: str) -> None:
    if not lake:
        raise EngineError(
            f"{LAKE} must name the lake that queries read: a folder that `brume run labels` wrote "
            "(out/labels/lake), or its s3:// prefix"
        )
    if not storage.is_remote(lake) and Path(lake).is_file():
        raise EngineError(f"{LAKE}={lake} is a file: name the folder of the lake")


def _create(settings: Settings, limits: LabelsSettings) -> Engine:
    registry = CollectorRegistry()
    data = settings.data.absolute()
    source = Source(limits.lake, data / "parts", limits.cache)
    outputs = Outputs(settings.folders, source.lake.uri, settings.data)
    store = Store(settings.database, settings.data, tables.SCHEMA)
    sandbox = Sandbox(query_process.__name__)
    catalog = Catalog(source, sandbox, limits)
    files = ResultFiles(store, outputs, limits, data)
    runner = Runner(store, source, catalog, files, sandbox, limits, data, registry)
    tags = tags_of_workgroups(store)
    mounted = ATHENA.mount(
        Executions(store, catalog, outputs, sandbox, files, runner, limits),
        Workgroups(store, outputs, tags),
        NamedQueries(store),
        PreparedStatements(store),
        catalog,
        tags,
    )

    def close() -> None:
        """End every query and close the state."""
        runner.close()
        sandbox.close()
        store.close()

    runner.resume()
    return Engine(
        services={"athena": mounted},
        ready=store.trouble,
        close=close,
        page_secret=store.secret("pages"),
        registry=registry,
        hint=f"queries read {source.lake.uri}",
        max_body=1 << 20,
    )
