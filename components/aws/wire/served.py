"""The engines that a gateway serves: each with its services, threads, limits and metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from botocore import xform_name

from brume.aws.client import service_model
from brume.aws.engine.service import Engine, ServiceError
from brume.aws.wire.limits import Limits
from brume.aws.wire.observe import Observer
from brume.aws.wire.routing import Router

FULL = "The server has as many requests as it takes on: try again"


@dataclass(frozen=True)
class Service:
    """A service, its model and its routes; `methods` are the engine's, by operation."""

    name: str
    model: Any
    router: Router
    methods: Mapping[str, Callable[..., Any]]

    @property
    def signing_name(self) -> str:
        """The name of the service in a credential's scope."""
        return str(self.model.signing_name)


class Places:
    """How many requests may be taken on at once."""

    def __init__(self, count: int, changed: Callable[[int], None]) -> None:
        self._free = count
        self._changed = changed

    def require(self, code: str) -> None:
        """Raise `ServiceError` of this code when there is no free place."""
        if self._free <= 0:
            raise ServiceError(code, FULL, RetryAfterSeconds=1)

    def take(self) -> None:
        """Take a place; `require` has been called."""
        self._free -= 1
        self._changed(1)

    def give_back(self) -> None:
        """Give a place back, on the event loop."""
        self._free += 1
        self._changed(-1)


@dataclass
class Served:
    """One engine as it is served. `unsigned` are its services (botocore's names) that need no signature."""

    name: str
    engine: Engine
    limits: Limits = field(default_factory=Limits)
    unsigned: frozenset[str] = frozenset()
    services: list[Service] = field(init=False)

    def __post_init__(self) -> None:
        """Raises `ValueError` for a service whose protocol is not spoken here."""
        limits = self.limits
        self.services = [_service(name, handler) for name, handler in self.engine.services.items()]
        self.observer = Observer(self.engine.registry)
        self.places = Places(limits.workers + limits.queue, self.observer.in_flight.inc)
        self.streams = Places(limits.streams, self.observer.streams.inc)
        self.pool = ThreadPoolExecutor(limits.workers, thread_name_prefix="operation")

    @property
    def signing_names(self) -> set[str]:
        """The services of credentials' scopes that this engine answers for."""
        routes = {route.service for route in self.engine.routes}
        return {service.signing_name for service in self.services} | routes

    def takes_unsigned(self, service: str) -> bool:
        """Whether a service, by botocore's or its signing name, needs no signature."""
        names = {one.signing_name for one in self.services if one.name in self.unsigned}
        return service in self.unsigned or service in names

    def close(self) -> None:
        """Wait for the operations that still run, then close the engine."""
        self.pool.shutdown(wait=True, cancel_futures=True)
        self.engine.close()


def _service(name: str, handler: object) -> Service:
    model = service_model(name)
    methods = {
        operation: getattr(handler, xform_name(operation))
        for operation in model.operation_names
        if hasattr(handler, xform_name(operation))
    }
    return Service(name, model, Router(model), methods)
