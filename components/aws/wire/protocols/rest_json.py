"""The protocol rest-json: members in the path, the query, headers and a JSON body.

Source: Smithy's restJson1. The code of an error is the header x-amzn-errortype.
"""

from __future__ import annotations

import base64
import binascii
import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from brume.aws.engine.service import ServiceError
from brume.aws.wire import eventstream, timestamps
from brume.aws.wire.documents import JSON
from brume.aws.wire.protocols.base import Found, Protocol, Routes
from brume.aws.wire.reading import Reader
from brume.aws.wire.requests import BodyError, HttpRequest
from brume.aws.wire.responses import HttpAnswer, error_answer, given_members, success_status
from brume.aws.wire.signature import SignedRequest, decoded_query
from brume.aws.wire.writing import require_known, scalar_text, to_bytes

_LABEL = re.compile(r"\{([^}+]+)(\+?)\}")
_TYPES = {"blob": "application/octet-stream", "string": "text/plain; charset=utf-8"}
_MISSING = object()


@dataclass(frozen=True)
class _Route:
    operation: str
    path: re.Pattern[str]
    names: tuple[str, ...]
    query: frozenset[tuple[str, str]]
    order: tuple[Any, ...]


def _route(operation: Any) -> _Route:
    """Compile an operation's URI template. A label is one part of the path, a greedy one (`{Key+}`) more."""
    template, _, fixed = operation.http["requestUri"].partition("?")
    names: list[str] = []
    order: list[tuple[int, str]] = []
    pattern = ""
    for part in template.strip("/").split("/"):
        place = 0
        pattern += "/"
        rest = 0
        for label in _LABEL.finditer(part):
            names.append(label[1])
            place = 2 if label[2] else 1
            pattern += re.escape(part[rest : label.start()]) + ("(.+)" if label[2] else "([^/]+)")
            rest = label.end()
        pattern += re.escape(part[rest:])
        order.append((place, part if place == 0 else ""))
    query = frozenset(
        (key, value) for key, _, value in (item.partition("=") for item in fixed.split("&"))
    ) - {("", "")}
    # Literal parts go before a label, a label before a greedy one, a fixed query before none.
    return _Route(operation.name, re.compile(pattern + "/?"), tuple(names), query, (order, -len(query)))


class _Templates(Routes):
    def __init__(self, model: Any) -> None:
        self._routes: dict[str, list[_Route]] = {}
        for name in model.operation_names:
            operation = model.operation_model(name)
            self._routes.setdefault(operation.http["method"], []).append(_route(operation))
        for routes in self._routes.values():
            routes.sort(key=lambda route: route.order)

    def find(self, request: SignedRequest, body: bytes) -> Found | None:
        query = set(decoded_query(request.query))
        for route in self._routes.get(request.method, ()):
            match = route.path.fullmatch(request.path)
            if match and route.query <= query:
                return Found(route.operation, dict(zip(route.names, match.groups(), strict=True)))
        return None


class RestJson(Protocol):
    """rest-json."""

    name = "rest-json"
    has_initial_event = False

    def routes(self, model: Any) -> Routes:
        """Return how the operations of a service are addressed."""
        return _Templates(model)

    def read(self, operation: Any, request: HttpRequest) -> dict[str, Any]:
        """Return the parameters of an operation."""
        if operation.input_shape is None:
            return {}
        return _RestReader(request).members(operation.input_shape)

    def write(self, operation: Any, output: Mapping[str, Any] | None, request_id: str) -> HttpAnswer:
        """Return the response for what a method returned."""
        given = given_members(operation, output)
        answer = HttpAnswer(success_status(operation))
        if operation.output_shape is not None:
            _write_members(operation.output_shape, given, answer, operation.name)
        elif answer.status != 204:
            answer.headers["content-type"] = JSON.media
            answer.body = b"{}"
        return answer

    def write_error(self, model: Any, error: ServiceError, request_id: str) -> HttpAnswer:
        """Return the response for an error."""
        answer, members, shape = error_answer(model, error)
        body: dict[str, Any] = {}
        for name, value in members.items():
            member = shape.members.get(name) if shape is not None else None
            if member is None:
                body[name] = value
            elif member.serialization.get("location") == "header":
                answer.headers[JSON.writer.key(name, member).lower()] = _header(member, value, name)
            else:
                body[JSON.writer.key(name, member)] = JSON.writer.value(member, value, name)
        answer.headers |= {"content-type": JSON.media, "x-amzn-errortype": error.code}
        answer.body = JSON.dumps(body)
        return answer


