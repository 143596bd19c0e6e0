"""The work of export jobs: a data store's resources as files, as they were when it began.

What was current after the last change before the job is what is exported, whatever changes meanwhile, and
however often the job is begun again: a file is written anew or not, never otherwise.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Row, Select

from brume import storage
from brume.records.engine.healthlake import store, visibility
from brume.records.engine.healthlake.job_run import JobRun, output_folder
from brume.records.engine.healthlake.tables import VERSIONS

OF_FILE = 5000  # resources of one file, as many as HealthLake writes
_PAGE = 500  # resources that are read at once
_DELETED = "deleted"  # in place of a type: what was deleted


class Exporting:
    """Does export jobs. `chosen` of a job's request says which resources:

    `types` (all, where it is empty), `since` (seconds; those changed then or later, and deletions),
    `compartments` (those about any patient), `group` (those about patients of these names), `patients` (the
    scope of the caller: those that it may see; None for all).
    """

    def __call__(self, run: JobRun) -> str:
        """Do a job, or the rest of it; return its status."""
        if not run.progress:
            self._begin(run)
        progress = run.progress
        while progress["types"]:
            self._type(run, progress["types"][0])
        return "COMPLETED"

    def _begin(self, run: JobRun) -> None:
        chosen, datastore = run.job.request["chosen"], run.job.datastore
        # Nobody writes meanwhile: a later change has a later time, and is in the next export since this one.
        with run.store.write() as db:
            known = store.types(db, datastore)
            wanted = [name for name in known if not chosen.get("types") or name in chosen["types"]]
            if chosen.get("since") is not None:
                wanted.append(_DELETED)
            run.progress = {
                "sequence": store.last_change(db, datastore),
                "time": time.time(),
                "types": wanted,
                "after": ["", ""],
                "number": 0,
                "output": [],
                "deleted": [],
            }
            run.note(db)

    def _type(self, run: JobRun, kind: str) -> None:
        """Write one file of a type, and note it; after the last one the next type has its turn."""
        progress = run.progress
        of = "Bundle" if kind == _DELETED else kind
        name = f"{kind}/{of}-{progress['number']}.ndjson"
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "resources"
            count, after = self._write(run, kind, path)
            if count:
                storage.upload(path, storage.join(run.output, name))
        if count:
            listed = progress["deleted" if kind == _DELETED else "output"]
            listed.append({"type": of, "url": output_folder(run.job) + name, "count": count})
        if count < OF_FILE:
            progress |= {"types": progress["types"][1:], "after": ["", ""], "number": 0}
        else:
            progress |= {"after": after, "number": progress["number"] + 1}
        with run.store.write() as db:
            run.note(db)

    def _write(self, run: JobRun, kind: str, path: Path) -> tuple[int, list[str]]:
        """Write up to `OF_FILE` resources of a type; return their number and the last one's place."""
        after, count = list(run.progress["after"]), 0
        with path.open("wb") as file:
            while count < OF_FILE:
                run.check()
                with run.store.read() as db:
                    rows = db.execute(self._page(db, run, kind, after, OF_FILE - count)).all()
                if not rows:
                    break
                if kind == _DELETED:
                    file.write(_bundle(rows, run.progress["time"]))
                else:
                    file.writelines(row.text.encode() + b"\n" for row in rows)
                count += len(rows)
                after = [rows[-1].type, rows[-1].id]
        return count, after

    def _page(self, db: Connection, run: JobRun, kind: str, after: list[str], most: int) -> Select[Any]:
        chosen, deleted = run.job.request["chosen"], kind == _DELETED
        mine = store.as_of(run.job.datastore, run.progress["sequence"]).filter_by(deleted=int(deleted))
        if not deleted:
            mine = mine.filter_by(type=kind).where(VERSIONS.c.id > after[1])
        else:
            same = (VERSIONS.c.type == after[0]) & (VERSIONS.c.id > after[1])
            mine = mine.where((VERSIONS.c.type > after[0]) | same)
            if chosen.get("types"):
                mine = mine.where(VERSIONS.c.type.in_(chosen["types"]))
        if chosen.get("since") is not None:
            mine = mine.where(VERSIONS.c.updated >= chosen["since"])
        for condition in _conditions(db, run.job.datastore, chosen):
            mine = mine.where(condition)
        return mine.order_by(VERSIONS.c.type, VERSIONS.c.id).limit(min(_PAGE, most))


def _conditions(db: Connection, datastore: str, chosen: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    found = [visibility.visible(db, datastore, chosen.get("patients"))]
    if chosen.get("compartments"):
        found.append(visibility.about_anybody())
    if chosen.get("group") is not None:
        found.append(visibility.about(db, datastore, chosen["group"]))
    return found


def _bundle(rows: Sequence[Row[Any]], seconds: float) -> bytes:
    """Return a line with a Bundle that deletes what was deleted (bulk data export of HL7, 2.0, "deleted")."""
    return orjson.dumps(
        {
            "resourceType": "Bundle",
            "type": "transaction",
            "timestamp": store.instant(seconds),
            "entry": [{"request": {"method": "DELETE", "url": f"{row.type}/{row.id}"}} for row in rows],
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )
