"""The protocol query: a form with the operation as Action in the request, XML in the answer.

Source: Smithy's awsQuery. A member of a structure or list is a name with dots: Filters.Filter.1.Name=x.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape, quoteattr

from brume.aws.engine.service import ServiceError
from brume.aws.wire import timestamps
from brume.aws.wire.protocols.base import Found, Protocol, Routes
from brume.aws.wire.reading import Reader
from brume.aws.wire.requests import BodyError, HttpRequest
from brume.aws.wire.responses import HttpAnswer, error_answer, given_members, success_status
from brume.aws.wire.signature import SignedRequest, decoded_query
from brume.aws.wire.writing import OutputError, require_known, scalar_text

FORM = "application/x-www-form-urlencoded"
_FIELDS, _DEPTH = 20_000, 64  # most fields of a form, most parts of one name
_OWN = ""  # under this key a node holds the text that is its own


class _Actions(Routes):
    def __init__(self, model: Any) -> None:
        self._names = frozenset(model.operation_names)
        self._version = model.metadata["apiVersion"]

    def find(self, request: SignedRequest, body: bytes) -> Found | None:
        if request.method == "POST":
            if not request.header("content-type").startswith(FORM):
                return None
            try:
                fields = dict(_fields(body))
            except BodyError:
                return None
        else:
            fields = dict(decoded_query(request.query))
        name = fields.get("Action", "")
        known = name in self._names and fields.get("Version", self._version) == self._version
        return Found(name, {}) if known else None


class Query(Protocol):
    """query."""

    name = "query"

    def routes(self, model: Any) -> Routes:
        """Return how the operations of a service are addressed."""
        return _Actions(model)

    def read(self, operation: Any, request: HttpRequest) -> dict[str, Any]:
        """Return the parameters of an operation."""
        if operation.input_shape is None:
            return {}
        form = request.headers.get("content-type", "").startswith(FORM)
        fields = _fields(request.body) if form else list(request.query)
        return _FormReader().read(operation.input_shape, _tree(fields))

    def write(self, operation: Any, output: Mapping[str, Any] | None, request_id: str) -> HttpAnswer:
        """Return the response for what a method returned."""
        given = given_members(operation, output)
        shape, name = operation.output_shape, operation.name
        content = ""
        if shape is not None:
            content = _members(shape, given, name)
            wrapper = shape.serialization.get("resultWrapper")
            content = _element(wrapper, content) if wrapper else content
        content += _element("ResponseMetadata", _element("RequestId", _escaped(request_id)))
        root = _element(f"{name}Response", content, operation.service_model)
        return _answer(HttpAnswer(success_status(operation)), root)

    def write_error(self, model: Any, error: ServiceError, request_id: str) -> HttpAnswer:
        """Return the response for an error."""
        answer, members, shape = error_answer(model, error)
        kind = _element("Type", "Receiver" if answer.status >= 500 else "Sender")
        content = kind + _element("Code", _escaped(error.code)) + _element("Message", _escaped(error.message))
        if shape is not None:
            others = {name: value for name, value in members.items() if name.lower() != "message"}
            content += _members(shape, others, error.code)
        root = _element(
            "ErrorResponse", _element("Error", content) + _element("RequestId", _escaped(request_id)), model
        )
        return _answer(answer, root)


def _fields(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS)
    except ValueError as error:
        raise BodyError(f"the body is not a form in UTF-8: {error}") from None


def _tree(fields: list[tuple[str, str]]) -> dict[str, Any]:
    """Return the fields by the parts of their names: {"Tags": {"Tag": {"1": {"Key": {"": "x"}}}}}."""
    root: dict[str, Any] = {}
    for name, text in fields:
        parts = name.split(".")
        if len(parts) > _DEPTH:
            raise BodyError(f"the name of a field has more than {_DEPTH} parts: {name[:80]}")
        node = root
        for part in parts:
            node = node.setdefault(part, {}) if part else node
        node.setdefault(_OWN, text)
    return root


def _flattened(shape: Any) -> bool:
    return bool(shape.serialization.get("flattened"))


def _name_in(name: str, member: Any) -> str:
    """Return the name of a structure's member; that of a flattened list is the name of its items."""
    if member.type_name == "list" and _flattened(member) and member.member.serialization.get("name"):
        return str(member.member.serialization["name"])
    return str(member.serialization.get("name", name))


