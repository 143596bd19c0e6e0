"""Kendra's operations, mounted: which class has which, and what is refused."""

from __future__ import annotations

import functools
import logging
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from brume.aws.engine.resources import Service
from brume.aws.engine.service import Call
from brume.aws.engine.settings import read
from brume.aws.engine.tags import Tags
from brume.records.engine.access.scopes import Scopes, unseen
from brume.records.engine.comprehend_medical.analysis import loader
from brume.records.engine.comprehend_medical.settings import EntitySettings
from brume.records.engine.kendra import access
from brume.records.engine.kendra.access import Reads
from brume.records.engine.kendra.access_configurations import AccessConfigurations
from brume.records.engine.kendra.block_lists import BlockLists
from brume.records.engine.kendra.common import absent, bad, tagged
from brume.records.engine.kendra.deidentified import DeidentifiedDocuments
from brume.records.engine.kendra.documents import Documents
from brume.records.engine.kendra.faqs import Faqs
from brume.records.engine.kendra.featured import FeaturedResults
from brume.records.engine.kendra.feedback import Feedback, Judged
from brume.records.engine.kendra.indexing import Indexing
from brume.records.engine.kendra.indices import Indices
from brume.records.engine.kendra.live import Live
from brume.records.engine.kendra.models import Models
from brume.records.engine.kendra.own_terms import OwnTerms
from brume.records.engine.kendra.patient_names import PatientNames
from brume.records.engine.kendra.principals import PrincipalMappings
from brume.records.engine.kendra.queries import Queries
from brume.records.engine.kendra.settings import SearchSettings
from brume.records.engine.kendra.source_files import SourceFiles
from brume.records.engine.kendra.sources import DataSources
from brume.records.engine.kendra.suggestion_settings import SuggestionSettings
from brume.records.engine.kendra.suggestions import Popular, Suggestions
from brume.records.engine.kendra.sync import SyncJobs
from brume.records.engine.kendra.thesauri import Thesauri
from brume.records.engine.lake_settings import LakeSettings
from brume.records.engine.parts import Part, State
from brume.records.engine.tables import TAGS
from brume.records.model.deidentify import Deidentifier
from brume.records.model.search.document import EVERYTHING, Document

_log = logging.getLogger(__name__)
_EXPERIENCES = "search pages are not hosted here: this server's web page is one"
SERVICE = Service(
    "kendra",
    (
        Indices,
        DataSources,
        SyncJobs,
        Documents,
        Queries,
        Suggestions,
        SuggestionSettings,
        BlockLists,
        Feedback,
        PrincipalMappings,
        AccessConfigurations,
        Thesauri,
        Faqs,
        FeaturedResults,
        Tags,
    ),
    refused={
        _EXPERIENCES: (
            "AssociateEntitiesToExperience",
            "AssociatePersonasToEntities",
            "CreateExperience",
            "DeleteExperience",
            "DescribeExperience",
            "DisassociateEntitiesFromExperience",
            "DisassociatePersonasFromEntities",
            "ListEntityPersonas",
            "ListExperienceEntities",
            "ListExperiences",
            "UpdateExperience",
        ),
        "metrics are at /metrics, without what was asked": ("GetSnapshots",),
    },
)


@dataclass(frozen=True, kw_only=True)
class Search(Part):
    """Kendra's part of the engine, and what the console searches with."""

    scopes: Scopes
    readers: access.Readers
    live: Live
    queries: Queries
    judged: Judged
    feedback: Feedback
    deidentifier: Deidentifier

    def note(self, db: Connection, index: Row[Any], call: Call, identity: str) -> Document:
        """Return a document of an index that the caller may read. Raises `ServiceError`."""
        reader = self.readers.page(db, call, index.id)
        live = self.live.of(index.id, deidentified=self.scopes.of(call).deidentified)
        found = live.document(identity, reader)
        if found is None:
            original = self.live.hiding.original(identity)
            raise unseen(
                absent("document", identity), *([original] if live.document(identity, EVERYTHING) else [])
            )
        return found


def create(state: State) -> Search:
    """Return Kendra, its state in the engine's database. Raises `EngineError`."""
    store, background = state.store, state.background
    settings = read(SearchSettings)
    models = Models(settings, loader(read(EntitySettings).rxnorm))
    lake = read(LakeSettings).lake
    deidentifier = Deidentifier(store.secret("deidentify"), models.personal, state.deidentify)
    hiding = DeidentifiedDocuments(deidentifier, PatientNames(lake))
    own = OwnTerms(settings.concepts, lake)
    live = Live(store, state.data / "kendra", models, own, hiding)
    readers = access.Readers(state.scopes, state.audit, hiding.deidentifier.pseudonym)
    indexing = Indexing(store, background, live, dict(state.folders))
    tags = Tags(store, TAGS, tagged, invalid=bad)
    files = functools.partial(SourceFiles, store, background, tags, state.folders)
    judged, popular = Judged(store.secret("kendra-queries")), Popular(store, store.secret("kendra-askers"))
    sync = SyncJobs(store, background, indexing, state.folders)
    reads = Reads(state.audit, state.scopes, hiding.original)
    queries, feedback = Queries(store, live, readers, judged, popular, reads), Feedback(store, judged)
    operations = SERVICE.mount(
        Indices(store, background, live, models, tags, readers),
        DataSources(store, background, indexing, tags),
        sync,
        Documents(store, indexing, state.scopes),
        queries,
        Suggestions(store, live, readers, popular),
        SuggestionSettings(store),
        BlockLists(files),
        feedback,
        PrincipalMappings(store, state.folders),
        AccessConfigurations(store, live),
        Thesauri(store, files, live.refresh),
        Faqs(files, live.refresh),
        FeaturedResults(store, state.scopes, tags),
        tags,
    )

    def close() -> None:
        sync.close()
        indexing.close()

    return Search(
        operations=operations,
        close=close,
        scopes=state.scopes,
        readers=readers,
        live=live,
        queries=queries,
        judged=judged,
        feedback=feedback,
        deidentifier=hiding.deidentifier,
    )
