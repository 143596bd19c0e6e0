"""Works off events: has articles spoken and publishes them, or takes them down."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from brume import storage
from brume.aws.engine import logs
from brume.narration.model.articles.article import ArticleError
from brume.narration.model.articles.documents import checked, read_fields
from brume.narration.model.articles.parsing import faults_named
from brume.narration.model.site.about import Site
from brume.narration.model.timeline import MarksError
from brume.narration.pipeline import assembly, publishing
from brume.narration.pipeline.service.queue import Queue, Work
from brume.narration.pipeline.service.webhook import RETRACTED, Event
from brume.narration.pipeline.synthesis import RefusedError, Speaker, speak_all
from brume.narration.pipeline.voices import VoiceMissingError
from brume.run.code import function_digest

_LOOK_SECONDS = 5.0
_log = logging.getLogger("brume.narration.service")


@dataclass(frozen=True)
class Plan:
    """How articles are spoken and published, the same for all events."""

    publish: str
    cache: str
    site: Site
    formats: tuple[str, ...]
    voices: Mapping[str, str]
    lexicons: str
    language: str
    speed: int
    intro: str
    outro: str
    cover: bytes | None
    requests: int  # to the voice at once, for an article


class Workers:
    """Threads that work off a queue; an article is worked on by one at a time."""

    def __init__(self, queue: Queue, plan: Plan, scratch: Path, threads: int) -> None:
        """`scratch` is a folder for what is being assembled."""
        self._queue, self._plan, self._scratch = queue, plan, scratch
        self._publisher = publishing.Publisher(plan.publish, plan.site, plan.cover)
        self._busy: set[str] = set()
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._code = function_digest(assembly.assemble, ())
        self._threads = [
            threading.Thread(target=self._run, name=f"narration-{number}", daemon=True)
            for number in range(threads)
        ]

    def start(self) -> None:
        """Begin; what an earlier process left half-made is removed."""
        shutil.rmtree(self._scratch, ignore_errors=True)
        for thread in self._threads:
            thread.start()

    def stop(self, seconds: float) -> None:
        """Take nothing more, and wait so long for what is worked on; the next start takes it up."""
        self._ending.set()
        self._queue.wake()
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(end - time.monotonic(), 0))

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                work = self._take()
                if work is None:
                    self._queue.wait(_LOOK_SECONDS)
                    continue
                try:
                    self._work(work)
                finally:
                    with self._lock:
                        self._busy.discard(work.event.id)
            except Exception as error:  # of the database: the queue stands, and is looked at again
                logs.failed(_log, "the queue", error)
                self._ending.wait(_LOOK_SECONDS)

    def _take(self) -> Work | None:
        with self._lock:
            work = self._queue.take(time.time(), frozenset(self._busy))
            if work is not None:
                self._busy.add(work.event.id)
            return work

    def _work(self, work: Work) -> None:
        event = work.event
        _log.info(
            "article %s, version %d, attempt %d: %s", event.name, event.version, work.attempt, event.type
        )
        try:
            version = self._publish(event)
        except (ArticleError, RefusedError, VoiceMissingError, MarksError) as error:
            self._queue.failed(work, str(error), time.time())
            _log.warning("article %s cannot be published: %s", event.name, type(error).__name__)
        except Exception as error:
            identity = logs.failed(_log, f"article {event.name}", error)
            # Other errors may quote the article, which is not for everybody who sees the page.
            reason = (isinstance(error, OSError) and error.strerror) or type(error).__name__
            message = f"{reason}: it is tried again (failure {identity} of the log)"
            self._queue.again(work, message, time.time())
        else:
            self._queue.done(work, version, time.time())
            _log.info(
                "article %s, version %d is published as %s", event.name, event.version, version or "none"
            )

    def _publish(self, event: Event) -> str:
        """Do what an event asks for; returns the version that the site then has, "" for none."""
        plan = self._plan
        if event.type == RETRACTED:
            self._publisher.publish([], [event.name])
            return ""
        with faults_named():
            article = checked(read_fields({**event.article, "slug": event.name}, event.name, plan.language))
        if article.retracted:
            self._publisher.publish([], [event.name])
            return ""
        script = assembly.script(article, plan.language, plan.intro, plan.outro, plan.speed)
        speaker = Speaker(plan.voices, plan.lexicons, plan.cache)
        asked = assembly.asked(speaker, script)
        _, refused = speak_all(speaker, asked, plan.requests, lambda done, total: None)
        for one in asked:
            if one.key in refused:
                raise RefusedError(f"{refused[one.key]} (in {one.passage.text[:60]!r})")
        sounds = assembly.Sounds(speaker.rate(script.language), tuple(one.key for one in asked))
        folder = self._scratch / event.name
        try:
            record = assembly.assemble(
                script, sounds, plan.cache, plan.site, plan.formats, plan.cover, folder, self._code
            )
            self._publisher.publish([publishing.Made(record, folder)])
        finally:
            storage.remove(str(folder))
        return record.version
