"""Errors of a service, held to the shapes of its model."""

from __future__ import annotations

from typing import Any

from brume.aws.client import service_model
from brume.aws.engine.service import ServiceError


class Errors:
    """Makes the errors of one service.

    ERRORS = Errors("lookoutvision")
    raise ERRORS("ConflictException", "there is one already", ResourceId="a", ResourceType="PROJECT")
    """

    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, code: str, message: str, **members: Any) -> ServiceError:
        """Return the error with this code. Raises `TypeError` where the model has no such code or members."""
        shapes = {
            str(shape.error_code): shape for shape in service_model(self._service).error_shapes if shape
        }
        shape = shapes.get(code)
        if shape is None:
            raise TypeError(f"{self._service} has no error {code}: it has {', '.join(sorted(shapes))}")
        unknown = set(members) - set(shape.members)
        if unknown:
            raise TypeError(f"{code} of {self._service} has no member {', '.join(sorted(unknown))}")
        absent = set(shape.required_members) - {*members, "Message", "message"}
        if absent:
            raise TypeError(f"{code} of {self._service} needs {', '.join(sorted(absent))}")
        return ServiceError(code, message, **members)
