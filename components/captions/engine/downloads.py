"""Addresses from which the transcripts that the engine keeps are fetched for a while, without a signature."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

from sqlalchemy import Row, select
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from brume.aws.engine.store import Store
from brume.captions.engine.tables import JOBS

_PATH = "/captions/transcripts"
_LASTS = 3600  # seconds
_TYPES = {"json": "application/json", "vtt": "text/vtt", "srt": "application/x-subrip"}


class Downloads:
    """Makes and answers such addresses: each names one file and its end, and is authenticated."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._secret = store.secret("downloads")

    def url(self, job: Row[Any], kind: str, engine: str) -> str:
        """Return the address of a job's file at an engine's: `kind` is json, vtt or srt."""
        named = json.dumps([job.account, job.region, job.name, kind, int(time.time()) + _LASTS]).encode()
        token = _encoded(named) + "." + _encoded(self._mac(named))
        return f"{engine}{_PATH}/{token}/{job.name}.{kind}"

    def routes(self) -> list[BaseRoute]:
        """Return the route that answers them."""
        return [Route(_PATH + "/{token}/{name}", self._answer, methods=["GET"])]

    def _mac(self, named: bytes) -> bytes:
        return hmac.new(self._secret, named, hashlib.sha256).digest()

    def _answer(self, request: Request) -> Response:
        named, _, mac = request.path_params["token"].partition(".")
        try:
            content = _decoded(named)
            if not hmac.compare_digest(self._mac(content), _decoded(mac)):
                raise ValueError
            account, region, name, kind, until = json.loads(content)
        except (ValueError, TypeError):
            return PlainTextResponse("this address was not made by this server\n", 403)
        if time.time() > until:
            return PlainTextResponse("this address has expired: GetTranscriptionJob gives a new one\n", 403)
        with self._store.read() as db:
            found = db.execute(
                select(JOBS.c.transcript).filter_by(account=account, region=region, name=name)
            ).scalar_one_or_none()
        text = json.loads(found).get(kind) if found else None
        if text is None:
            return PlainTextResponse("the transcript is not there any more\n", 404)
        return Response(text, media_type=_TYPES[kind])


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
