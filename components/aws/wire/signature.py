"""Verification of AWS Signature Version 4: who signed a request, and that it is unchanged.

Source: "AWS Signature Version 4 for API requests" in AWS's IAM guide. Signatures come in the Authorization
header or in the query (presigned). The body is bound by its SHA-256, or signed chunk by chunk
(`brume.aws.wire.chunks`).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import quote, unquote_to_bytes

from brume.aws.engine.service import ServiceError
from brume.aws.wire import chunks
from brume.aws.wire.keys import Key

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
EVENTS = "STREAMING-AWS4-HMAC-SHA256-EVENTS"  # each event of the body is signed (`eventsigning`)
AUTHORITY = ":authority"  # what a client that speaks HTTP/2 signs for the host
SKEW = timedelta(minutes=5)
LONGEST = 7 * 24 * 3600  # seconds that a presigned request may be valid
_TIME = "%Y%m%dT%H%M%SZ"
_REGION = re.compile("[a-z0-9-]{1,64}")
_HEX = re.compile("[0-9a-f]{64}")
_PARTS = {"Credential", "SignedHeaders", "Signature"}
_PRESIGNED = ("X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Date", "X-Amz-Expires")


@dataclass(frozen=True)
class SignedRequest:
    """A request as it came: path and query undecoded, header names in lower case, in order."""

    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]

    def header(self, name: str) -> str:
        """Return a header's value, those given several times joined, "" for none."""
        return ",".join(value for other, value in self.headers if other == name)


@dataclass(frozen=True)
class Claim:
    """What a request says of its own signature; nothing of it has been checked against a secret."""

    access_key: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    time: datetime
    expires: int | None  # seconds, of a presigned request
    token: str

    @property
    def scope(self) -> str:
        """The credential scope that the string to sign holds."""
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def decoded_query(query: str) -> list[tuple[str, str]]:
    """Return the parameters of a query in order. A plus sign is one: SDKs write a space as %20.

    The same reading serves the signature and the parameters, so that what was signed is what is read.
    """
    pairs = (item.partition("=") for item in query.split("&") if item)
    return [
        (unquote_to_bytes(key).decode(errors="replace"), unquote_to_bytes(value).decode(errors="replace"))
        for key, _, value in pairs
    ]


def claim(request: SignedRequest) -> Claim:
    """Return what the request says of its signature.

    Raises `ServiceError`: MissingAuthenticationTokenException without one, IncompleteSignatureException for
    one that is malformed.
    """
    query = decoded_query(request.query)
    presigned = dict(query)
    if presigned.get("X-Amz-Algorithm"):
        return _presigned(presigned, query)
    authorization = request.header("authorization")
    if not authorization:
        raise ServiceError(
            "MissingAuthenticationTokenException",
            "The request is not signed: give your client the access key and secret of this server",
        )
    algorithm, _, rest = authorization.partition(" ")
    if algorithm != ALGORITHM:
        raise _incomplete(f"the algorithm must be {ALGORITHM}")
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    missing = _PARTS - parts.keys()
    if missing:
        raise _incomplete(f"the Authorization header lacks {', '.join(sorted(missing))}")
    return _claim(
        parts["Credential"],
        parts["SignedHeaders"],
        parts["Signature"],
        _time(request.header("x-amz-date") or request.header("date")),
        None,
        request.header("x-amz-security-token"),
    )


def _presigned(values: Mapping[str, str], query: Sequence[tuple[str, str]]) -> Claim:
    if values["X-Amz-Algorithm"] != ALGORITHM:
        raise _incomplete(f"X-Amz-Algorithm must be {ALGORITHM}")
    names = [name for name, _ in query]
    for name in _PRESIGNED:
        if names.count(name) != 1:
            raise _incomplete(f"the query must have {name} once")
    text = values["X-Amz-Expires"]
    if not re.fullmatch("[0-9]{1,7}", text) or not 1 <= int(text) <= LONGEST:
        raise _incomplete(f"X-Amz-Expires must be 1 to {LONGEST} seconds")
    return _claim(
        values["X-Amz-Credential"],
        values["X-Amz-SignedHeaders"],
        values["X-Amz-Signature"],
        _time(values["X-Amz-Date"]),
        int(text),
        values.get("X-Amz-Security-Token", ""),
    )


def _claim(
    credential: str, headers: str, signature: str, time: datetime, expires: int | None, token: str
) -> Claim:
    access, *scope = credential.rsplit("/", 4)
    if len(scope) != 4 or scope[3] != "aws4_request" or not all((access, *scope)):
        raise _incomplete("the credential must be KEY/DATE/REGION/SERVICE/aws4_request")
    if not _REGION.fullmatch(scope[1]):  # engines put it into names
        raise _incomplete("the region of the credential must be letters, digits and hyphens")
    if scope[0] != time.strftime("%Y%m%d"):
        raise _invalid("the date of the credential is not that of X-Amz-Date")
    names = tuple(headers.split(";"))
    if list(names) != sorted({name.lower() for name in names}):
        raise _incomplete("SignedHeaders must be names in lower case, sorted, each once")
    return Claim(access, scope[0], scope[1], scope[2], names, signature, time, expires, token)


def _time(text: str) -> datetime:
    try:
        return datetime.strptime(text, _TIME).replace(tzinfo=UTC)
    except ValueError:
        pass
    try:  # a Date header may stand in for X-Amz-Date
        return parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        raise _incomplete("X-Amz-Date must be there, in the form 20300131T120000Z") from None


def _incomplete(message: str) -> ServiceError:
    return ServiceError("IncompleteSignatureException", f"The signature cannot be read: {message}")


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidSignatureException", f"The signature does not hold: {message}")


