"""Mounts the classes of an engine, one per API resource, as the operations of a service.

A resource is a plain class. Its methods that have the name of an operation of the service, as boto3 spells
it (`create_project` for CreateProject), take `(request, call)` and return the output:

    LOOKOUT = Service("lookoutvision", (Projects, Datasets), refused={"no devices here": ("StartModel",)})
    Engine(services={"lookoutvision": LOOKOUT.mount(projects, datasets)})

Operations that no resource has are answered with an error that names them and says why.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from botocore import xform_name

from brume.aws.client import service_model
from brume.aws.engine.service import Call, ServiceError

NOT_IMPLEMENTED = "not implemented"


class ResourceError(TypeError):
    """Resources that do not fit the model of their service: a fault of the engine's code."""


@dataclass(frozen=True)
class Operation:
    """One operation of a service: the class that implements it, or why none does."""

    name: str
    method: str
    resource: type | None
    reason: str


@dataclass(frozen=True)
class Service:
    """Which resources make up a service, by botocore's name of it.

    `refused` maps a reason to the operations that are not implemented because of it.
    """

    name: str
    resources: tuple[type, ...]
    refused: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def operations(self) -> list[Operation]:
        """Return every operation of the service's model, in the order of their names.

        Raises `ResourceError` for a method that takes a request and is no operation, for an operation that
        two resources have, and for a refused one that is implemented or unknown.
        """
        methods = {xform_name(name): name for name in service_model(self.name).operation_names}
        owners: dict[str, type] = {}
        for resource in self.resources:
            for method in _handlers(resource):
                where = f"{resource.__name__}.{method}"
                if method not in methods:
                    raise ResourceError(f"{where}: {self.name} has no such operation")
                if method in owners:
                    raise ResourceError(f"{where}: {owners[method].__name__} has this operation too")
                owners[method] = resource
        reasons = {name: reason for reason, names in self.refused.items() for name in names}
        for name in reasons:
            if name not in methods.values():
                raise ResourceError(f"refused: {self.name} has no operation {name}")
            if xform_name(name) in owners:
                raise ResourceError(f"refused: {name} is implemented by {owners[xform_name(name)].__name__}")
        return [
            Operation(
                name,
                method,
                owners.get(method),
                "" if method in owners else reasons.get(name, NOT_IMPLEMENTED),
            )
            for method, name in sorted(methods.items(), key=lambda item: item[1])
        ]

    def mount(self, *instances: object) -> Mounted:
        """Return an object with a method for every operation. `instances` has one object of each resource.

        Raises `ResourceError` for a resource without an instance, and what `operations` raises.
        """
        by_class = {type(instance): instance for instance in instances}
        missing = [resource.__name__ for resource in self.resources if resource not in by_class]
        if missing:
            raise ResourceError(f"{self.name}: no instance was given of {', '.join(missing)}")
        methods = {
            operation.method: _refusal(self.name, operation)
            if operation.resource is None
            else getattr(by_class[operation.resource], operation.method)
            for operation in self.operations()
        }
        return Mounted(methods)


class Mounted:
    """The operations of one service, each an attribute with boto3's method name."""

    def __init__(self, methods: Mapping[str, Callable[..., Any]]) -> None:
        self.__dict__.update(methods)


def _handlers(resource: type) -> list[str]:
    """Return the public methods of a class that take a request and a call."""
    return [
        name
        for name, method in inspect.getmembers(resource, inspect.isfunction)
        if not name.startswith("_") and list(inspect.signature(method).parameters)[1:3] == ["request", "call"]
    ]


def _refusal(service: str, operation: Operation) -> Callable[..., Any]:
    def refuse(_request: Mapping[str, Any], _call: Call) -> NoReturn:
        error = ServiceError(
            "UnknownOperationException",
            f"This server does not implement {operation.name} of {service}: {operation.reason}",
        )
        error.status = 501  # which no AWS SDK tries again
        raise error

    return refuse
