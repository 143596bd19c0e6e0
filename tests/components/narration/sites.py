"""Sites made in this process by the pipeline's own stages, and a server of files."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from starlette.types import ASGIApp

from brume.aws.wire.http.server import Server
from brume.narration.pipeline import stages
from brume.narration.pipeline.command import site_application
from brume.run.stage import OUT, Stage

DEFAULTS: dict[str, Any] = {
    "language": "en-US",
    "voices": "",
    "lexicons": "",
    "speed": 100,
    "intro": "",
    "outro": "",
    "formats": "mp3",
    "title": "Test site",
    "address": "https://example.org/audio",
    "author": "Someone",
    "email": "",
    "cover": "",
    "publish": "",
    "cache": "",
    "requests": 2,
    "max_rejected": 0.5,
}
ENGLISH = """---
title: A walk & a talk
author: Ann Other
date: 2024-05-01
section: Walks
description: What was seen, and what was heard.
---

We went out at nine. It was cold, and the sea was loud 🌊 that day.

## On the beach

“Look,” she cried: the *ship* had gone. Nobody knew <b>where</b> it went; nobody asked.

> Nothing is as quiet as a harbour without ships.

- bread
- cheese & wine

## The way home

It rained. We walked on until the lamps were lit in the town below us, and all the dogs began to bark.
"""
SPANISH = """---
title: El año que viene
lang: es-ES
date: 2024-06-01
section: Cartas
---

Mañana será otro día. ¿Quién lo sabe?
"""


def site_of(folder: Path, monkeypatch: Any) -> Made:
    """Return what runs the stages into `folder`/out, of articles in `folder`/articles."""
    (folder / "articles").mkdir(parents=True, exist_ok=True)
    monkeypatch.setenv(OUT, str(folder / "out"))
    # The code does not change within a test; reading it is most of what a small run takes.
    monkeypatch.setattr("brume.run.stage.function_digest", lambda *_: "")
    return Made(folder)


class Made:
    """Articles, and what the stages make of them."""

    def __init__(self, folder: Path) -> None:
        self.articles = folder / "articles"
        self.out = folder / "out"
        self.site = self.out / "site"
        self.metrics: dict[str, Any] = {}

    def write(self, **texts: str) -> Made:
        """Write articles; the names of Markdown files."""
        for name, text in texts.items():
            (self.articles / f"{name}.md").write_text(text, encoding="utf-8")
        return self

    def run(self, **given: Any) -> Made:
        """Run all stages, as the pipeline does."""
        values = {**DEFAULTS, "articles": str(self.articles), **given}
        artifacts: dict[str, Any] = {}

        def step(stage: Stage[..., Any], **more: Any) -> Any:
            arguments = {}
            for argument in stage.arguments:
                if argument.role in ("output", "input"):
                    if argument.role == "output":
                        artifacts[argument.name] = SimpleNamespace(uri="", metadata={})
                    arguments[argument.name] = artifacts[argument.name]
                else:
                    arguments[argument.name] = {**values, **more}[argument.name]
            return stage(**arguments)

        found = step(stages.find_articles)
        step(stages.read_articles, articles=found)
        step(stages.write_scripts)
        cache = step(stages.synthesise)
        step(stages.assemble_versions, sounds_at=cache)
        step(stages.publish_site)
        step(stages.write_report)
        self.metrics = artifacts["metrics"].metadata
        return self


@contextlib.contextmanager
def serving(application: ASGIApp) -> Iterator[str]:
    """Serve an application over HTTP; yields its URL."""
    server = Server(application, seconds_to_end=1.0)
    started = threading.Event()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, args=([listener], started.set), daemon=True)
        thread.start()
        started.wait()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.stop()
        thread.join()


def files_at(folder: Path) -> contextlib.AbstractContextManager[str]:
    """Serve a folder as `brume narration show` does; yields its URL."""
    return serving(site_application(folder))
