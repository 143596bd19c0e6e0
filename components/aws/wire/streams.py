"""Sends responses: whole ones, and bodies part by part as the engine makes them."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from starlette.responses import Response
from starlette.types import Message, Send

from brume.aws.wire.context import Context
from brume.aws.wire.http.unread import DUPLEX

_END = object()


async def send(context: Context, send: Send) -> None:
    """Send a request's answer. Raises `ConnectionError` when the client goes before its end."""
    answer = context.answer
    assert answer is not None
    if context.stream is None:
        response = Response(answer.body, answer.status, answer.headers)
        await response(context.scope, context.receive, send)
        return
    assert context.served is not None
    parts = iterate(context.stream, context.served.pool)
    try:
        headers = [
            (name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()
        ]
        start: Message = {"type": "http.response.start", "status": answer.status, "headers": headers}
        await send({**start, DUPLEX: context.duplex})
        # The head goes out now: clients of streams wait for it before they send.
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        async for part in parts:
            if part:
                await send({"type": "http.response.body", "body": bytes(part), "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        await close(parts)


async def iterate(
    stream: Iterable[Any] | AsyncIterable[Any], pool: ThreadPoolExecutor
) -> AsyncGenerator[Any, None]:
    """Iterate a stream of an engine; a plain iterable is advanced in a thread of the engine's pool."""
    if isinstance(stream, AsyncIterable):
        try:
            async for part in stream:
                yield part
        finally:
            await close(stream)
        return
    loop, iterator = asyncio.get_running_loop(), iter(stream)
    try:
        while (part := await loop.run_in_executor(pool, next, iterator, _END)) is not _END:
            yield part
    finally:
        if inspect.isgenerator(iterator):
            with contextlib.suppress(ValueError):  # it runs in a thread that was not waited for
                await loop.run_in_executor(pool, iterator.close)


async def close(stream: Any) -> None:
    """End an async generator before its end, so that its `finally` runs now."""
    if hasattr(stream, "aclose"):
        await stream.aclose()
