"""Workgroups, their settings, and the queries that every account starts with."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from brume.aws.engine import arns
from brume.aws.engine.listing import list_rows
from brume.aws.engine.lookup import owned
from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.aws.engine.tags import Tags, pairs
from brume.labels.engine.errors import absent, invalid
from brume.labels.engine.result_locations import Outputs
from brume.labels.engine.tables import TAGS, executions, named_queries, prepared_statements, workgroups
from brume.labels.model import queries
from brume.labels.model.schema import DATABASE

PRIMARY = "primary"
ENGINE = {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"}
_ORIGINAL = "original_"

_Members = dict[str, Any]


@dataclass(frozen=True)
class Workgroup:
    """A workgroup's settings as far as they have an effect here."""

    name: str
    enabled: bool
    output: str
    enforced: bool
    cutoff: int  # bytes that a query may read; 0: no limit


class Workgroups:
    """The operations on workgroups."""

    def __init__(self, store: Store, outputs: Outputs, tags: Tags) -> None:
        self._store = store
        self._tags = tags
        self._outputs = outputs

    def create_work_group(self, request: _Members, call: Call) -> _Members:
        """Make a workgroup."""
        configuration = dict(request.get("Configuration") or {})
        self._check(configuration)
        with self._store.write() as db:
            ensure_primary(db, call.account)
            if _find(db, call.account, request["Name"]) is not None:
                raise invalid(f"WorkGroup {request['Name']} is already created")
            _add(db, call.account, request["Name"], str(request.get("Description") or ""), configuration)
            self._tags.put(db, _arn(call, request["Name"]), pairs(request.get("Tags") or []))
        return {}

    def get_work_group(self, request: _Members, call: Call) -> _Members:
        """Describe a workgroup."""
        with self._store.write() as db:
            ensure_primary(db, call.account)
            row = _required(db, call.account, request["WorkGroup"])
        configuration = {
            "ResultConfiguration": {},
            "EnforceWorkGroupConfiguration": False,
            "PublishCloudWatchMetricsEnabled": False,
            "RequesterPaysEnabled": False,
            **json.loads(row.configuration),
            "EngineVersion": ENGINE,
        }
        return {
            "WorkGroup": {
                "Name": row.name,
                "State": row.state,
                "Description": row.description,
                "Configuration": configuration,
                "CreationTime": row.created,
            }
        }

    def list_work_groups(self, request: _Members, call: Call) -> _Members:
        """List the workgroups of the account."""
        with self._store.write() as db:
            ensure_primary(db, call.account)
            return list_rows(db, request, call, owned(workgroups, call), workgroups.c.name, _summary)

    def update_work_group(self, request: _Members, call: Call) -> _Members:
        """Change a workgroup's settings, description or state."""
        changes = dict(request.get("ConfigurationUpdates") or {})
        with self._store.write() as db:
            ensure_primary(db, call.account)
            row = _required(db, call.account, request["WorkGroup"])
            configuration = _changed(json.loads(row.configuration), changes)
            self._check(configuration)
            values = {"configuration": json.dumps(configuration)}
            if request.get("Description") is not None:
                values["description"] = request["Description"]
            if request.get("State"):
                values["state"] = request["State"]
            db.execute(update(workgroups).filter_by(account=call.account, name=row.name).values(**values))
        return {}

    def delete_work_group(self, request: _Members, call: Call) -> _Members:
        """Delete a workgroup; one that holds anything only with RecursiveDeleteOption."""
        name = request["WorkGroup"]
        if name == PRIMARY:
            raise invalid("The primary workgroup cannot be deleted")
        contents = (executions, named_queries, prepared_statements)
        with self._store.write() as db:
            _required(db, call.account, name)
            held = [table for table in contents if _holds(db, table, call.account, name)]
            if held and not request.get("RecursiveDeleteOption"):
                raise invalid(
                    f"WorkGroup {name} is not empty: give RecursiveDeleteOption to delete what it holds"
                )
            for table in contents:
                db.execute(delete(table).filter_by(account=call.account, workgroup=name))
            db.execute(delete(workgroups).filter_by(account=call.account, name=name))
            self._tags.remove(db, _arn(call, name))
        return {}

    def _check(self, configuration: Mapping[str, Any]) -> None:
        """Refuse settings that cannot be kept, rather than pretend."""
        if configuration.get("ExecutionRole") or (configuration.get("EngineVersion") or {}).get(
            "SelectedEngineVersion", "AUTO"
        ).startswith("PySpark"):
            raise invalid(
                "Workgroups here run SQL, with the rights of the engine: without a role, without Spark"
            )
        output = (configuration.get("ResultConfiguration") or {}).get("OutputLocation")
        if output:
            check_output(self._outputs, output)


