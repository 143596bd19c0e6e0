"""Live captions: the API of Amazon Transcribe, streaming and batch, with a recogniser of one's own.

State (vocabularies, filters, jobs) lies in a database: SQLite in the data folder, PostgreSQL by URL. Streams
leave nothing behind, so that any number of engines may serve them with one database.
"""

from __future__ import annotations

import shlex
from typing import Any

from prometheus_client import CollectorRegistry
from sqlalchemy import Connection

from brume.aws import addresses
from brume.aws.engine import arns
from brume.aws.engine.background import Background
from brume.aws.engine.catalog import EngineError, Settings
from brume.aws.engine.resources import Service
from brume.aws.engine.service import Call, Engine
from brume.aws.engine.settings import read
from brume.aws.engine.store import Store, StoreError
from brume.aws.engine.tags import Tags
from brume.captions.engine import console
from brume.captions.engine.downloads import Downloads
from brume.captions.engine.jobs import TranscriptionJobs, unknown_resource
from brume.captions.engine.named import Files, bad, row
from brume.captions.engine.settings import CaptionsSettings
from brume.captions.engine.sockets import socket_route
from brume.captions.engine.streaming import Streaming, StreamMetrics
from brume.captions.engine.tables import FILTERS, JOBS, SCHEMA, TAGS, VOCABULARIES
from brume.captions.engine.vocabularies import Vocabularies
from brume.captions.engine.vocabulary_filters import VocabularyFilters
from brume.captions.engine.work import Work
from brume.captions.model.recognisers import Recognisers

PORT = 8403
SERVICES = ("transcribe-streaming", "transcribe")
SETTINGS = CaptionsSettings
_MEDICAL = "medical transcription is not done here"
_ANALYTICS = "call analytics is not done here"
_MODELS = "custom language models are not made here: BRUME_CAPTIONS_ENGLISH names another model"
STREAMING = Service(
    "transcribe-streaming",
    (Streaming,),
    refused={
        _MEDICAL: ("GetMedicalScribeStream", "StartMedicalScribeStream", "StartMedicalStreamTranscription"),
        _ANALYTICS: ("StartCallAnalyticsStreamTranscription",),
    },
)
TRANSCRIBE = Service(
    "transcribe",
    (Vocabularies, VocabularyFilters, TranscriptionJobs, Tags),
    refused={
        _MEDICAL: (
            "CreateMedicalVocabulary",
            "DeleteMedicalScribeJob",
            "DeleteMedicalTranscriptionJob",
            "DeleteMedicalVocabulary",
            "GetMedicalScribeJob",
            "GetMedicalTranscriptionJob",
            "GetMedicalVocabulary",
            "ListMedicalScribeJobs",
            "ListMedicalTranscriptionJobs",
            "ListMedicalVocabularies",
            "StartMedicalScribeJob",
            "StartMedicalTranscriptionJob",
            "UpdateMedicalVocabulary",
        ),
        _ANALYTICS: (
            "CreateCallAnalyticsCategory",
            "DeleteCallAnalyticsCategory",
            "DeleteCallAnalyticsJob",
            "GetCallAnalyticsCategory",
            "GetCallAnalyticsJob",
            "ListCallAnalyticsCategories",
            "ListCallAnalyticsJobs",
            "StartCallAnalyticsJob",
            "UpdateCallAnalyticsCategory",
        ),
        _MODELS: (
            "CreateLanguageModel",
            "DeleteLanguageModel",
            "DescribeLanguageModel",
            "ListLanguageModels",
            "UpdateLanguageModel",
        ),
    },
)
_LOOKS = 10.0  # seconds after which an engine looks for work that others with its database have left
OFFERED = (STREAMING, TRANSCRIBE)
_KINDS = {"vocabulary": VOCABULARIES, "vocabulary-filter": FILTERS, "transcription-job": JOBS}


def _tagged(db: Connection, call: Call, text: str) -> str:
    """Return the ARN of a resource of the caller's. Raises `ServiceError`."""
    try:
        parsed = arns.parse(text)
    except ValueError as error:
        raise bad(str(error)) from error
    table = _KINDS.get(parsed.path[0])
    if (
        table is None
        or len(parsed.path) != 2
        or (parsed.account, parsed.region) != (call.account, call.region)
    ):
        raise unknown_resource(text)
    row(db, table, call, parsed.path[1], parsed.path[0].replace("-", " "))
    return str(parsed)


def create(settings: Settings) -> Engine:
    """Return the engine, with the jobs that an earlier one left going on. Raises `EngineError`."""
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    own = read(CaptionsSettings)
    try:
        store = Store(settings.database, settings.data, SCHEMA)
        files = Files(addresses.check_folders(settings.folders))
    except (StoreError, addresses.AddressError) as error:
        raise EngineError(str(error)) from error
    registry = CollectorRegistry()
    background, working = Background(), Background(own.jobs)
    tags = Tags(store, TAGS, _tagged, invalid=bad)
    recognisers = Recognisers(own)
    vocabularies = Vocabularies(store, background, files, tags)
    filters = VocabularyFilters(store, files, tags)
    downloads = Downloads(store)
    work = Work(store, working, files, recognisers, vocabularies, filters)
    jobs = TranscriptionJobs(store, work, files, downloads, tags)
    streaming = Streaming(recognisers, vocabularies, filters, own, StreamMetrics(registry))

    def close() -> None:
        work.close()
        working.close()
        background.close()
        streaming.close()
        recognisers.close()
        store.close()

    services: dict[str, Any] = {
        "transcribe-streaming": STREAMING.mount(streaming),
        "transcribe": TRANSCRIBE.mount(vocabularies, filters, jobs, tags),
    }
    engine = Engine(
        services,
        ready=lambda: store.trouble() or recognisers.trouble(),
        close=close,
        routes=[socket_route(streaming)],
        pages=[*downloads.routes(), *console.routes(settings.data)],
        page_secret=store.secret("pages"),
        registry=registry,
        hint=f"its web page: brume captions --console --data {shlex.quote(str(settings.data))}",
    )
    every = _LOOKS if store.shared else 0.0
    recognisers.load()
    background.resume(store, every=every)
    working.resume(store, every=every)
    return engine
