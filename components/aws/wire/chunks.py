"""Bodies that were sent and signed in chunks (content encoding aws-chunked).

Each chunk is `SIZE;chunk-signature=SIGNATURE`, its bytes, and a line break; the signature of each covers the
one before, the first that of the request's headers. After the empty last chunk there may be trailing headers
with a signature of their own. Source: "Signature calculations for the Authorization header: transferring
payload in multiple chunks" in the S3 API reference.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import zlib
from collections.abc import Callable

from brume.aws.engine.service import ServiceError

SIGNED = ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER")
UNSIGNED = ("STREAMING-UNSIGNED-PAYLOAD-TRAILER",)
_EMPTY = hashlib.sha256(b"").hexdigest()


class Chain:
    """The chain of signatures of one request."""

    def __init__(self, sign: Callable[[str], str], time: str, scope: str, seed: str) -> None:
        self._sign = sign
        self._place = f"{time}\n{scope}"
        self._last = seed

    def chunk(self, data: bytes, signature: str) -> None:
        """Check the next chunk. Raises `ServiceError`."""
        self._check(
            "AWS4-HMAC-SHA256-PAYLOAD", f"{_EMPTY}\n{hashlib.sha256(data).hexdigest()}", signature, "a chunk"
        )

    def trailer(self, lines: bytes, signature: str) -> None:
        """Check the trailing headers, `name:value` lines. Raises `ServiceError`."""
        self._check("AWS4-HMAC-SHA256-TRAILER", hashlib.sha256(lines).hexdigest(), signature, "the trailer")

    def _check(self, kind: str, rest: str, signature: str, what: str) -> None:
        expected = self._sign(f"{kind}\n{self._place}\n{self._last}\n{rest}")
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise ServiceError(
                "InvalidSignatureException", f"The signature of {what} of the body does not hold"
            )
        self._last = expected


def decode(body: bytes, kind: str, chain: Chain, length: str) -> bytes:
    """Return the bytes that the chunks of `body` carry; `length` is x-amz-decoded-content-length.

    Raises `ServiceError`: InvalidSignatureException for a chunk or trailer that was changed,
    IncompleteSignatureException for a body that is not in chunks, or is cut.
    """
    data, position = bytearray(), 0
    while True:
        end = body.find(b"\r\n", position)
        if end < 0:
            raise _cut()
        size_text, _, extension = body[position:end].decode("latin-1").partition(";")
        try:
            size = int(size_text, 16) if size_text.isalnum() else -1
        except ValueError:
            size = -1
        if size < 0 or end + 2 + size > len(body):
            raise _cut()
        part = body[end + 2 : end + 2 + size]
        if kind in SIGNED:
            chain.chunk(part, extension.removeprefix("chunk-signature="))
        position = end + 2 + size
        if size == 0:
            break
        if body[position : position + 2] != b"\r\n":
            raise _cut()
        position += 2
        data += part
    _trailer(body[position:], kind, chain, bytes(data))
    if length and length != str(len(data)):
        raise ServiceError(
            "IncompleteSignatureException",
            f"The body carries {len(data)} bytes, and x-amz-decoded-content-length says {length[:20]}",
        )
    return bytes(data)


def _trailer(rest: bytes, kind: str, chain: Chain, data: bytes) -> None:
    lines = [line for line in rest.replace(b"\r\n", b"\n").split(b"\n") if line]
    if not kind.endswith("TRAILER"):
        if lines:
            raise _cut()
        return
    headers = dict(line.decode("latin-1").partition(":")[::2] for line in lines)
    signature = headers.pop("x-amz-trailer-signature", "").strip()
    if kind in SIGNED:
        signed = "".join(f"{name}:{value.strip()}\n" for name, value in sorted(headers.items()))
        chain.trailer(signed.encode("latin-1"), signature)
    for name, value in headers.items():
        checksum = _CHECKSUMS.get(name.strip().lower())
        if checksum and base64.b64encode(checksum(data)).decode() != value.strip():
            raise ServiceError("InvalidSignatureException", f"The body does not fit its {name.strip()}")


def _cut() -> ServiceError:
    return ServiceError("IncompleteSignatureException", "The body is not in signed chunks, or is cut off")


_CHECKSUMS: dict[str, Callable[[bytes], bytes]] = {
    "x-amz-checksum-crc32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
    "x-amz-checksum-sha1": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    "x-amz-checksum-sha256": lambda data: hashlib.sha256(data).digest(),
}
