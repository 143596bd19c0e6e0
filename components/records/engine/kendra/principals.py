"""The operations on principal mappings: which users and groups are members of a group."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from brume import storage
from brume.aws import addresses
from brume.aws.engine.listing import list_rows
from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.records.engine.kendra.common import absent, bad, index_row, source_row
from brume.records.engine.kendra.tables import GROUPS

_MOST = 1000  # members of a kind, given in the request


class PrincipalMappings:
    """The operations on principal mappings; an older one does not undo a newer one."""

    def __init__(self, store: Store, folders: Mapping[str, str]) -> None:
        self._store, self._folders = store, folders

    def put_principal_mapping(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Set the members of a group."""
        users, groups = self._members(request["GroupMembers"], request.get("DataSourceId") or "")
        self._write(request, call, {"users": users, "groups": groups, "deleted": 0})
        return {}

    def delete_principal_mapping(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Take away the members of a group: it lets nobody in any more by its members."""
        self._write(request, call, {"users": [], "groups": [], "deleted": 1})
        return {}

    def describe_principal_mapping(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Return the state of the latest change of a group's members."""
        with self._store.read() as db:
            index = index_row(db, call, request["IndexId"])
            row = db.execute(select(GROUPS).filter_by(**_key(index.id, request))).one_or_none()
        if row is None:
            raise absent("principal mapping of the group", request["GroupId"])
        state = {
            "Status": "DELETED" if row.deleted else "SUCCEEDED",
            "LastUpdatedAt": row.updated,
            "ReceivedAt": row.updated,
            "OrderingId": int(row.ordering),
        }
        return {
            "IndexId": row.index_id,
            "DataSourceId": row.source_id or None,
            "GroupId": row.name,
            "GroupOrderingIdSummaries": [state],
        }

    def list_groups_older_than_ordering_id(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """List the groups whose members were last set before an ordering id."""
        with self._store.read() as db:
            index = index_row(db, call, request["IndexId"])
            wanted = select(GROUPS).filter_by(index_id=index.id, source_id=request.get("DataSourceId") or "")
            wanted = wanted.where(GROUPS.c.ordering < request["OrderingId"], GROUPS.c.deleted == 0)
            return list_rows(db, request, call, wanted, GROUPS.c.name, _summary)

    def _write(self, request: Mapping[str, Any], call: Call, values: Mapping[str, Any]) -> None:
        now = time.time()
        ordering = request.get("OrderingId")
        ordering = int(now * 1000) if ordering is None else ordering
        with self._store.write() as db:
            index = index_row(db, call, request["IndexId"], active=True)
            if source := request.get("DataSourceId"):
                source_row(db, index.id, source)
            key = _key(index.id, request)
            known = db.execute(select(GROUPS.c.ordering).filter_by(**key)).scalar()
            if known is not None and known > ordering:
                return
            _replace(db, key, {**values, "ordering": ordering, "updated": now}, there=known is not None)

    def _members(self, given: Mapping[str, Any], source: str) -> tuple[list[str], list[list[str]]]:
        """Return users, and groups as pairs of name and data source. Raises `ServiceError`."""
        users = [one["UserId"] for one in given.get("MemberUsers") or []]
        groups = [
            [one["GroupId"], one.get("DataSourceId") or source] for one in given.get("MemberGroups") or []
        ]
        if max(len(users), len(groups)) > _MOST:
            raise bad(
                f"GroupMembers has at most {_MOST} users and groups: more are given by S3PathforGroupMembers"
            )
        path = given.get("S3PathforGroupMembers")
        if path:
            uri = f"s3://{path['Bucket']}/{path['Key']}"
            listed = self._listed(uri)
            users += [one["userId"] for one in listed.get("memberUsers", [])]
            groups += [
                [one["groupId"], one.get("dataSourceId") or source] for one in listed.get("memberGroups", [])
            ]
        if not users and not groups:
            raise bad("GroupMembers names nobody: DeletePrincipalMapping takes a group's members away")
        return users, groups

    def _listed(self, uri: str) -> dict[str, Any]:
        try:
            listed = json.loads(storage.read_bytes(addresses.locate(uri, self._folders)))
            if not isinstance(listed, dict):
                raise TypeError
            for name, member in (("memberUsers", "userId"), ("memberGroups", "groupId")):
                if not all(isinstance(one[member], str) for one in listed.get(name, [])):
                    raise TypeError
        except (addresses.AddressError, storage.StorageError, OSError) as error:
            raise bad(f"S3PathforGroupMembers: {uri} cannot be read: {error}") from error
        except (ValueError, TypeError, KeyError) as error:
            raise bad(
                f'S3PathforGroupMembers: {uri} is not of the form {{"memberGroups": [{{"groupId": ...}}], '
                '"memberUsers": [{"userId": ...}]}'
            ) from error
        return listed


def _key(index: str, request: Mapping[str, Any]) -> dict[str, str]:
    return {"index_id": index, "source_id": request.get("DataSourceId") or "", "name": request["GroupId"]}


def _replace(db: Connection, key: Mapping[str, str], values: Mapping[str, Any], *, there: bool) -> None:
    if there:
        db.execute(update(GROUPS).filter_by(**key).values(**values))
    else:
        db.execute(insert(GROUPS).values(**key, **values))


def forget(db: Connection, index: str, source: str) -> None:
    """Take out the groups of a data source that is deleted."""
    db.execute(delete(GROUPS).filter_by(index_id=index, source_id=source))


def _summary(row: Row[Any]) -> dict[str, Any]:
    return {"GroupId": row.name, "OrderingId": int(row.ordering)}