class _RestReader(Reader):
    """Reads members from where the model places each."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__()
        self._request = request

    def members(self, shape: Any) -> dict[str, Any]:
        """Return the members of an operation's input. Raises `RequestError` and `BodyError`."""
        payload = shape.serialization.get("payload")
        stream = shape.event_stream_name
        unplaced = {
            name: member for name, member in shape.members.items() if "location" not in member.serialization
        }
        body: Any = {}
        if payload is None and stream is None and unplaced:
            body = JSON.loads(self._request.body)
            if not isinstance(body, dict):
                raise BodyError("the body must be a JSON object")
        found = {}
        for name, member in shape.members.items():
            if name == stream:
                continue
            if name == payload:
                value = self._payload(member, name)
            elif name in unplaced:
                given = body.get(self.key(name, member))
                value = _MISSING if given is None else self.value(member, given, name)
            else:
                value = self._placed(member, name)
            if value is _MISSING:
                if name in shape.required_members:
                    self.fault(name, "is required")
            elif not self.is_wrong(value):
                found[name] = value
        self.check()
        return found

    def _payload(self, member: Any, name: str) -> Any:
        body = self._request.body
        if member.type_name == "blob":
            return self.limits(member, body, name) if body else _MISSING
        if member.type_name == "string":
            if not body:
                return _MISSING
            try:
                return self.limits(member, body.decode(), name)
            except UnicodeDecodeError:
                return self.fault(name, "is not UTF-8")
        return self.value(member, JSON.loads(body), name) if body.strip() else _MISSING

    def _placed(self, member: Any, name: str) -> Any:
        """Read a member from the path, the query or the headers."""
        where, key = member.serialization["location"], self.key(name, member)
        request = self._request
        if where == "uri":
            try:
                return self.text(member, unquote(request.labels[key], errors="strict"), name)
            except UnicodeDecodeError:
                return self.fault(name, "is not UTF-8")
        if where == "querystring":
            return self._queried(member, request.query, name, key)
        if where == "headers":
            prefix = key.lower()
            entries = {
                header[len(prefix) :]: text
                for header, text in request.headers.items()
                if header.startswith(prefix)
            }
            return self.value(member, entries, name) if entries else _MISSING
        text = request.headers.get(key.lower())
        return _MISSING if text is None else self._header(member, text, name)

    def _queried(self, member: Any, query: Sequence[tuple[str, str]], name: str, key: str) -> Any:
        if member.type_name == "map":
            return self._query_map(member, query, name)
        texts = [text for other, text in query if other == key]
        if not texts:
            return _MISSING
        if member.type_name != "list":
            return self.text(member, texts[0], name)
        return self.items(member, texts, name, lambda text, at: self.text(member.member, text, at))

    def _query_map(self, member: Any, query: Iterable[tuple[str, str]], name: str) -> Any:
        """Every parameter is an entry: the model places such a map beside no other parameter of the query."""
        entries: dict[str, Any] = {}
        for key, text in query:
            if member.value.type_name == "list":
                entries.setdefault(key, []).append(text)
            else:
                entries.setdefault(key, text)
        return self.value(member, entries, name) if entries else _MISSING

    def _header(self, member: Any, text: str, name: str) -> Any:
        if member.type_name == "list":
            fields = next(
                csv.reader(io.StringIO(text), skipinitialspace=True, escapechar="\\", doublequote=False), []
            )
            if member.member.type_name == "timestamp":  # a date of this form has a comma of its own
                fields = [", ".join(pair) for pair in zip(fields[::2], fields[1::2], strict=False)]
            return self.items(member, fields, name, lambda field, at: self.text(member.member, field, at))
        if member.serialization.get("jsonvalue"):
            try:
                return json.loads(base64.b64decode(text, validate=True))
            except (binascii.Error, ValueError):
                return self.fault(name, "is not JSON in base64")
        # Clients in Python write booleans of headers as "True".
        return self.text(member, text.lower() if member.type_name == "boolean" else text, name)


def _write_members(shape: Any, given: Mapping[str, Any], answer: HttpAnswer, path: str) -> None:
    """Place the members of an output."""
    require_known(shape, given, path)
    payload, stream = shape.serialization.get("payload"), shape.event_stream_name
    body: dict[str, Any] = {}
    own_type = any(
        member.serialization.get("name", "").lower() == "content-type" for member in shape.members.values()
    )
    for name, value in given.items():
        member = shape.members[name]
        where, key = member.serialization.get("location"), JSON.writer.key(name, member)
        if name == stream:
            continue
        if name == payload:
            _payload(member, value, answer, f"{path}.{name}")
            if not own_type:
                answer.headers.setdefault("content-type", _TYPES.get(member.type_name, JSON.media))
        elif where == "statusCode":
            answer.status = int(value)
        elif where == "header":
            answer.headers[key.lower()] = _header(member, value, f"{path}.{name}")
        elif where == "headers":
            answer.headers |= {
                f"{key}{entry}".lower(): _printable(str(text)) for entry, text in value.items()
            }
        else:
            body[key] = JSON.writer.value(member, value, f"{path}.{name}")
    if stream is not None:
        answer.headers["content-type"] = eventstream.TYPE
    elif payload is None and answer.status != 204:
        answer.headers.setdefault("content-type", JSON.media)
        answer.body = JSON.dumps(body)


def _payload(member: Any, value: Any, answer: HttpAnswer, path: str) -> None:
    if member.type_name == "blob":
        answer.body = to_bytes(value, path)
    elif member.type_name == "string":
        answer.body = str(value).encode()
    else:
        answer.body = JSON.write(member, value, path)


def _header(member: Any, value: Any, path: str) -> str:
    """Return a member as the text of a header, free of line breaks."""
    if member.type_name == "list":
        return ",".join(_listed(_header(member.member, item, path), member.member) for item in value)
    if member.serialization.get("jsonvalue"):
        return base64.b64encode(JSON.dumps(value)).decode()
    return _printable(scalar_text(member, value, path, timestamps.HTTP))


def _printable(text: str) -> str:
    # What was given may not start a header of its own, and a header has no characters beyond ASCII.
    return (
        text if text.isascii() and text.isprintable() else quote(text, safe=" !#$&'()*+,/:;=?@[]~\"<>^`{|}\\")
    )


def _listed(text: str, member: Any) -> str:
    if member.type_name == "string" and ("," in text or '"' in text):
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return text