def check_time(claimed: Claim, now: datetime) -> None:
    """Raise `ServiceError` for a request that was signed too long ago, or by a clock that is ahead."""
    stamp, present = claimed.time.strftime(_TIME), now.strftime(_TIME)
    if claimed.time > now + SKEW:
        raise ServiceError(
            "InvalidSignatureException",
            f"Signature not yet current: {stamp} is more than 5 min after {present}: set the clock",
        )
    if claimed.expires is None and claimed.time < now - SKEW:
        raise ServiceError(
            "InvalidSignatureException",
            f"Signature expired: {stamp} is more than 5 min before {present}: sign anew, set the clock",
        )
    if claimed.expires is not None and claimed.time + timedelta(seconds=claimed.expires) < now:
        raise ServiceError(
            "RequestExpired",
            f"Signature expired: {stamp} was valid for {claimed.expires} s, and it is {present}",
        )


def find_key(claimed: Claim, keys: Mapping[str, Key]) -> Key:
    """Return the key that a claim names, its session token checked. Raises `ServiceError`."""
    key = keys.get(claimed.access_key)
    # A key without a token is as unknown as no key: the answer does not say which.
    if key is None or not hmac.compare_digest(claimed.token.encode(), key.token.encode()):
        raise ServiceError(
            "UnrecognizedClientException",
            "The access key or its session token is not one that this server knows: see its file of keys",
        )
    return key


def verify(request: SignedRequest, claimed: Claim, key: Key, body: bytes, *, may_be_unsigned: bool) -> bytes:
    """Check the signature over the request and its body; return the body, decoded where it came in chunks.

    `may_be_unsigned` says that the operation takes UNSIGNED-PAYLOAD. Raises `ServiceError`
    (InvalidSignatureException) when anything does not fit, without saying what the signature should be.
    """
    _check_headers(request, claimed)
    if normalized(request.path) != request.path:
        raise _invalid("the path has empty or dot segments, which a signature does not distinguish")
    declared = request.header("x-amz-content-sha256")
    if declared == UNSIGNED or declared in chunks.UNSIGNED:
        if not may_be_unsigned:
            raise _invalid(f"the operation does not take {declared}: its payload has to be signed")
        payload = declared
    elif declared == EVENTS:
        if body:
            raise _invalid(f"{declared} is for operations that take an event stream")
        payload = declared
    elif declared in chunks.SIGNED:
        payload = declared
    else:
        payload = hashlib.sha256(body).hexdigest()
        if declared and not hmac.compare_digest(declared.encode(), payload.encode()):
            raise _invalid("the body is not the one that x-amz-content-sha256 was made of")
    text = "\n".join(
        [
            ALGORITHM,
            claimed.time.strftime(_TIME),
            claimed.scope,
            _digest(_canonical(request, claimed, payload)),
        ]
    )
    secret = signing_key(key.secret, claimed.date, claimed.region, claimed.service)
    expected = sign(secret, text)
    if not _HEX.fullmatch(claimed.signature) or not hmac.compare_digest(expected, claimed.signature):
        raise _invalid("check the secret, and that nothing between client and server changes the request")
    if payload in chunks.SIGNED or payload in chunks.UNSIGNED:
        chain = chunks.Chain(
            lambda part: sign(secret, part), claimed.time.strftime(_TIME), claimed.scope, expected
        )
        return chunks.decode(body, payload, chain, request.header("x-amz-decoded-content-length"))
    return body


def _check_headers(request: SignedRequest, claimed: Claim) -> None:
    present = {name for name, _ in request.headers}
    # These carry members of requests and the date; proxies add the trace id.
    bound = {name for name in present if name.startswith(("x-amz-", "x-amzn-")) and name != "x-amzn-trace-id"}
    signed = {"host" if name == AUTHORITY else name for name in claimed.signed_headers}
    unsigned = ({"host"} | bound) - signed
    if unsigned:
        raise _invalid(f"headers that have to be signed are not: {', '.join(sorted(unsigned))}")
    absent = signed - present
    if absent:
        raise _invalid(f"headers that were signed are absent: {', '.join(sorted(absent))}")


def normalized(path: str) -> str:
    """Return a path without empty and dot segments (RFC 3986, 5.2.4), as clients sign it."""
    kept: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if kept:
                kept.pop()
        elif part not in ("", "."):
            kept.append(part)
    end = "/" if kept and path.endswith("/") else ""
    return "/" + "/".join(kept) + end


def _canonical(request: SignedRequest, claimed: Claim, payload: str) -> str:
    pairs = sorted(
        (quote(unquote_to_bytes(key), safe="-_.~"), quote(unquote_to_bytes(value), safe="-_.~"))
        for key, _, value in (item.partition("=") for item in request.query.split("&") if item)
        if claimed.expires is None or key != "X-Amz-Signature"
    )
    headers = [f"{name}:{_trimmed(request, name)}\n" for name in claimed.signed_headers]
    return "\n".join(
        [
            request.method,
            quote(request.path, safe="/~"),
            "&".join(f"{key}={value}" for key, value in pairs),
            "".join(headers),
            ";".join(claimed.signed_headers),
            payload,
        ]
    )


def _trimmed(request: SignedRequest, name: str) -> str:
    name = "host" if name == AUTHORITY else name
    return ",".join(" ".join(value.split()) for other, value in request.headers if other == name)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """Return the key that a secret gives for one day (20300131), region and service."""
    derived = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        derived = hmac.digest(derived, part.encode(), "sha256")
    return derived


def sign(secret: bytes, text: str) -> str:
    """Return the signature of a string to sign, in hexadecimal."""
    return hmac.digest(secret, text.encode(), "sha256").hex()
