"""Articles to audio: the API of Amazon Polly, with neural voices of one's own.

State (lexicons, synthesis tasks) lies in a database: SQLite in the data folder, PostgreSQL by URL, which any
number of engines may share.
"""

from __future__ import annotations

from typing import Any

from brume.aws import addresses
from brume.aws.engine.background import Background
from brume.aws.engine.catalog import EngineError, Settings
from brume.aws.engine.resources import Service
from brume.aws.engine.service import Engine
from brume.aws.engine.settings import read
from brume.aws.engine.store import Store, StoreError
from brume.aws.engine.tags import Tags
from brume.narration.engine.errors import POLLY
from brume.narration.engine.lexicons import Lexicons, tagged
from brume.narration.engine.polly import LANGUAGES
from brume.narration.engine.settings import NarrationSettings
from brume.narration.engine.speaker import Speaker
from brume.narration.engine.speech import Speech
from brume.narration.engine.streaming import Streaming
from brume.narration.engine.tables import SCHEMA, TAGS
from brume.narration.engine.tasks import Tasks
from brume.narration.engine.voices import Voices
from brume.narration.engine.work import Work
from brume.narration.model.voice import VoiceError
from brume.narration.model.voices import Catalogue

PORT = 8404
SERVICES = ("polly",)
SETTINGS = NarrationSettings
OFFERED = (Service("polly", (Voices, Speech, Lexicons, Tasks, Streaming, Tags)),)
_LOOKS = 10.0  # seconds after which an engine looks for work that others with its database have left


def notices() -> list[str]:
    """Return the voices, with their licences, and why others are not there. Raises `EngineError`."""
    try:
        catalogue = Catalogue()
    except VoiceError as error:
        raise EngineError(str(error)) from error
    found = [
        f"voice {info.name} ({', '.join(info.languages)}; {info.engine}): {info.licence}; {info.notice}"
        for info in catalogue.infos
    ]
    return [*found, *(f"voice {name} is absent: {reason}" for name, reason in catalogue.absent.items())]


def create(settings: Settings) -> Engine:
    """Return the engine, with the tasks that an earlier one left going on. Raises `EngineError`."""
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    own = read(NarrationSettings)
    try:
        catalogue = Catalogue(own)
        store = Store(settings.database, settings.data, SCHEMA)
        folders = addresses.check_folders(settings.folders)
        voices = Voices(catalogue.infos, dict(own.voice_ids))
    except (StoreError, addresses.AddressError, VoiceError) as error:
        raise EngineError(str(error)) from error
    except ValueError as error:
        raise EngineError(f"BRUME_NARRATION_VOICE_IDS: {error}") from error
    working = Background(own.tasks)
    tags = Tags(
        store,
        TAGS,
        tagged,
        invalid=lambda message: POLLY("InvalidTagParameterException", message),
        too_many=lambda message: POLLY("TooManyTagsException", message),
    )
    spoken = {code for info in catalogue.infos for code in info.languages}
    lexicons = Lexicons(store, tags, spoken | set(LANGUAGES))
    speaker = Speaker(catalogue, own.cache)
    work = Work(store, working, speaker, voices, lexicons, folders, settings.data)
    tasks = Tasks(store, work, voices, lexicons, folders)
    speech = Speech(speaker, voices, lexicons)
    streaming = Streaming(speaker, voices, lexicons, own.streams, own.silence)

    def close() -> None:
        work.close()
        working.close()
        streaming.close()
        store.close()

    services: dict[str, Any] = {"polly": OFFERED[0].mount(voices, speech, lexicons, tasks, streaming, tags)}
    engine = Engine(
        services,
        ready=lambda: store.trouble() or speaker.trouble(),
        close=close,
        routes=[speech.route()],
        page_secret=store.secret("pages"),
    )
    speaker.load()
    working.resume(store, every=_LOOKS if store.shared else 0.0)
    return engine
