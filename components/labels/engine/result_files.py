"""Files of results: kept in the data folder, delivered where queries want them, dropped."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, select, update

from brume import storage
from brume.aws.engine.store import Store
from brume.labels.engine.errors import full
from brume.labels.engine.result_locations import Outputs
from brume.labels.engine.settings import LabelsSettings
from brume.labels.engine.tables import QUEUED, RUNNING, SUCCEEDED, executions

_SUFFIXES = (".csv", ".txt")
_LEAST_FREE = 1 << 20  # bytes


class ResultFiles:
    """Results in the folder `data`/results; `outputs` are the places where queries want them."""

    def __init__(self, store: Store, outputs: Outputs, limits: LabelsSettings, data: Path) -> None:
        self._store = store
        self._outputs = outputs
        self._limits = limits
        self._folder = data / "results"
        self._folder.mkdir(parents=True, exist_ok=True)

    def require_room(self) -> None:
        """Raise InternalServerException when the disk has no room for a row of the state."""
        if shutil.disk_usage(self._folder).free < _LEAST_FREE:
            raise full("The disk of the engine is full: make room there, or start it with another --data")

    def share(self, request: Mapping[str, Any]) -> dict[str, int]:
        """Return how many bytes a query may write, so that all together leave the disk a part of its room."""
        share = shutil.disk_usage(self._folder).free // (self._limits.at_once + 1)
        return {
            "spill": min(request["spill"], share * 3 // 4),
            "bytes": min(request["bytes"], share // 4),
            "file_size": min(request["file_size"], share),
        }

    def path(self, identity: str, suffix: str) -> Path:
        """Return where the result of an execution is written; `suffix` is ".csv" or ".txt"."""
        return self._folder / f"{identity}{suffix}"

    def find(self, identity: str) -> Path | None:
        """Return the file of a result that is still kept."""
        files = (self.path(identity, suffix) for suffix in _SUFFIXES)
        return next((file for file in files if file.exists()), None)

    def forget(self, identity: str) -> None:
        """Remove the file of a result, if it is kept."""
        for suffix in _SUFFIXES:
            self.path(identity, suffix).unlink(missing_ok=True)

    def deliver(self, file: Path, address: str) -> None:
        """Copy a result to its output location. Raises `AddressError`, `StorageError`, `OSError`."""
        self._outputs.write(file, address)

    def is_empty(self, address: str) -> bool:
        """Return whether nothing lies below the folder that an UNLOAD writes to."""
        return self._outputs.is_empty(address)

    def deliver_unloaded(self, identity: str, address: str, folder: Path, manifest: str) -> None:
        """Write the Parquet files of an UNLOAD below `address`, and then the list of them at `manifest`."""
        written = []
        for file in sorted(folder.rglob("*.parquet")):
            named = file.relative_to(folder).with_name(f"{identity}_{file.name}")
            target = storage.join(address, named.as_posix())
            self._outputs.write(file, target)
            written.append(target)
        listing = folder.parent / "manifest.csv"
        listing.write_text("".join(f"{target}\n" for target in written), encoding="utf-8")
        self._outputs.write(listing, manifest)

    def withdraw(self, identity: str, output: str, manifest: str, unloaded: str) -> None:
        """Remove what an execution that did not succeed may have delivered; each address may be "".

        `unloaded` is the folder of an UNLOAD: the files of this execution begin with its id. Raises
        `AddressError`, `StorageError`, `OSError`.
        """
        for address in filter(None, (output, manifest)):
            storage.remove(self._outputs.place(address))
        if unloaded:
            for entry in storage.list_files(self._outputs.place(unloaded)):
                if storage.name_of(entry.uri).startswith(f"{identity}_"):
                    storage.remove(entry.uri)

    def drop_strays(self) -> None:
        """Remove what executions that never succeeded had written when their engine was killed."""
        with self._store.read() as db:
            kept = set(db.execute(select(executions.c.id).filter_by(state=SUCCEEDED)).scalars())
        for file in self._folder.iterdir():
            if file.stem not in kept:
                file.unlink()

    def sweep(self) -> None:
        """Drop executions that are too old or too many, and the results that are."""
        limits = self._limits
        oldest = time.time() - 86400 * limits.days
        with self._store.write() as db:
            ended = executions.c.state.not_in((QUEUED, RUNNING))
            gone = list(
                db.execute(select(executions.c.id).where(ended, executions.c.submitted < oldest)).scalars()
            )
            for account, count in db.execute(
                select(executions.c.account, func.count()).group_by(executions.c.account)
            ).all():
                if count > limits.executions:
                    first = select(executions.c.id).filter_by(account=account).where(ended)
                    surplus = first.order_by(executions.c.number).limit(count - limits.executions)
                    gone += db.execute(surplus).scalars()
            db.execute(delete(executions).where(executions.c.id.in_(gone)))
            total = int(db.execute(select(func.sum(executions.c.size))).scalar_one() or 0)
            for row in db.execute(
                select(executions.c.id, executions.c.size)
                .where(executions.c.size > 0)
                .order_by(executions.c.number)
            ):
                if total <= limits.results:
                    break
                total -= row.size
                gone.append(row.id)
                db.execute(update(executions).filter_by(id=row.id).values(size=0))
        for identity in gone:
            self.forget(identity)
