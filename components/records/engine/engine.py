"""Records: clinical search and a knowledge graph, by the APIs of AWS's services for them.

State lies in a database: SQLite in the data folder, PostgreSQL by URL. Each service is a package of its own
beside this file, whose `create` takes what all share (`parts.State`) and returns a `parts.Part`.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from brume.aws import addresses
from brume.aws.engine.background import Background
from brume.aws.engine.catalog import EngineError, Settings
from brume.aws.engine.service import Engine
from brume.aws.engine.settings import read
from brume.aws.engine.store import Store, StoreError
from brume.records.engine import console
from brume.records.engine.access.audit import Audit
from brume.records.engine.access.emergency import Emergencies
from brume.records.engine.access.guard import Guard
from brume.records.engine.access.rights import read_rights
from brume.records.engine.access.scopes import Scopes
from brume.records.engine.access.settings import AccessSettings
from brume.records.engine.comprehend_medical import service as comprehend_medical
from brume.records.engine.console import service as console_service
from brume.records.engine.healthlake import service as healthlake
from brume.records.engine.kendra import service as kendra
from brume.records.engine.neptune import service as neptune
from brume.records.engine.parts import Part, State
from brume.records.engine.settings import RecordsSettings
from brume.records.engine.tables import SCHEMA
from brume.records.model.deidentify import Mode

PORT = 8406
SERVICES = ("kendra", "neptunedata", "healthlake", "comprehendmedical", "brumerecords")
SETTINGS = RecordsSettings
OFFERED = (
    kendra.SERVICE,
    neptune.SERVICE,
    healthlake.SERVICE,
    comprehend_medical.SERVICE,
    console_service.SERVICE,
)
_CREATE = {
    "neptunedata": neptune.create,
    "healthlake": healthlake.create,
    "comprehendmedical": comprehend_medical.create,
}


def create(settings: Settings) -> Engine:
    """Return the engine, with the work that an earlier one left going on. Raises `EngineError`."""
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    wanted = read(AccessSettings)
    rights = read_rights(wanted.access)
    try:
        folders = addresses.check_folders(settings.folders)
        store = Store(settings.database, settings.data, SCHEMA)
    except (StoreError, addresses.AddressError) as error:
        raise EngineError(str(error)) from error
    background = Background()
    registry = CollectorRegistry()
    scopes = Scopes(rights, Emergencies(store))
    audit = Audit(store)
    state = State(store, background, settings.data, folders, registry, scopes, audit, Mode(wanted.deidentify))
    guard = Guard(scopes, audit)
    search = kendra.create(state)
    parts: dict[str, Part] = {"kendra": search, **{name: make(state) for name, make in _CREATE.items()}}
    parts[console_service.NAME] = console_service.create(state, search)

    def close() -> None:
        for part in parts.values():
            part.close()
        background.close()
        store.close()

    def trouble() -> str | None:
        return store.trouble() or next(filter(None, (part.trouble() for part in parts.values())), None)

    engine = Engine(
        {name: guard.operations(name, part.operations) for name, part in parts.items()},
        ready=trouble,
        close=close,
        routes=[route for name, part in parts.items() for route in guard.routes(name, part.routes)],
        page_secret=store.secret("pages"),
        registry=registry,
    )
    console.add(engine, settings.data)
    background.resume(store)
    return engine
