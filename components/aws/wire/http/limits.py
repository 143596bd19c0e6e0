"""The limits of a server's connections: how many, and how long a client may take."""

from __future__ import annotations

import resource
from dataclasses import dataclass

_DESCRIPTORS = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
_MOST = 512 if _DESCRIPTORS == resource.RLIM_INFINITY else min(512, _DESCRIPTORS // 2)


@dataclass(frozen=True)
class ConnectionLimits:
    """Numbers, bytes and seconds; a connection that exceeds one is closed."""

    connections: int = _MOST  # half of the descriptors at most: everything else needs some too
    header_bytes: int = 32 << 10  # of a request's line and headers
    header_seconds: float = 20.0  # from the connection, or the first byte of a request, to its headers' end
    read_seconds: float = 20.0  # for the client to read what keeps the server from sending or closing
    idle_seconds: float = 5.0  # between requests of HTTP/1.1
    idle_seconds_http2: float = 60.0  # between requests of HTTP/2: a connection of it is costly to make
    end_seconds: float = 5.0  # when the server ends, for a body that is still to come
    streams: int = 64  # requests at once on one connection of HTTP/2
    stream_window: int = 256 << 10  # bytes of one request of HTTP/2 that are taken before they are used
    grace_seconds: float = 0.2  # for the rest of a body that the application does not read, before the answer
    linger_seconds: float = 5.0  # for it after the answer
    linger_bytes: int = 64 << 20  # of it that are discarded at most
    message_bytes: int = 1 << 20  # of one WebSocket message
    ping_seconds: float = 20.0  # between pings of a WebSocket; one without an answer until the next closes it
