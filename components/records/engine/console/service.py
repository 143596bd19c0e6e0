"""The service `brumerecords`: what the web page of records shows and does, as operations for any program."""

from __future__ import annotations

from brume.aws.engine.resources import Service
from brume.records.engine.console.notes import Notes
from brume.records.engine.console.overview import Overview
from brume.records.engine.console.search import NoteSearch
from brume.records.engine.console.verdicts import Verdicts
from brume.records.engine.kendra.service import Search
from brume.records.engine.parts import Part, State

NAME = "brumerecords"
SERVICE = Service(NAME, (Overview, NoteSearch, Notes, Verdicts))


def create(state: State, search: Search) -> Part:
    """Return the service; `search` is Kendra's part of the engine."""
    return Part(
        SERVICE.mount(
            Overview(state.store, search),
            NoteSearch(state.store, search, state.audit),
            Notes(state.store, search, state.audit),
            Verdicts(state.store, search),
        )
    )
