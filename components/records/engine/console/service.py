"""The service `brumerecords`: what the web page of records shows and does, as operations for any program."""

from __future__ import annotations

from brume.aws.engine.resources import Service
from brume.aws.engine.settings import read
from brume.records.engine.access.emergency import Emergencies
from brume.records.engine.console.audit_trail import AuditTrail
from brume.records.engine.console.cohorts import Cohorts
from brume.records.engine.console.data_quality import DataQuality
from brume.records.engine.console.emergency import EmergencyAccess
from brume.records.engine.console.graphs import Graphs
from brume.records.engine.console.jobs import Jobs
from brume.records.engine.console.notes import Notes
from brume.records.engine.console.overview import Overview
from brume.records.engine.console.search import NoteSearch
from brume.records.engine.console.shown_counts import ShownCounts
from brume.records.engine.console.timelines import Timelines
from brume.records.engine.console.verdicts import Verdicts
from brume.records.engine.console.views import Views
from brume.records.engine.kendra.service import Search
from brume.records.engine.lake_reader import LakeReader
from brume.records.engine.lake_settings import LakeSettings
from brume.records.engine.parts import Part, State

NAME = "brumerecords"
SERVICE = Service(
    NAME,
    (
        Overview,
        NoteSearch,
        Notes,
        Verdicts,
        Timelines,
        Graphs,
        Cohorts,
        Jobs,
        DataQuality,
        AuditTrail,
        EmergencyAccess,
    ),
)


def create(state: State, search: Search) -> Part:
    """Return the service; `search` is Kendra's part of the engine."""
    lake = LakeReader(read(LakeSettings).lake)
    views = Views(lake, state.scopes, state.audit, search.deidentifier)
    counts, emergencies = ShownCounts(state.store), Emergencies(state.store)
    return Part(
        SERVICE.mount(
            Overview(state.store, search, emergencies),
            NoteSearch(state.store, search, state.audit),
            Notes(state.store, search, state.audit),
            Verdicts(state.store, search),
            Timelines(views),
            Graphs(views, counts),
            Cohorts(views, counts),
            Jobs(state.store),
            DataQuality(lake),
            AuditTrail(state.audit),
            EmergencyAccess(emergencies, state.scopes, state.audit),
        )
    )
