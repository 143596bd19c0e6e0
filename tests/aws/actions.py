"""The actions, as policies name them, of what is asked through boto3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import botocore.client
import pytest

# Some actions of S3 are not called as its operations are.
_S3 = {"ListObjectsV2": "s3:ListBucket", "HeadObject": "s3:GetObject", "DeleteObjects": "s3:DeleteObject"}
_SERVICES = {"neptunedata": "neptune-db"}


def noted(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return the actions of all that is asked through boto3 from here on."""
    seen: set[str] = set()
    ask: Callable[..., Any] = botocore.client.BaseClient._make_api_call

    def noting(self: Any, operation: str, arguments: Any) -> Any:
        service = self.meta.service_model.service_name
        plain = f"{_SERVICES.get(service, service)}:{operation}"
        seen.add(_S3.get(operation, plain) if service == "s3" else plain)
        return ask(self, operation, arguments)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", noting)
    return seen