def tags_of_workgroups(store: Store) -> Tags:
    """Return the operations on tags, which workgroups alone have here."""

    def find_arn(db: Connection, call: Call, text: str) -> str:
        try:
            path = arns.parse(text).path
        except ValueError as error:
            raise invalid(str(error)) from error
        ensure_primary(db, call.account)
        if path[0] != "workgroup" or len(path) != 2 or text != _arn(call, path[1]):
            raise absent(f"there is no resource {text}: workgroups have tags", text)
        if _find(db, call.account, path[1]) is None:
            raise absent(f"WorkGroup {path[1]} is not found: list_work_groups lists them", text)
        return text

    return Tags(store, TAGS, find_arn, invalid=invalid)


def _arn(call: Call, name: str) -> str:
    return str(arns.Arn("athena", call.region, call.account, ("workgroup", name)))


def _summary(row: Any) -> _Members:
    return {
        "Name": row.name,
        "State": row.state,
        "Description": row.description,
        "CreationTime": row.created,
        "EngineVersion": ENGINE,
    }


def check_output(outputs: Outputs, address: str) -> None:
    """Raise InvalidRequestException for an address where results may not go."""
    from brume.aws.addresses import AddressError

    try:
        outputs.place(address)
    except AddressError as error:
        raise invalid(f"OutputLocation: {error}") from None


def find(db: Connection, account: str, name: str) -> Workgroup:
    """Return a workgroup. Raises InvalidRequestException when there is none."""
    ensure_primary(db, account)
    row = _required(db, account, name)
    configuration = json.loads(row.configuration)
    return Workgroup(
        row.name,
        row.state == "ENABLED",
        str((configuration.get("ResultConfiguration") or {}).get("OutputLocation") or ""),
        bool(configuration.get("EnforceWorkGroupConfiguration")),
        int(configuration.get("BytesScannedCutoffPerQuery") or 0),
    )


def ensure_primary(db: Connection, account: str) -> None:
    """Give an account that is new its workgroup `primary` and, in it, the queries of the original."""
    if _find(db, account, PRIMARY) is not None:
        return
    _add(db, account, PRIMARY, "", {})
    for query in queries.named().values():
        if query.name.startswith(_ORIGINAL):
            db.execute(
                insert(named_queries).values(
                    id=str(uuid.uuid4()),
                    account=account,
                    workgroup=PRIMARY,
                    name=query.name,
                    description=query.line,
                    database=DATABASE,
                    text=query.sql,
                )
            )


def _add(db: Connection, account: str, name: str, description: str, configuration: Mapping[str, Any]) -> None:
    db.execute(
        insert(workgroups).values(
            account=account,
            name=name,
            state="ENABLED",
            description=description,
            configuration=json.dumps(configuration),
            created=time.time(),
        )
    )


def _find(db: Connection, account: str, name: str) -> Any:
    return db.execute(select(workgroups).filter_by(account=account, name=name)).one_or_none()


def _required(db: Connection, account: str, name: str) -> Any:
    row = _find(db, account, name)
    if row is None:
        raise invalid(f"WorkGroup {name} is not found: list_work_groups lists them")
    return row


def _holds(db: Connection, table: Any, account: str, workgroup: str) -> bool:
    return (
        db.execute(select(table).filter_by(account=account, workgroup=workgroup).limit(1)).first() is not None
    )


def _changed(configuration: _Members, changes: _Members) -> _Members:
    """Return a configuration after WorkGroupConfigurationUpdates."""
    results = dict(configuration.get("ResultConfiguration") or {})
    for name, value in dict(changes.pop("ResultConfigurationUpdates", None) or {}).items():
        if not name.startswith("Remove"):
            results[name] = value
        elif value:
            results.pop(name.removeprefix("Remove"), None)
    managed = changes.pop("ManagedQueryResultsConfigurationUpdates", None)
    changed = configuration | {"ResultConfiguration": results}
    if managed:
        changed["ManagedQueryResultsConfiguration"] = {"Enabled": bool(managed.get("Enabled"))}
    for name, value in changes.items():
        if not name.startswith("Remove"):
            changed[name] = value
        elif value:
            changed.pop(name.removeprefix("Remove"), None)
    return changed
