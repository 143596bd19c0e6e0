"""The protocols that this server speaks, each in a module of its own."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from brume.aws.wire.protocols.base import Found, Protocol, Routes
from brume.aws.wire.protocols.cbor import HEADER, VALUE, RpcV2Cbor
from brume.aws.wire.protocols.json_rpc import JsonRpc
from brume.aws.wire.protocols.query import FORM, Query
from brume.aws.wire.protocols.rest_json import RestJson
from brume.aws.wire.signature import SignedRequest

__all__ = ["PROTOCOLS", "Found", "Protocol", "Routes", "guess", "spoken"]

PROTOCOLS: Mapping[str, Protocol] = {one.name: one for one in (RpcV2Cbor(), JsonRpc(), RestJson(), Query())}


def spoken(model: Any) -> list[Protocol]:
    """Return those of a service's protocols that are spoken here, in the model's order.

    Raises `ValueError` when there are none.
    """
    names = model.metadata.get("protocols") or [model.metadata.get("protocol")]
    found = [PROTOCOLS[name] for name in names if name in PROTOCOLS]
    if not found:
        raise ValueError(
            f"{model.service_name} speaks {', '.join(map(str, names))}, and this server only "
            f"{', '.join(PROTOCOLS)}"
        )
    return found


def guess(request: SignedRequest, served: Collection[str]) -> Protocol:
    """Return the protocol that a request seems to be of: for an error before its operation is known.

    `served` are the names of the protocols of all services: any web client may send a form.
    """
    if request.header(HEADER) == VALUE:
        return PROTOCOLS["smithy-rpc-v2-cbor"]
    if "query" in served and request.header("content-type").startswith(FORM):
        return PROTOCOLS["query"]
    return PROTOCOLS["json" if request.header("x-amz-target") else "rest-json"]
