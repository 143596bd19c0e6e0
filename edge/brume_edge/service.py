"""DetectAnomalies over HTTPS: one signed request for each picture, and its response."""

from __future__ import annotations

import json
import logging
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import botocore.exceptions
import botocore.session
import urllib3
from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.awsrequest import AWSRequest

from brume_edge import __version__, settings
from brume_edge.part import Answer
from brume_edge.settings import given

_log = logging.getLogger(__name__)
SIGNING_NAME = "lookoutvision"
API_VERSION = "2020-11-20"
_ANSWER_LIMIT = 32 << 20  # bytes; a mask of the largest picture is far below


class UnavailableError(Exception):
    """The service gave no result, and may later. `retry_after`: seconds that it asked for."""

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RefusedError(Exception):
    """The service will never take this picture; another it may."""


class NoCredentialsError(UnavailableError):
    """No credentials to sign with."""


class _ClockSkewError(UnavailableError):
    """The service's clock is `ahead` seconds of this one's."""

    def __init__(self, message: str, ahead: float) -> None:
        super().__init__(message)
        self.ahead = ahead


class _ClockedAuth(SigV4Auth):  # type: ignore[misc]  # botocore has no types
    """Signature version 4 at the service's time, for a device whose clock is not set yet."""

    def __init__(self, credentials: Any, region: str, ahead: float) -> None:
        super().__init__(credentials, SIGNING_NAME, region)
        self._ahead = ahead

    def _modify_request_before_signing(self, request: AWSRequest) -> None:
        now = datetime.now(UTC) + timedelta(seconds=self._ahead)
        request.context["timestamp"] = now.strftime(SIGV4_TIMESTAMP)
        super()._modify_request_before_signing(request)


class Service:
    """The service at its endpoint; threads may share it.

    Credentials come from botocore's chain: the environment, the AWS shared credentials and config files
    (`profile` picks a section, `credential_process` works), and are refreshed when they expire.
    """

    def __init__(self, config: settings.Service) -> None:
        base = config.endpoint.rstrip("/")
        self._url = f"{base}/{API_VERSION}/projects/{config.project}/models/{config.model_version}/detect"
        self._config = config
        self._session = botocore.session.Session(profile=config.profile or None)
        self._lock = threading.Lock()
        self._ahead = 0.0
        timeout = urllib3.Timeout(connect=min(3.0, config.timeout_s), read=config.timeout_s)
        arguments: dict[str, Any] = {"ca_certs": str(config.ca_file)} if given(config.ca_file) else {}
        if urlsplit(base).scheme == "https":
            arguments["cert_reqs"] = "CERT_REQUIRED"
        self._pool = urllib3.PoolManager(
            num_pools=1, maxsize=config.connections + 1, timeout=timeout, retries=False, **arguments
        )

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def credentials(self) -> Any:
        """Return the current credentials; raises NoCredentialsError, whose message is how to set them."""
        try:
            with self._lock:
                found = self._session.get_credentials()
                frozen = found.get_frozen_credentials() if found else None
        except (botocore.exceptions.BotoCoreError, OSError) as error:
            raise NoCredentialsError(f"credentials cannot be read: {type(error).__name__}") from error
        if frozen is None or not frozen.access_key:
            where = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write ~/.aws/credentials"
            raise NoCredentialsError(f"no credentials found: {where}")
        return frozen

    def detect(self, picture: bytes, token: str) -> Answer:
        """Have a picture inspected; `token` names the part, the same at each try of it.

        Raises:
            RefusedError: the picture itself is at fault.
            UnavailableError: anything else.
        """
        try:
            return self._once(picture, token)
        except _ClockSkewError as skew:
            self._ahead = skew.ahead
            _log.warning("the clock differs from the service's", extra={"seconds": round(skew.ahead)})
            return self._once(picture, token)

    def _once(self, picture: bytes, token: str) -> Answer:
        headers = {
            "Content-Type": "image/png" if picture.startswith(b"\x89PNG") else "image/jpeg",
            "User-Agent": f"brume-edge/{__version__}",
            "amz-sdk-invocation-id": token,
        }
        request: Any = AWSRequest("POST", self._url, headers=headers, data=picture)
        _ClockedAuth(self.credentials(), self._config.region, self._ahead).add_auth(request)
        try:
            # Both time-outs above are for one wait each; this bounds a body that trickles.
            deadline = time.monotonic() + 2 * self._config.timeout_s
            response = self._pool.request(
                "POST",
                self._url,
                body=picture,
                headers=dict(request.headers),
                preload_content=False,
                redirect=False,
            )
            with response:
                body = b""
                for chunk in response.stream(1 << 16):
                    body += chunk
                    if time.monotonic() > deadline or len(body) > _ANSWER_LIMIT:
                        response.close()
                        raise UnavailableError("the answer is too slow or too long")
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise UnavailableError(f"{type(error).__name__}: {error}"[:300]) from error
        return self._parse(response.status, response.headers, body)

    def _parse(self, status: int, headers: Any, body: bytes) -> Answer:
        try:
            content = json.loads(body)
        except ValueError:
            content = None
        if status == 200:
            try:
                result = content["DetectAnomalyResult"]
                anomalous, confidence = result["IsAnomalous"], float(result["Confidence"])
            except (TypeError, KeyError, ValueError):
                raise UnavailableError(
                    "the answer is not DetectAnomalies' own: something else replied"
                ) from None
            if not isinstance(anomalous, bool) or not 0 <= confidence <= 1:
                raise UnavailableError("the answer is not DetectAnomalies' own: something else replied")
            return Answer(anomalous, confidence)
        code, message = _error(headers, content)
        reason = f"HTTP {status} {code}: {message}".strip(": ")
        if status == 403:
            self._check_clock(headers, code, message, reason)
        if code == "ValidationException" or status == 413:
            raise RefusedError(reason)
        raise UnavailableError(reason, _seconds(headers.get("Retry-After")))

    def _check_clock(self, headers: Any, code: str, message: str, reason: str) -> None:
        about_time = ("RequestTimeTooSkewed", "RequestExpired")
        if code not in about_time and not ("expired" in message or "not yet current" in message):
            return
        try:
            there = parsedate_to_datetime(headers["Date"])
        except (KeyError, TypeError, ValueError):
            return
        ahead = (there - datetime.now(UTC)).total_seconds()
        if (
            abs(ahead - self._ahead) > 60
        ):  # otherwise the correction is made already and something else is wrong
            raise _ClockSkewError(reason, ahead)


def _error(headers: Any, content: Any) -> tuple[str, str]:
    """Return the code and the message of a rest-json error."""
    content = content if isinstance(content, dict) else {}
    code = str(headers.get("x-amzn-ErrorType") or content.get("__type") or content.get("code") or "")
    message = str(content.get("message") or content.get("Message") or "")
    return code.split(":")[0].split("#")[-1], message[:300]


def _seconds(text: str | None) -> float:
    try:
        return min(3600.0, max(0.0, float(text or 0)))
    except ValueError:  # a date: seldom seen, and the own back-off does as well
        return 0.0
