"""The chain of signatures over the events that a client streams.

Each event is the payload of an outer message with the headers `:date` and `:chunk-signature`; its signature
covers the date, the payload and the signature before it, the first that of the request. An outer message with
an empty payload, signed too, ends the stream. Source: "Signing event stream messages" in the guide to Amazon
Transcribe streaming.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime

from brume.aws.engine.service import ServiceError
from brume.aws.wire.eventstream import Message, encode, encode_headers
from brume.aws.wire.keys import Key
from brume.aws.wire.signature import Claim, sign, signing_key

SIGNATURE, DATE = ":chunk-signature", ":date"


class EventChain:
    """The signatures of one stream, in order, after that of the request or of the presigned URL."""

    def __init__(self, key: Key, claim: Claim) -> None:
        self._secret, self._claim = key.secret, claim
        self._last = claim.signature
        self._signing_keys: dict[str, bytes] = {}  # of the last date: a stream may pass midnight

    def open(self, message: Message) -> bytes:
        """Return the event that a signed message holds, b"" for the end of the stream.

        Raises `ServiceError` (InvalidSignatureException) when the signature does not hold.
        """
        given, date = message.headers.get(SIGNATURE), message.headers.get(DATE)
        if not isinstance(given, bytes) or not isinstance(date, datetime):
            raise ServiceError(
                "InvalidSignatureException", f"An event is not signed: it needs {DATE} and {SIGNATURE}"
            )
        if not hmac.compare_digest(self._next(date, message.payload), given):
            raise ServiceError("InvalidSignatureException", "The signature of an event does not hold")
        self._last = given.hex()
        return message.payload

    def seal(self, event: bytes, date: datetime | None = None) -> bytes:
        """Return an event (b"" for the end of the stream) in a signed message, as clients send it."""
        now = date or datetime.now(UTC)
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        signature = self._next(now, event)
        self._last = signature.hex()
        return encode({DATE: now, SIGNATURE: signature}, event)

    def _next(self, date: datetime, event: bytes) -> bytes:
        day, claim = date.strftime("%Y%m%d"), self._claim
        if day not in self._signing_keys:
            self._signing_keys = {day: signing_key(self._secret, day, claim.region, claim.service)}
        text = "\n".join(
            [
                "AWS4-HMAC-SHA256-PAYLOAD",
                date.strftime("%Y%m%dT%H%M%SZ"),
                f"{day}/{claim.region}/{claim.service}/aws4_request",
                self._last,
                hashlib.sha256(encode_headers({DATE: date})).hexdigest(),
                hashlib.sha256(event).hexdigest(),
            ]
        )
        return bytes.fromhex(sign(self._signing_keys[day], text))
