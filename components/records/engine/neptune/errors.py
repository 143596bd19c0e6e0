"""Errors of Neptune's: as its model has them, and as its raw HTTP answers them."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any, TypeVar

from brume.aws.client import service_model
from brume.aws.engine.routes import Reply
from brume.aws.engine.service import Call, ServiceError
from brume.aws.wire.responses import status_of

SERVICE = "neptunedata"
_T = TypeVar("_T")
_OF_HTTP = {"ResourceNotFoundException": 404, "UnsupportedMediaTypeException": 415}  # not of the model
JSON = {"content-type": "application/json; charset=UTF-8"}


class NeptuneError(ValueError):
    """What is wrong with a request, by Neptune's code of it; `answered` makes it the service's error."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def answered(self, call: Call) -> ServiceError:
        """Return the error as an operation raises it."""
        return ServiceError(self.code, str(self), requestId=call.request_id)

    def reply(self, call: Call) -> Reply:
        """Return the error as raw HTTP answers it."""
        shape = service_model(SERVICE).shape_for_error_code(self.code)
        body = {"requestId": call.request_id, "code": self.code, "detailedMessage": str(self)}
        body["message"] = str(self)  # which boto3 shows
        headers = {**JSON, "x-amzn-errortype": self.code}
        return Reply(
            _OF_HTTP.get(self.code) or status_of(self.code, shape), json.dumps(body).encode(), headers
        )


def answered(method: Callable[..., _T]) -> Callable[..., _T]:
    """Have a method of an operation, `(self, request, call)`, raise its `NeptuneError` as the service's."""

    @functools.wraps(method)
    def raising(self: Any, request: Any, call: Call) -> _T:
        try:
            return method(self, request, call)
        except NeptuneError as error:
            raise error.answered(call) from None

    return raising


def json_reply(value: Any) -> Reply:
    """Return a value as JSON."""
    return Reply(200, json.dumps(value).encode(), JSON)
