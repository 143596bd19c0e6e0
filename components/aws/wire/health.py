"""Health, readiness and metrics of the server, and of each engine under `/_brume/NAME/`.

`/healthz` says that the process answers; `/readyz` that every engine can, or why one cannot; `/metrics` holds
the metrics of all. With several engines on one port, each of their metrics has the label `engine`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from brume.aws.wire.served import Served


@dataclass(frozen=True)
class Failed:
    """An engine that did not start, the services that are absent with it, and the message that says so."""

    name: str
    signing_names: frozenset[str]
    message: str


def routes(served: Sequence[Served], failed: Sequence[Failed]) -> list[Route]:
    """Return the routes of the whole server and of each engine that has a name."""
    found = [
        Route("/healthz", _alive),
        Route("/readyz", _ready(served, failed)),
        Route("/metrics", _metrics(served)),
    ]
    for one in served:
        if one.name:
            at = f"/_brume/{one.name}"
            found += [Route(f"{at}/healthz", _alive), Route(f"{at}/readyz", _ready([one], []))]
            found.append(Route(f"{at}/metrics", _metrics([one])))
    return found + [Route(f"/_brume/{one.name}/readyz", _ready([], [one])) for one in failed]


async def _alive(_request: Request) -> Response:
    return JSONResponse({"status": "alive"})


def _ready(served: Sequence[Served], failed: Sequence[Failed]) -> Any:
    async def ready(_request: Request) -> Response:
        reasons = [one.message for one in failed]
        for one in served:
            reason = await asyncio.to_thread(one.engine.ready)
            if reason:
                reasons.append(f"{one.name}: {reason}" if len(served) > 1 else reason)
        state = {"ready": not reasons} | ({"reason": "; ".join(reasons)} if reasons else {})
        return JSONResponse(state, status_code=503 if reasons else 200)

    return ready


def _metrics(served: Sequence[Served]) -> Any:
    registry = served[0].engine.registry if len(served) == 1 else CollectorRegistry()
    if len(served) != 1:
        registry.register(_Together(served))

    async def metrics(_request: Request) -> Response:
        text = await asyncio.to_thread(generate_latest, registry)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    return metrics


class _Together(Collector):
    """The metrics of several engines: one family a name, each sample with the label `engine`."""

    def __init__(self, served: Sequence[Served]) -> None:
        self._served = served

    def collect(self) -> Iterator[Metric]:
        """Return the families."""
        families: dict[str, Metric] = {}
        for one in self._served:
            for family in one.engine.registry.collect():
                kept = families.setdefault(
                    family.name, Metric(family.name, family.documentation, family.type, family.unit)
                )
                for sample in family.samples:
                    kept.samples.append(sample._replace(labels={**sample.labels, "engine": one.name}))
        yield from families.values()

    def describe(self) -> Iterator[Metric]:
        """Nothing is promised before it is collected."""
        return iter(())
