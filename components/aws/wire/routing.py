"""Which operation a request asks for: by method and URI (rest-json), or by X-Amz-Target (json)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_LABEL = re.compile(r"\{([^}+]+)(\+?)\}")


@dataclass(frozen=True)
class Match:
    """An operation's model, and the labels of its URI as they stood in the path (percent-encoded)."""

    operation: Any
    labels: Mapping[str, str]


@dataclass(frozen=True)
class _Route:
    operation: Any
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
    # What is said literally goes before a label, a label before a greedy one, a fixed query before none.
    return _Route(operation, re.compile(pattern + "/?"), tuple(names), query, (order, -len(query)))


class Router:
    """The operations of one service."""

    def __init__(self, model: Any) -> None:
        """Raises `ValueError` for a service of a protocol that this server does not speak."""
        self.protocol = str(model.metadata.get("protocol"))
        if self.protocol not in ("rest-json", "json"):
            known = model.metadata.get("protocols", [self.protocol])
            raise ValueError(f"{model.service_name} speaks {', '.join(known)}: not rest-json or json")
        self._prefix = model.metadata.get("targetPrefix", "")
        self._model = model
        self._names = frozenset(model.operation_names)
        self._routes: dict[str, list[_Route]] = {}
        if self.protocol == "rest-json":
            for name in model.operation_names:
                operation = model.operation_model(name)
                self._routes.setdefault(operation.http["method"], []).append(_route(operation))
            for routes in self._routes.values():
                routes.sort(key=lambda route: route.order)

    def find(self, method: str, path: str, query: Sequence[tuple[str, str]], target: str) -> Match | None:
        """Return the operation of a request, or None. `path` is as sent, not decoded; `query` is decoded."""
        if self.protocol == "json":
            prefix, _, name = target.rpartition(".")
            if method == "POST" and prefix == self._prefix and name in self._names:
                return Match(self._model.operation_model(name), {})
            return None
        for route in self._routes.get(method, ()):
            match = route.path.fullmatch(path)
            if match and route.query <= set(query):
                return Match(route.operation, dict(zip(route.names, match.groups(), strict=True)))
        return None
