"""The web page of live captions: its files, and the routes by which it gets addresses and subtitles.

The page streams as AWS's browser clients do: over the WebSocket of StartStreamTranscription, by an address
that is presigned here for the account of its session. Access, headers and errors are those of all engines'
pages (brume.aws.engine.pages).
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, Router

from brume.aws.engine import catalog, pages
from brume.aws.engine.page_sessions import Session, Sessions
from brume.aws.engine.pages import NO_STORE, STYLE, Pages, RefusedError
from brume.aws.wire import keys
from brume.captions.engine.sockets import PATH
from brume.captions.model.cues import cues_of
from brume.captions.model.items import Item
from brume.captions.model.subtitles import write

_HERE = Path(__file__).parent / "page"
_SECONDS = 60  # that an address can be used for; the stream that it opens lasts longer
_MAX_ITEMS = 8 << 20  # bytes: a day of speech
_TYPES = {"vtt": "text/vtt", "srt": "application/x-subrip", "ttml": "application/ttml+xml"}


def routes(data: Path) -> list[BaseRoute]:
    """Return the routes of the page for an engine whose state lies in `data`; writes the console's token."""
    page, sessions = _Page(data), Sessions(data)
    command = "brume captions --console"
    common = Pages("/captions", _HERE, STYLE, sessions, title="Live captions", command=command)
    inner = [
        Route("/", common.index),
        Route("/assets/{name}", common.asset),
        Route("/stream", common.guarded(page.stream), methods=["POST"]),
        Route("/subtitles/{kind}", common.guarded(page.subtitles), methods=["POST"]),
    ]
    return [
        Route("/captions", lambda _request: RedirectResponse("/captions/", 308)),
        Mount("/captions", Router(inner, redirect_slashes=False)),
    ]


class _Page:
    def __init__(self, data: Path) -> None:
        self._data = data

    async def stream(self, request: Request, session: Session) -> Response:
        """Return the path of a WebSocket for a stream with the parameters of the request, presigned."""
        from botocore.auth import SigV4QueryAuth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        given = await pages.parameters(request, 1 << 14)
        if not all(isinstance(value, str) for value in given.values()):
            raise RefusedError(400, "ValidationException", "the parameters of a stream are texts")
        key = self._key(session.account)
        to_sign = AWSRequest("GET", f"http://{request.headers['host']}{PATH}", params=given)
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        credentials = Credentials(key.access_key, key.secret, key.token or None)
        SigV4QueryAuth(credentials, "transcribe", region, _SECONDS).add_auth(to_sign)
        signed = urlsplit(str(to_sign.url))
        return pages.answer_json({"path": f"{signed.path}?{signed.query}"})

    async def subtitles(self, request: Request, _session: Session) -> Response:
        """Return subtitles of items `[text, start, end, is a word]`, which were Stable."""
        kind = request.path_params["kind"]
        if kind not in _TYPES:
            raise RefusedError(404, "NotFound", f"there are {', '.join(_TYPES)}")
        given = await pages.parameters(request, _MAX_ITEMS)
        text = write(cues_of([_items(given.get("items"))]), kind, language=str(given.get("language", "en")))
        return Response(text, 200, NO_STORE, _TYPES[kind])

    def _key(self, account: str) -> keys.Key:
        """Return a key of the account, which the engine accepts."""
        try:
            state = json.loads((self._data / catalog.STATE).read_text(encoding="utf-8"))
            accepted = keys.load(Path(state["credentials"]))
        except (OSError, ValueError, KeyError) as error:
            raise RefusedError(
                409,
                "NoKeys",
                "the engine has no file of keys to sign with: start it without --allow-anonymous",
            ) from error
        found = next((key for key in accepted.values() if key.account == account), None)
        if found is None:
            raise RefusedError(403, "AccessDeniedException", "the key of this session is accepted no more")
        return found


def _items(given: Any) -> list[Item]:
    found = []
    for one in given if isinstance(given, list) else [None]:
        match one:
            case [str(text), int() | float() as start, int() | float() as end, bool(word)] if (
                text and 0 <= start <= end and math.isfinite(end)
            ):
                found.append(Item(text, float(start), float(end), word, stable=True))
            case _:
                raise RefusedError(
                    400, "ValidationException", "items are a list of [text, start, end, is a word]"
                )
    return found
