"""`brume narration`: the audio CMS as a service, and a server for a site on this machine."""

from __future__ import annotations

import contextlib
import fcntl
from pathlib import Path
from typing import Any

import click

from brume import storage
from brume.narration.model.passages import voices_of
from brume.narration.pipeline.settings import check_site, check_speech, cover_of, formats_of, site_of
from brume.run.failing import fail

PORT = 8405
_END_SECONDS = 20.0  # for the articles that are being worked on


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def narration() -> None:
    """Audio of articles: a service for a CMS, and a look at what is published."""


@narration.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: a free one.")
def show(folder: Path, port: int) -> None:
    """Serve a published site (OUT/site) at http://127.0.0.1 until it is stopped.

    It answers requests for a part of a file, which players need to seek.
    """
    if not (folder / "index.html").is_file():
        fail(f"{folder} holds no site (no index.html): name the folder OUT/site of a run")
    _serve(site_application(folder), "127.0.0.1", port)


def site_application(folder: Path) -> Any:
    """Return the application of a published site; pages of other sites may embed its players."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.cors import CORSMiddleware
    from starlette.routing import Mount
    from starlette.staticfiles import StaticFiles

    others = Middleware(CORSMiddleware, allow_origins=["*"])
    return Starlette(routes=[Mount("/", StaticFiles(directory=folder, html=True))], middleware=[others])


@narration.command()
@click.option("--publish", required=True, metavar="URI", help="Folder or s3:// prefix of the site.")
@click.option(
    "--cache", default="", metavar="URI", help="Folder or s3:// prefix that keeps sounds [DATA/cache]."
)
@click.option(
    "--data", type=click.Path(file_okay=False, path_type=Path), default=Path("narration"), show_default=True
)
@click.option(
    "--database", default="", envvar="BRUME_DATABASE", help="SQLAlchemy URL of the queue [in DATA]."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0: a free one.")
@click.option(
    "--secret",
    "secret_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File with the webhook's secret [made in DATA].",
)
@click.option(
    "--language", default="en-US", show_default=True, help="Of articles that have none of their own."
)
@click.option("--voices", default="", help="A voice, or LANGUAGE=VOICE with commas between.")
@click.option("--lexicons", default="", help="PLS files, or names of lexicons in the service, with commas.")
@click.option("--speed", default=100, show_default=True, help="Of the voice, in per cent.")
@click.option(
    "--intro", default="", help="Spoken before an article; may name {title}, {author}, {date}, {section}."
)
@click.option("--outro", default="", help="Spoken after it.")
@click.option("--formats", default="mp3,opus", show_default=True)
@click.option(
    "--title", default="Articles to listen to", show_default=True, help="Of the site and its podcast."
)
@click.option("--address", default="", help="URL of the site; without it there is no podcast feed.")
@click.option("--author", default="", help="Of the site.")
@click.option("--email", default="", help="Of the podcast's owner.")
@click.option("--cover", default="", metavar="URI", help="Square picture for all articles.")
@click.option("--workers", type=click.IntRange(1, 64), default=2, show_default=True, help="Articles at once.")
@click.option(
    "--requests", type=click.IntRange(1, 64), default=2, show_default=True, help="Requests for each."
)
def serve(
    data: Path, database: str, host: str, port: int, secret_file: Path | None, workers: int, **given: Any
) -> None:
    """Publish the audio of articles of which a CMS sends events, until it is stopped.

    \b
        brume narration serve --publish s3://site/audio --address https://example.org/audio

    POST /events takes events that are signed with the secret (Standard Webhooks); / shows the queue.
    """
    from brume.aws.engine import logs
    from brume.aws.engine.serving import is_loopback
    from brume.aws.engine.store import StoreError
    from brume.narration.pipeline.service.application import application
    from brume.narration.pipeline.service.queue import Queue
    from brume.narration.pipeline.service.webhook import secret_of
    from brume.narration.pipeline.service.worker import Plan, Workers

    with contextlib.ExitStack() as held:
        try:
            check_speech(given)
            check_site(given)
            if not given["publish"]:
                raise ValueError("publish= is empty: name the folder or s3:// prefix of the site")
            cover = cover_of(given["cover"])
            data.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = held.enter_context((data / "lock").open("a"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            secret = secret_of(secret_file or data / "webhook.secret")
            queue = Queue(data, database)
        except BlockingIOError:
            fail(f"a service runs on {data}: stop it, or choose another folder with --data")
        except (ValueError, OSError, StoreError, storage.StorageError) as error:
            fail(str(error))
        held.callback(queue.close)
        plan = Plan(
            publish=storage.absolute(given["publish"]),
            cache=storage.absolute(given["cache"] or str(data / "cache")),
            site=site_of(
                given["title"], given["address"], given["language"], given["author"], given["email"]
            ),
            formats=formats_of(given["formats"]),
            voices=voices_of(given["voices"]),
            cover=cover,
            **{name: given[name] for name in ("lexicons", "language", "speed", "intro", "outro", "requests")},
        )
        logs.configure()
        running = Workers(queue, plan, data.absolute() / "assembling", workers)
        running.start()
        _serve(application(queue, secret, open_status=is_loopback(host)), host, port)
        running.stop(_END_SECONDS)


def _serve(application: Any, host: str, port: int) -> None:
    """Serve an application until SIGTERM or SIGINT."""
    from brume.aws.wire.http.server import ListenError, Server, listen

    try:
        listener = listen(host, port)
    except ListenError as error:
        fail(error)
    with listener:
        shown = f"[{host}]" if ":" in host else host
        url = f"http://{shown}:{listener.getsockname()[1]}"
        Server(application).run([listener], lambda: click.echo(url, err=True))
