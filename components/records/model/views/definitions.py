"""The ViewDefinitions of a folder, or the examples that are shipped."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from pathlib import Path

from brume import storage
from brume.records.model.views.definition import View, compile_view, is_name
from brume.records.model.views.errors import ViewError

EXAMPLES = "examples"
_SHIPPED = Path(__file__).parents[2] / "demo" / "views"


def read_views(folder: str) -> list[View]:
    """Read the views of a folder or s3:// prefix, one in each *.json, or those shipped (`examples`).

    Raises `ViewError` with the file and the place in it.
    """
    found: dict[str, View] = {}
    files = _files(folder)
    if not files:
        raise ViewError(f"views={folder} has no *.json: it must be a folder with ViewDefinitions")
    for name, data in files:
        try:
            view = _read(data)
        except ViewError as error:
            raise ViewError(f"{storage.join(folder, name)}: {error}") from error
        if view.name.lower() in found:
            raise ViewError(f"{storage.join(folder, name)}: name: another view is called {view.name} too")
        found[view.name.lower()] = view
    return [found[name] for name in sorted(found)]


def state(folder: str) -> list[list[str]]:
    """Return names and digests of a folder's ViewDefinitions: what the tables depend on."""
    return [[name, hashlib.sha256(data).hexdigest()] for name, data in _files(folder)]


def _files(folder: str) -> list[tuple[str, bytes]]:
    place = str(_SHIPPED) if folder == EXAMPLES else storage.absolute(folder)
    start = len(place.rstrip("/")) + 1
    return [
        (entry.uri[start:], storage.read_bytes(entry.uri))
        for entry in storage.list_files(place)
        if entry.uri.endswith(".json")
    ]


def _read(data: bytes) -> View:
    try:
        value = json.loads(data, parse_float=Decimal)
    except ValueError as error:
        raise ViewError(f"it is no JSON: {error}") from error
    view = compile_view(value)
    if not is_name(view.name):
        raise ViewError("name: a view needs one, a letter, then letters, digits and _: its table has it")
    return view
