"""Signed routes beside operations: which goes first, how a query is read, how long one may take."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from brume.aws.engine.routes import Reply, RouteRequest, SignedRoute
from brume.aws.engine.service import Call
from brume.aws.wire.server import Engine, Limits
from tests.aws.serving import client_of, serve_engine


class Operations:
    """Two of neptunedata's operations."""

    def execute_fast_reset(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {"status": "operation"}

    def get_engine_status(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {"status": "operation"}


def answer(request: RouteRequest, call: Call) -> Reply:
    body = {
        "status": "route",
        "operation": call.operation,
        "query": list(request.query),
        "form": request.form,
    }
    return Reply(200, json.dumps(body).encode(), {"content-type": "application/json"})


async def slow(_request: RouteRequest, _call: Call) -> Reply:
    await asyncio.sleep(1)
    return Reply(200, b"done")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    routes = [
        SignedRoute("neptune-db", "/system", "Reset", answer, methods=("POST",), first=True),
        SignedRoute("neptune-db", "/status", "Status", answer),
        SignedRoute("neptune-db", "/slow", "Slow", slow, seconds=60),
        SignedRoute("neptune-db", "/late", "Late", slow),
    ]
    engine = Engine({"neptunedata": Operations()}, routes=routes)
    with serve_engine(engine, keys=None, limits=Limits(seconds=0.2)) as made:
        yield made


def test_a_route_goes_before_an_operation_where_it_says_so(url: str) -> None:
    boto = client_of(url, "neptunedata")
    assert boto.execute_fast_reset(action="initiateDatabaseReset")["status"] == "route"
    assert boto.get_engine_status()["status"] == "operation"
    form = requests.post(f"{url}/system", data={"action": "a"}, timeout=60).json()
    assert (form["status"], form["operation"]) == ("route", "Reset")


def test_a_plus_sign_is_a_space_in_a_form_alone(url: str) -> None:
    found = requests.post(f"{url}/system?a=1+%2B+2&b", timeout=60).json()
    assert found["query"] == [["a", "1+++2"], ["b", ""]]
    assert found["form"] == [["a", "1 + 2"], ["b", ""]]


def test_a_route_may_take_longer_than_an_operation(url: str) -> None:
    assert requests.get(f"{url}/slow", timeout=60).text == "done"
    assert requests.get(f"{url}/late", timeout=60).status_code == 503


class Indices:
    """One of kendra's operations."""

    def list_indices(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {}


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "aws-chunked, GZIP"])
def test_a_compressed_body_is_refused_with_what_to_do(url: str, coding: str) -> None:
    data, headers = gzip.compress(b"{}"), {"content-encoding": coding}
    route = requests.post(f"{url}/system", data, headers=headers, timeout=60)
    with serve_engine(Engine({"kendra": Indices()}), keys=None) as other:
        target = {"x-amz-target": "AWSKendraFrontendService.ListIndices"}
        operation = requests.post(other, data, headers=headers | target, timeout=60)
        plain = {**target, "content-encoding": "identity", "content-type": "application/x-amz-json-1.1"}
        assert requests.post(other, b"{}", headers=plain, timeout=60).status_code == 200
    for answered in (route, operation):
        assert answered.status_code == 415
        assert "without compression" in answered.text
