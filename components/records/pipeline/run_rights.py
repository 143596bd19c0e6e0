"""The file of rights of a local run's engine: the user's, and all rights for the key of the run itself."""

from __future__ import annotations

import json
from pathlib import Path

from brume import storage
from brume.aws.engine import catalog
from brume.aws.wire import keys
from brume.records.model.rights import parse_rights


def rights_of_run(roles: str, out: Path) -> Path:
    """Write OUT/work/rights.json and return it; a key that `roles` names keeps what it has there.

    A run puts notes, loads the graph and asks judged queries with the user's own key, or else with the one
    that its engine makes. Raises `RightsError` for a file that an engine cannot use.
    """
    check_rights(roles)
    given = json.loads(storage.read_bytes(roles))
    path = out / "work" / "rights.json"
    storage.write_bytes(str(path), json.dumps({key: {"role": "full"} for key in _own(out)} | given).encode())
    return path


def check_rights(roles: str) -> None:
    """Raise `RightsError` for a file of rights that an engine cannot use."""
    parse_rights(storage.read_bytes(roles), roles)


def _own(out: Path) -> list[str]:
    import boto3

    found = boto3.session.Session().get_credentials()
    made = list(keys.make(out / "engines" / catalog.CREDENTIALS))
    return [*([found.access_key] if found else []), *made]
