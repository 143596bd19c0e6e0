"""Tags of resources by ARN: TagResource, UntagResource, ListTagsForResource of any service.

Services spell the members differently (ResourceArn, ResourceARN, resourceArn; Tags as a list of Key and Value
or as a map): the spelling is taken from the service's model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, MetaData, String, Table, delete, insert, select

from brume.aws.client import service_model
from brume.aws.engine.service import Call, ServiceError
from brume.aws.engine.store import Store

MOST = 50  # tags of one resource

Find = Callable[[Connection, Call, str], str]
Refuse = Callable[[str], ServiceError]


def tags_table(metadata: MetaData, name: str = "resource_tags") -> Table:
    """Return the table of an engine's tags."""
    return Table(
        name,
        metadata,
        Column("resource", String(1011), primary_key=True),  # its ARN
        Column("key", String(128), primary_key=True),
        Column("value", String(256), nullable=False),
    )


class Tags:
    """The operations on tags, and the tags that other operations give and take away.

    `find(db, call, arn)` returns the ARN of a resource of the caller's as it is kept here, and raises the
    service's own error for any other; `invalid` and `too_many` make the service's errors.
    """

    def __init__(
        self, store: Store, table: Table, find: Find, *, invalid: Refuse, too_many: Refuse | None = None
    ) -> None:
        self._store, self._table, self._find = store, table, find
        self._invalid, self._too_many = invalid, too_many or invalid

    def tag_resource(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Set tags: a key that is there gets the new value."""
        with self._store.write() as db:
            self.put(db, self._resource(db, request, call), pairs(request[_member(call, "tags")]))
        return {}

    def untag_resource(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Remove tags by their keys: a key that is not there is no error."""
        keys = request[_member(call, "tagkeys")]
        with self._store.write() as db:
            resource = self._resource(db, request, call)
            db.execute(delete(self._table).filter_by(resource=resource).where(self._table.c.key.in_(keys)))
        return {}

    def list_tags_for_resource(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """List the tags of a resource by their keys."""
        with self._store.read() as db:
            found = self.of(db, self._resource(db, request, call))
        output = service_model(call.service).operation_model(call.operation).output_shape
        name = next(name for name in output.members if name.lower() in ("tags", "taglist"))
        if output.members[name].type_name == "map":
            return {name: found}
        return {name: [{"Key": key, "Value": value} for key, value in found.items()]}

    def of(self, db: Connection, resource: str) -> dict[str, str]:
        """Return the tags of a resource, by key."""
        mine = select(self._table).filter_by(resource=resource).order_by(self._table.c.key)
        return {row.key: row.value for row in db.execute(mine)}

    def put(self, db: Connection, resource: str, given: Sequence[tuple[str, str]]) -> None:
        """Give tags to a resource. Raises the service's error for a bad key, and past `MOST` tags."""
        fresh = dict(given)
        if len(fresh) != len(given):
            raise self._invalid("Tags names a key twice")
        if reserved := next((key for key in fresh if key.lower().startswith("aws:")), None):
            raise self._invalid(f"the tag {reserved} begins with aws:, which is reserved")
        total = len(self.of(db, resource) | fresh)
        if total > MOST:
            raise self._too_many(f"{resource} would have {total} tags; at most {MOST} are allowed")
        db.execute(delete(self._table).filter_by(resource=resource).where(self._table.c.key.in_(fresh)))
        if fresh:
            rows = [{"resource": resource, "key": key, "value": value} for key, value in fresh.items()]
            db.execute(insert(self._table), rows)

    def remove(self, db: Connection, resource: str) -> None:
        """Remove the tags of a resource that is deleted."""
        db.execute(delete(self._table).filter_by(resource=resource))

    def _resource(self, db: Connection, request: Mapping[str, Any], call: Call) -> str:
        return self._find(db, call, request[_member(call, "resourcearn")])


def pairs(tags: Sequence[Mapping[str, str]] | Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the tags of a request, a list of Key and Value or a map, as pairs."""
    if isinstance(tags, Mapping):
        return list(tags.items())
    return [(tag["Key"], tag.get("Value", "")) for tag in tags]


def _member(call: Call, name: str) -> str:
    """Return the member of an operation's input that has this name, but for capitals."""
    members = service_model(call.service).operation_model(call.operation).input_shape.members
    return next(str(member) for member in members if member.lower() == name)
