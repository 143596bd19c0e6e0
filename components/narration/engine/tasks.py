"""The operations on synthesis tasks: what is asked, and what is known of each."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, delete, insert, select

from brume.aws import addresses
from brume.aws.engine import arns, lookup
from brume.aws.engine.listing import list_rows
from brume.aws.engine.service import Call, ServiceError
from brume.aws.engine.store import Store
from brume.narration.engine.errors import POLLY
from brume.narration.engine.lexicons import Lexicons
from brume.narration.engine.options import TASK, options, script
from brume.narration.engine.tables import TASKS
from brume.narration.engine.voices import Voices
from brume.narration.engine.work import DONE, Work, target

KEPT = 72 * 3600.0  # seconds for which Polly knows of a task
_SHOWN = ("Engine", "LanguageCode", "LexiconNames", "OutputFormat", "SampleRate", "SpeechMarkTypes",
          "TextType", "VoiceId")  # fmt: skip


class Tasks:
    """The operations on synthesis tasks."""

    def __init__(
        self, store: Store, work: Work, voices: Voices, lexicons: Lexicons, folders: Mapping[str, str]
    ) -> None:
        """`folders` are the local folders that stand for the start of some s3:// addresses."""
        self._store, self._work, self._folders = store, work, folders
        self._voices, self._lexicons = voices, lexicons

    def start_speech_synthesis_task(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Begin to speak a text into a file of an object store; a text that is wrong is refused now."""
        if request.get("SnsTopicArn"):
            raise POLLY(
                "InvalidSnsTopicArnException",
                "SnsTopicArn: this server sends no notifications; ask GetSpeechSynthesisTask",
            )
        chosen = options(request, call, self._voices, self._lexicons)
        read = script(request["Text"], request.get("TextType"), chosen, TASK)
        task = arns.new_id(32)
        try:
            addresses.locate(target(request, task), self._folders)
        except addresses.AddressError as error:
            raise POLLY("InvalidS3KeyException", str(error)) from error
        values = {
            "account": call.account,
            "region": call.region,
            "id": task,
            "status": "scheduled",
            "request": dict(request),
            "characters": read.characters,
            "created": time.time(),
        }
        with self._store.write() as db:
            old = TASKS.c.status.in_(DONE) & (TASKS.c.created < time.time() - KEPT)
            db.execute(delete(TASKS).where(old))
            db.execute(insert(TASKS).values(**values))
            made = db.execute(_of(call).filter_by(id=task)).one()
        self._work.submit(call.account, call.region, task)
        return {"SynthesisTask": self._task(made)}

    def get_speech_synthesis_task(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Describe a task."""
        task = request["TaskId"]
        absent = POLLY("SynthesisTaskNotFoundException", f"The synthesis task {task} is not there")
        with self._store.read() as db:
            return {"SynthesisTask": self._task(lookup.one(db, _of(call).filter_by(id=task), absent))}

    def list_speech_synthesis_tasks(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """List tasks, the newest first."""
        wanted = _of(call)
        if status := request.get("Status"):
            wanted = wanted.filter_by(status=status)
        order = (TASKS.c.created, TASKS.c.id)
        try:
            with self._store.read() as db:
                return list_rows(db, request, call, wanted, order, self._task, newest_first=True)
        except ServiceError as error:
            raise POLLY("InvalidNextTokenException", error.message) from error

    @staticmethod
    def _task(found: Row[Any]) -> dict[str, Any]:
        request = found.request
        return {
            **{name: request.get(name) for name in _SHOWN},
            "TaskId": found.id,
            "TaskStatus": found.status,
            "TaskStatusReason": found.reason or None,
            "OutputUri": f"https://s3.{found.region}.amazonaws.com/{target(request, found.id)[5:]}",
            "CreationTime": found.created,
            "RequestCharacters": found.characters,
        }


def _of(call: Call) -> Any:
    return select(TASKS).filter_by(account=call.account, region=call.region)
