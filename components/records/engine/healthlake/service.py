"""HealthLake's operations, mounted: which class has which, and what is refused."""

from __future__ import annotations

import functools

from sqlalchemy import Connection

from brume.aws.engine import arns
from brume.aws.engine.resources import Service
from brume.aws.engine.service import Call
from brume.aws.engine.settings import read
from brume.aws.engine.tags import Tags
from brume.records.engine.comprehend_medical.analysis import loader
from brume.records.engine.comprehend_medical.settings import EntitySettings
from brume.records.engine.healthlake.common import absent, arn, bad, datastore_row
from brume.records.engine.healthlake.datastores import Datastores
from brume.records.engine.healthlake.export_routes import ExportRoutes
from brume.records.engine.healthlake.exporting import Exporting
from brume.records.engine.healthlake.fhir.rest import Rest
from brume.records.engine.healthlake.importing import Importing
from brume.records.engine.healthlake.jobs import Do, Jobs
from brume.records.engine.healthlake.note_entities import NoteEntities
from brume.records.engine.healthlake.store import FhirStore
from brume.records.engine.parts import Part, State
from brume.records.engine.tables import TAGS
from brume.records.model.fhir.keys import keys

SERVICE = Service(
    "healthlake",
    (Datastores, Jobs, Tags),
    refused={
        "files are read as FHIR R4: convert others before": (
            "CreateDataTransformationProfile",
            "DeleteDataTransformationProfile",
            "DescribeDataTransformationJob",
            "GetDataTransformationProfile",
            "ListDataTransformationJobs",
            "ListDataTransformationProfileVersions",
            "ListDataTransformationProfiles",
            "PublishDataTransformationProfile",
            "StartDataTransformationJob",
            "UpdateDataTransformationProfile",
            "UpdateProfileWithAgent",
        ),
        "this server makes no copies: restore one of its database": ("RestoreFHIRDatastore",),
    },
)


def create(state: State) -> Part:
    """Return HealthLake, its data stores in the engine's database."""
    fhir = FhirStore(state.store, keys)
    extractor = functools.cache(loader(read(EntitySettings).rxnorm))
    notes = NoteEntities(fhir, state.background, extractor)
    tags = Tags(state.store, TAGS, _tagged, invalid=bad)
    stores = Datastores(fhir, state.background, notes, tags, state.data / "healthlake")
    do: dict[str, Do] = {"IMPORT": Importing(fhir, notes.submit), "EXPORT": Exporting()}
    jobs = Jobs(state, do)

    def close() -> None:
        jobs.close()
        stores.close()
        notes.close()

    exports = ExportRoutes(fhir, jobs, state.scopes, state.audit)
    rest = Rest(fhir, state.scopes, state.audit, notes.submit)
    return Part(SERVICE.mount(stores, jobs, tags), [*exports.routes(), *rest.routes()], close=close)


def _tagged(db: Connection, call: Call, text: str) -> str:
    """Return the ARN of a data store of the caller's. Raises `ServiceError`."""
    try:
        path = arns.parse(text).path
    except ValueError as error:
        raise bad(str(error)) from error
    if path[:2] != ("datastore", "fhir") or len(path) != 3 or text != arn(call, path[2]):
        raise absent("data store", text)
    datastore_row(db, call, path[2])
    return text
