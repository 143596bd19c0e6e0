"""Bodies of requests, read before anything about their senders has been proven.

A client that knows a key's id can have a body read, and no more: each body has to come at a least rate, and
all that are being read have a number of bytes between them. When these run out, the body that has been
coming for longest is given up: a client that means well needs moments, one that holds memory needs time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from starlette.requests import Request

from brume.aws.engine.service import ServiceError
from brume.aws.wire.served import FULL


@dataclass(eq=False)
class _Reading:
    """A body that comes: what there is of it, and until when there has to be more."""

    deadline: asyncio.Timeout
    data: bytearray = field(default_factory=bytearray)
    counted: int = 0  # bytes of the common number
    given_up: bool = False


class Bodies:
    """Reads each body in `seconds`, at `rate` bytes a second after `grace` seconds; `most` bytes in all."""

    def __init__(self, *, seconds: float, grace: float, rate: float, most: int) -> None:
        self._seconds, self._grace, self._rate, self._most = seconds, grace, rate, most
        self._coming: dict[_Reading, None] = {}  # the oldest first
        self._bytes = 0

    @contextlib.asynccontextmanager
    async def read(self, http: Request, limit: int, throttled: str) -> AsyncIterator[bytes]:
        """Yield a whole body of at most `limit` bytes; until the end of the block its bytes are counted.

        Raises `ServiceError`: RequestEntityTooLargeException, RequestTimeoutException, or code `throttled`
        when there are too many bytes.
        """
        if int(http.headers.get("content-length", 0)) > limit:
            raise _too_large(limit)
        reading = _Reading(asyncio.timeout(min(self._grace, self._seconds)))
        self._coming[reading] = None
        try:
            try:
                async with reading.deadline:
                    await self._whole(reading, http, limit)
            except TimeoutError:
                if reading.given_up:
                    raise ServiceError(throttled, FULL, RetryAfterSeconds=1) from None
                raise ServiceError(
                    "RequestTimeoutException",
                    f"The body came at less than {self._rate:g} bytes a second, "
                    f"or not within {self._seconds:g} s",
                ) from None
            finally:
                self._coming.pop(reading, None)
            yield bytes(reading.data)
        finally:
            self._bytes -= reading.counted

    async def _whole(self, reading: _Reading, http: Request, limit: int) -> None:
        clock = asyncio.get_running_loop().time
        start = clock()
        async for chunk in http.stream():
            if reading.given_up:  # a moment ago: the deadline has not been noticed yet
                raise TimeoutError
            reading.data += chunk
            size = len(reading.data)
            if size > limit:
                raise _too_large(limit)
            reading.counted += len(chunk)
            self._bytes += len(chunk)
            while self._bytes > self._most and self._coming:
                self._give_up(next(iter(self._coming)), clock())
            if reading.given_up:
                raise TimeoutError
            reading.deadline.reschedule(start + min(self._seconds, self._grace + size / self._rate))

    def _give_up(self, reading: _Reading, now: float) -> None:
        reading.given_up = True
        self._bytes -= reading.counted
        reading.counted = 0
        reading.data.clear()
        self._coming.pop(reading)
        reading.deadline.reschedule(now)


def _too_large(limit: int) -> ServiceError:
    return ServiceError(
        "RequestEntityTooLargeException", f"The body is larger than {limit} bytes, the most that is taken"
    )
