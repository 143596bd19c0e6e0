"""Kendra's operations, mounted: which class has which, and what is refused."""

from __future__ import annotations

import logging
from pathlib import Path

from brume.aws.engine.catalog import EngineError
from brume.aws.engine.resources import Service
from brume.aws.engine.settings import read
from brume.aws.engine.tags import Tags
from brume.records.engine.comprehend_medical.analysis import loader
from brume.records.engine.comprehend_medical.settings import EntitySettings
from brume.records.engine.kendra.access_configurations import AccessConfigurations
from brume.records.engine.kendra.block_lists import BlockLists
from brume.records.engine.kendra.common import bad, tagged
from brume.records.engine.kendra.documents import Documents
from brume.records.engine.kendra.faqs import Faqs
from brume.records.engine.kendra.featured import FeaturedResults
from brume.records.engine.kendra.feedback import Feedback, Judged
from brume.records.engine.kendra.indexing import Indexing
from brume.records.engine.kendra.indices import Indices
from brume.records.engine.kendra.live import Live
from brume.records.engine.kendra.models import Models
from brume.records.engine.kendra.principals import PrincipalMappings
from brume.records.engine.kendra.queries import Queries
from brume.records.engine.kendra.settings import SearchSettings
from brume.records.engine.kendra.sources import DataSources
from brume.records.engine.kendra.suggestion_settings import SuggestionSettings
from brume.records.engine.kendra.suggestions import Popular, Suggestions
from brume.records.engine.kendra.sync import SyncJobs
from brume.records.engine.kendra.thesauri import Thesauri
from brume.records.engine.parts import Part, State
from brume.records.engine.tables import TAGS
from brume.records.model.search.concepts import Term
from brume.records.model.search.terms import TermsError, read_terms

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


def create(state: State) -> Part:
    """Return Kendra, its state in the engine's database. Raises `EngineError`."""
    store, background = state.store, state.background
    settings = read(SearchSettings)
    models = Models(settings, loader(read(EntitySettings).rxnorm))
    live = Live(store, state.data / "kendra", models, _terms(settings.concepts))
    indexing = Indexing(store, background, live, dict(state.folders))
    tags = Tags(store, TAGS, tagged, invalid=bad)
    judged, popular = Judged(store.secret("kendra-queries")), Popular(store, store.secret("kendra-askers"))
    sync = SyncJobs(store, background, indexing, state.folders)
    operations = SERVICE.mount(
        Indices(store, background, live, models, tags),
        DataSources(store, background, indexing, tags),
        sync,
        Documents(store, indexing),
        Queries(store, live, state.scopes, judged, popular),
        Suggestions(store, live, state.scopes, popular),
        SuggestionSettings(store),
        BlockLists(store, background, tags, state.folders),
        Feedback(store, judged),
        PrincipalMappings(store, state.folders),
        AccessConfigurations(store, live),
        Thesauri(store, background, tags, state.folders, live.refresh),
        Faqs(store, background, tags, state.folders, live.refresh),
        FeaturedResults(store, state.scopes, tags),
        tags,
    )

    def close() -> None:
        sync.close()
        indexing.close()

    return Part(operations, close=close)


def _terms(path: str) -> list[Term]:
    if not path:
        return []
    try:
        return read_terms(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, TermsError) as error:
        raise EngineError(f"{path}: {error}") from error
