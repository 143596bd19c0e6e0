"""The work of synthesis tasks: a text to a file in an object store."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brume import storage
from brume.aws import addresses
from brume.aws.engine import logs
from brume.aws.engine.background import Background
from brume.aws.engine.leases import Lease, LeasedWork
from brume.aws.engine.service import Call, ServiceError
from brume.aws.engine.store import Store
from brume.narration.engine.lexicons import Lexicons
from brume.narration.engine.options import TASK, Asked, options, script
from brume.narration.engine.speaker import Speaker
from brume.narration.engine.tables import TASKS
from brume.narration.engine.voices import Voices
from brume.narration.model.encoding import FORMATS

_log = logging.getLogger(__name__)
DONE = ("completed", "failed")


class Work:
    """Does the tasks that are waiting, in the order of their requests; several engines share them."""

    def __init__(
        self,
        store: Store,
        background: Background,
        speaker: Speaker,
        voices: Voices,
        lexicons: Lexicons,
        folders: Mapping[str, str],
        data: Path,
    ) -> None:
        """`folders` stand for the start of s3:// addresses; in `data` files lie until they are complete."""
        self._speaker, self._voices, self._lexicons, self._folders = speaker, voices, lexicons, folders
        self._partial = data / "tasks"
        shutil.rmtree(self._partial, ignore_errors=True)  # of an engine that was killed
        self._partial.mkdir(mode=0o700, parents=True)
        self._tasks = LeasedWork(
            store,
            background,
            "synthesis-task",
            TASKS,
            TASKS.c.status.not_in(DONE),
            work=self._work,
            begun=lambda: {"status": "inProgress"},
        )

    def submit(self, account: str, region: str, task: str) -> None:
        """Do a task soon."""
        self._tasks.submit(account, region, task)

    def close(self) -> None:
        """Let the task that runs stop after its sentence; another engine or the next start does it."""
        self._tasks.close()

    def _work(self, lease: Lease) -> dict[str, Any]:
        """Do a task; returns what its row has at the end. Raises `InterruptedError`."""
        reason = ""
        try:
            self._speak(lease)
        except InterruptedError:
            raise
        except ServiceError as error:
            reason = error.message
        except (FileNotFoundError, storage.StorageError, OSError) as error:
            reason = str(error)
        except Exception as error:
            logs.failed(_log, "a synthesis task", error)
            reason = "the server failed; its log has more"
        request = {**lease.row.request, "Text": ""}  # it is needed no more
        return {"status": "failed" if reason else "completed", "reason": reason[:1000], "request": request}

    def _speak(self, lease: Lease) -> None:
        """Make a task's file and put it in its place. Raises `InterruptedError` when the work is to stop."""
        task, request = lease.row, lease.row.request
        call = Call("", task.account, task.region, "", "polly", "StartSpeechSynthesisTask")
        chosen = options(request, call, self._voices, self._lexicons)
        read = script(request["Text"], request.get("TextType"), chosen, TASK)
        place = addresses.locate(target(request, task.id), self._folders)
        with tempfile.TemporaryDirectory(dir=self._partial) as folder:
            made = Path(folder) / "made"
            with made.open("wb") as file:
                for data in self._speaker.output(Asked(request["Text"], read, chosen)):
                    file.write(data)
                    if self._tasks.stops(lease):
                        raise InterruptedError
            if not lease.renew():
                raise InterruptedError
            storage.upload(made, place)


def target(request: Mapping[str, Any], task: str) -> str:
    """Return the s3:// address of a task's file, whose key Polly makes of the prefix and the task's id."""
    prefix, name = request.get("OutputS3KeyPrefix"), request["OutputFormat"]
    ending = "marks" if name == "json" else FORMATS[name].ending
    return f"s3://{request['OutputS3BucketName']}/{f'{prefix}.' if prefix else ''}{task}.{ending}"
