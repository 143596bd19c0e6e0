"""Pictures kept for the next training: the doubtful ones, within a budget of disk.

Each is stored as NAME.jpg (or .png) beside NAME.json, one line of a dataset's manifest. The line has what was
decided and `"human-annotated": "no"`: a person verifies it before it goes into UpdateDatasetEntries.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from brume_edge.part import Answer
from brume_edge.store import QueuedPicture

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KeptPicture:
    """A kept picture: its path, its size in bytes, and the confidence of its label."""

    path: Path
    size: int
    confidence: float


class KeptPictures:
    """The folder of kept pictures.

    `address` is what the manifest names the pictures by (`s3://bucket/line-1/`); empty stands for file://.
    Beyond the budget the surest are removed first, of equals the oldest; for a full disk, the oldest.
    """

    def __init__(
        self,
        folder: Path,
        *,
        budget: int,
        below: float,
        address: str = "",
        changed: Callable[[int, int], None] = lambda count, size: None,
    ) -> None:
        self.folder = folder
        self._budget = budget
        self._below = below
        self._address = address or folder.absolute().as_uri()
        self._changed = changed
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self._kept = {item.path.stem: item for item in sorted(self._found(), key=lambda item: item.path)}
        self._report()

    def _found(self) -> list[KeptPicture]:
        items = []
        for line in self.folder.glob("*.json"):
            pictures = [line.with_suffix(suffix) for suffix in (".jpg", ".png")]
            try:
                confidence = json.loads(line.read_bytes())["anomaly-label-metadata"]["confidence"]
                path = next(path for path in pictures if path.exists())
                items.append(KeptPicture(path, path.stat().st_size + line.stat().st_size, float(confidence)))
            except (StopIteration, OSError, ValueError, KeyError, TypeError):
                line.unlink(missing_ok=True)  # cut short by a power failure
        known = {item.path for item in items}
        for path in self.folder.iterdir():
            if path not in known and path.suffix != ".json":
                path.unlink()
        return items

    def consider(self, part: QueuedPicture, service: Answer | None) -> bool:
        """Keep a picture that leaves the queue if training can use it; return whether it was kept.

        Training can if the service, or without it the bundle, was not sure, if the two differ, or if nothing
        could be decided in time. A disk without room is no error: the picture is dropped.
        """
        answer = service or part.local
        differ = service is not None and part.local is not None and service.anomalous != part.local.anomalous
        sure = answer is not None and answer.confidence >= self._below and not differ
        if sure or not self._budget:
            return False
        rejected = answer.anomalous if answer is not None else part.decision == "reject"
        confidence = 0.0 if differ or answer is None else answer.confidence
        try:
            self._write(part, rejected, confidence)
        except OSError as error:
            _log.warning("a picture could not be kept", extra={"part": part.number, "cause": str(error)})
            return False
        return True

    def _write(self, part: QueuedPicture, anomalous: bool, confidence: float) -> None:
        when = datetime.fromtimestamp(part.broke_at, UTC)
        name = f"{when:%Y%m%dT%H%M%S}-{part.number:09d}-{part.token[:8]}"
        path = self.folder / (name + (".png" if part.picture.startswith(b"\x89PNG") else ".jpg"))
        line = json.dumps(
            {
                "source-ref": f"{self._address.rstrip('/')}/{path.name}",
                "anomaly-label": int(anomalous),
                "anomaly-label-metadata": {
                    "class-name": "anomaly" if anomalous else "normal",
                    "confidence": round(confidence, 4),
                    "creation-date": f"{when:%Y-%m-%dT%H:%M:%S.%f}",
                    "human-annotated": "no",
                    "job-name": "brume-edge",
                    "type": "groundtruth/image-classification",
                },
            }
        )
        size = len(part.picture) + len(line) + 1
        if size > self._budget:
            return
        with self._lock:
            self._kept.pop(name, None)
            while sum(item.size for item in self._kept.values()) + size > self._budget:
                surest = max(self._kept, key=lambda stem: self._kept[stem].confidence)  # the first of equals
                if self._kept[surest].confidence < confidence:
                    return
                self._drop(surest)
            # The line comes last and whole: a picture without one is removed at the next start.
            fresh = path.with_suffix(".new")
            try:
                path.write_bytes(part.picture)
                fresh.write_text(line + "\n")
                fresh.replace(path.with_suffix(".json"))
            except OSError:
                path.unlink(missing_ok=True)
                fresh.unlink(missing_ok=True)
                raise
            self._kept[name] = KeptPicture(path, size, confidence)
        self._report()

    def release(self, size: int) -> bool:
        """Remove the oldest pictures until `size` bytes are freed; return whether any was."""
        with self._lock:
            freed = 0
            while freed < size and self._kept:
                freed += self._drop(next(iter(self._kept)))
        if freed:
            self._report()
        return freed > 0

    def _drop(self, name: str) -> int:
        item = self._kept.pop(name)
        item.path.with_suffix(".json").unlink(missing_ok=True)
        item.path.unlink(missing_ok=True)
        return item.size

    def _report(self) -> None:
        with self._lock:
            count, size = len(self._kept), sum(item.size for item in self._kept.values())
        self._changed(count, size)