class _FormReader(Reader):
    """Reads the tree of a form's fields."""

    def key(self, name: str, member: Any) -> str:
        """Return the name that a member has in a form."""
        return _name_in(name, member)

    def value(self, shape: Any, value: Any, path: str) -> Any:
        """Return a node of the tree as `shape` has it."""
        if shape.type_name in ("structure", "list", "map") or not isinstance(value, Mapping):
            return super().value(shape, value, path)
        if _OWN not in value:
            return self.fault(path, "must be one value")
        return self.text(shape, value[_OWN], path)

    def _list(self, shape: Any, value: Any, path: str) -> Any:
        node = value if _flattened(shape) else value.get(shape.member.serialization.get("name", "member"), {})
        return super()._list(shape, self._numbered(node, path), path)

    def _map(self, shape: Any, value: Any, path: str) -> Any:
        entries = {}
        node = value if _flattened(shape) else value.get("entry", {})
        for entry in self._numbered(node, path):
            key = entry.get(shape.key.serialization.get("name", "key"), {})
            if _OWN not in key:
                self.fault(path, "has an entry without a key")
                continue
            entries[key[_OWN]] = entry.get(shape.value.serialization.get("name", "value"))
        return super()._map(shape, entries, path)

    def _numbered(self, node: Mapping[str, Any], path: str) -> list[Any]:
        """Return the items 1, 2, ... in order."""
        names = [name for name in node if name != _OWN]
        if not all(name.isascii() and name.isdecimal() and len(name) < 10 for name in names):
            self.fault(path, "must have items numbered 1, 2, ...")
            return []
        return [node[name] for name in sorted(names, key=int)]


def _answer(answer: HttpAnswer, root: str) -> HttpAnswer:
    answer.headers["content-type"] = "text/xml"
    answer.body = root.encode()
    return answer


def _element(name: str, content: str, model: Any = None) -> str:
    namespace = model.metadata.get("xmlNamespace") if model is not None else None
    attribute = f" xmlns={quoteattr(namespace)}" if namespace else ""
    return f"<{name}{attribute}>{content}</{name}>"


def _escaped(text: str) -> str:
    # XML 1.0 has no other control characters, and a parser would make a line feed of a carriage return.
    kept = "".join(char if char >= " " or char in "\t\n\r" else "\N{REPLACEMENT CHARACTER}" for char in text)
    kept = kept.translate({0xFFFE: 0xFFFD, 0xFFFF: 0xFFFD})
    return escape(kept, {"\r": "&#13;"})


def _members(shape: Any, given: Mapping[str, Any], path: str) -> str:
    require_known(shape, given, path)
    return "".join(
        _member(_name_in(name, shape.members[name]), shape.members[name], value, f"{path}.{name}")
        for name, value in given.items()
        if value is not None
    )


def _member(name: str, shape: Any, value: Any, path: str) -> str:
    """Return the element of a member, or the elements of a flattened one."""
    kind = shape.type_name
    try:
        if kind == "structure":
            return _element(name, _members(shape, value, path))
        if kind == "list":
            if isinstance(value, (str, bytes)):
                raise OutputError(f"{path} must be a list, not {type(value).__name__}")
            item = name if _flattened(shape) else shape.member.serialization.get("name", "member")
            content = "".join(
                _member(item, shape.member, one, f"{path}[{index}]") for index, one in enumerate(value)
            )
            return content if _flattened(shape) else _element(name, content)
        if kind == "map":
            entry = name if _flattened(shape) else "entry"
            key = shape.key.serialization.get("name", "key")
            held = shape.value.serialization.get("name", "value")
            content = "".join(
                _element(
                    entry,
                    _member(key, shape.key, one, path) + _member(held, shape.value, other, f"{path}.{one}"),
                )
                for one, other in value.items()
            )
            return content if _flattened(shape) else _element(name, content)
    except AttributeError as error:
        raise OutputError(f"{path} is no {kind}: {type(value).__name__}") from error
    return _element(name, _escaped(scalar_text(shape, value, path, timestamps.ISO)))
