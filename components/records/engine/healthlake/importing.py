"""The work of import jobs: resources of files into a data store, and results of each line.

A transaction puts some resources and notes how far the job has come: a job that was killed goes on behind
the last of them, so that nothing is put twice. Results of lines are kept in the database until the file they
belong to has been read, and then written as the files that HealthLake writes.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import delete, insert, select

from brume import storage
from brume.records.engine import inputs
from brume.records.engine.healthlake.job_run import JobRun, output_folder
from brume.records.engine.healthlake.store import FhirStore, Prepared, Writing
from brume.records.engine.healthlake.tables import LINES
from brume.records.model.fhir import body, checks
from brume.records.model.fhir.errors import Fault, FhirError, outcome
from brume.records.model.reading import stream
from brume.records.model.reading.ndjson import Repair
from brume.records.model.reading.resources import Deletion, NoResourceError, Read

_AT_ONCE, _BYTES = 250, 4 << 20  # resources, and bytes of them, that one transaction puts
_MB = 1e6
_COUNTS = (
    "files",
    "megabytes",
    "imported_files",
    "scanned",
    "imported",
    "failed",
    "failed_files",
    "imported_megabytes",
)
_FOLDERS = {1: "SUCCESS", 0: "FAILURE"}
_Ready = tuple[int, Prepared | Deletion | str, tuple[str, ...]]
"""An item with its line before it, and what was mended; a text is the result of one that failed."""


@dataclass
class _Some:
    """Items of a file that one transaction takes: each with its line."""

    items: list[tuple[int, Read | Deletion | NoResourceError]] = field(default_factory=list)
    size: int = 0


class Importing:
    """Does import jobs."""

    def __init__(self, fhir: FhirStore, done: Callable[[str], None]) -> None:
        """`done(datastore)` is called where notes may have come."""
        self._fhir, self._done = fhir, done

    def __call__(self, run: JobRun) -> str:
        """Do a job, or the rest of it; return its status."""
        if not run.progress:
            self._begin(run)
        progress = run.progress
        if not run.inputs:
            run.message = "InputDataConfig names no files of resources: *.ndjson, *.jsonl, *.json, also .gz"
            return "FAILED"
        while progress["file"] < len(run.inputs):
            self._file(run)
            self._done(run.job.datastore)
        self._write_manifest(run)
        if progress["counts"]["failed"] or progress["counts"]["failed_files"]:
            run.message = (
                f"{progress['counts']['failed']} resources failed: the folder FAILURE has the reasons"
            )
            return "COMPLETED_WITH_ERRORS"
        return "COMPLETED"

    def _begin(self, run: JobRun) -> None:
        address = run.job.request["InputDataConfig"]["S3Uri"]
        found = [one for one in inputs.files(address, run.folders) if _is_input(one.address)]
        counts: dict[str, float] = dict.fromkeys(_COUNTS, 0)
        counts |= {"files": len(found), "megabytes": sum(one.size for one in found) / _MB}
        base = address.rstrip("/") + "/"
        run.progress = {
            "file": 0,
            "position": 0,
            "line": 0,
            "failed": 0,
            "counts": counts,
        }
        listed = [[_name(one.address, base), one.place, one.size, one.version] for one in found]
        with run.store.write() as db:
            run.note_inputs(db, listed)
            run.note(db)

    def _file(self, run: JobRun) -> None:
        """Put what a file holds behind what an earlier run has put, and write the results of its lines."""
        progress, counts = run.progress, run.progress["counts"]
        name, place, size, version = run.inputs[progress["file"]]
        try:
            if storage.stat(place).version != version:
                raise FileNotFoundError
            with storage.open_read(place) as opened:
                for some in _parts(opened, name, progress["position"]):
                    run.check()
                    self._put(run, some)
        except FileNotFoundError:
            fault = Fault("not-found", "the file is gone, or was changed while the job ran: start a new job")
            with self._fhir.writing(run.job.datastore) as writing:
                self._keep(run, writing, [(0, _failure(0, [fault]))])
                counts["failed"] += 1
                progress["failed"] += 1
                run.note(writing.db)
        for succeeded, folder in _FOLDERS.items():
            self._write_lines(run, succeeded, f"{folder}/{_ndjson(name)}")
        with run.store.write() as db:
            db.execute(delete(LINES).filter_by(datastore=run.job.datastore, job=run.job.id))
            counts["failed_files" if progress["failed"] else "imported_files"] += 1
            counts["imported_megabytes"] += 0 if progress["failed"] else size / _MB
            progress |= {"file": progress["file"] + 1, "position": 0, "line": 0, "failed": 0}
            run.note(db)

    def _put(self, run: JobRun, some: _Some) -> None:
        """Put some resources in one transaction, with what became of their lines."""
        progress, counts = run.progress, run.progress["counts"]
        before = json.loads(json.dumps(progress))
        ready = _prepare(self._fhir, some)
        try:
            with self._fhir.writing(run.job.datastore) as writing:
                lines = _put_items(writing, ready)
                self._keep(run, writing, lines)
                failed = sum(not succeeded for succeeded, _ in lines)
                counts["scanned"] += len(lines)
                counts["imported"] += len(lines) - failed
                counts["failed"] += failed
                progress["failed"] += failed
                progress["position"] += len(some.items)
                run.note(writing.db)
        except BaseException:
            run.progress = before
            raise

    def _keep(self, run: JobRun, writing: Writing, lines: list[tuple[int, str]]) -> None:
        start = run.progress["line"]
        rows = [
            {"datastore": run.job.datastore, "job": run.job.id, "number": start + number}
            | {"succeeded": succeeded, "text": text}
            for number, (succeeded, text) in enumerate(lines)
        ]
        if rows:
            writing.db.execute(insert(LINES), rows)
        run.progress["line"] = start + len(rows)

    def _write_lines(self, run: JobRun, succeeded: int, name: str) -> None:
        mine = select(LINES.c.text).filter_by(
            datastore=run.job.datastore, job=run.job.id, succeeded=succeeded
        )
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "lines"
            with path.open("w", encoding="utf-8") as file, run.store.read() as db:
                for text in (
                    db.execution_options(yield_per=1000).execute(mine.order_by(LINES.c.number)).scalars()
                ):
                    file.write(text + "\n")
            if path.stat().st_size:  # HealthLake makes no folder FAILURE where nothing failed
                storage.upload(path, storage.join(run.output, name))

    def _write_manifest(self, run: JobRun) -> None:
        counts, folder = run.progress["counts"], output_folder(run.job)
        key = run.job.request["JobOutputDataConfig"]["S3Configuration"]["KmsKeyId"]
        manifest = {
            "inputDataConfig": {"s3Uri": run.job.request["InputDataConfig"]["S3Uri"]},
            "outputDataConfig": {"s3Uri": folder, "encryptionKeyID": key},
            "successOutput": {"successOutputS3Uri": f"{folder}SUCCESS/"},
            "failureOutput": {"failureOutputS3Uri": f"{folder}FAILURE/"},
            "numberOfScannedFiles": counts["files"],
            "numberOfFilesImported": counts["imported_files"],
            "sizeOfScannedFilesInMB": round(counts["megabytes"], 6),
            "sizeOfDataImportedSuccessfullyInMB": round(counts["imported_megabytes"], 6),
            "numberOfResourcesScanned": counts["scanned"],
            "numberOfResourcesImportedSuccessfully": counts["imported"],
            "numberOfResourcesWithCustomerError": counts["failed"],
            "numberOfResourcesWithServerError": 0,
        }
        # AWS documents the first name; its service writes the second.
        for name in ("manifest.json", "Manifest.json"):
            run.write(name, json.dumps(manifest, indent=1).encode())


def put_file(fhir: FhirStore, datastore: str, place: str) -> None:
    """Put the resources of a file, if it is one of resources; what cannot be used is left out.

    Raises `LookupError` for a data store that is not there any more.
    """
    if not stream.holds_resources(place):
        return
    with storage.open_read(place) as opened:
        for some in _parts(opened, storage.name_of(place), 0):
            ready = _prepare(fhir, some)
            with fhir.writing(datastore) as writing:
                _put_items(writing, ready)


def _parts(opened: BinaryIO, name: str, behind: int) -> Iterator[_Some]:
    """Yield what a file holds behind so many items, in parts for one transaction each."""
    items = ((line, item) for line, item in stream.read(opened, name) if not isinstance(item, Repair))
    some = _Some()
    for line, item in islice(items, behind, None):
        some.items.append((line, item))
        some.size += len(item.text) if isinstance(item, Read) else 0
        if len(some.items) >= _AT_ONCE or some.size >= _BYTES:
            yield some
            some = _Some()
    if some.items:
        yield some


def _prepare(fhir: FhirStore, some: _Some) -> list[_Ready]:
    """Return items as they are put, or the lines of results of those that cannot be."""
    found: list[_Ready] = []
    for line, item in some.items:
        if isinstance(item, NoResourceError):
            found.append((line, _failure(line, [Fault("invalid", f"{item}: {item.remedy}")]), ()))
        elif isinstance(item, Deletion):
            found.append((line, item, ()))
        else:
            try:
                resource = checks.check(body.of_text(item.text), item.type)
                found.append((line, fhir.prepare(resource), item.repairs))
            except FhirError as error:
                found.append((line, _failure(line, error.faults), ()))
    return found


def _put_items(writing: Writing, items: Sequence[_Ready]) -> list[tuple[int, str]]:
    """Put items in their order; return for each whether it succeeded, and its line of the results."""
    lines: list[tuple[int, str]] = []
    waiting: list[tuple[int, Prepared, tuple[str, ...]]] = []

    def put() -> None:
        made = writing.put_prepared([one for _, one, _ in waiting])
        for (line, _, repairs), one in zip(waiting, made, strict=True):
            lines.append((1, _success(line, one.type, one.id, one.version, repairs)))
        waiting.clear()

    for line, item, repairs in items:
        if isinstance(item, Prepared):
            waiting.append((line, item, repairs))
            continue
        put()
        if isinstance(item, Deletion):
            gone = writing.delete(item.type, item.id)
            lines.append((1, _success(line, item.type, item.id, gone.version if gone else 0)))
        else:
            lines.append((0, item))
    put()
    return lines


def _success(line: int, kind: str, identity: str, version: int, repairs: Sequence[str] = ()) -> str:
    """Return the line of something that was put; an OperationOutcome has what was mended, if anything."""
    response = {"resourceType": kind, "id": identity, "meta": {"versionId": str(version)}}
    result = {"lineId": line, "response": response, "statusCode": 201 if version == 1 else 200}
    if repairs:
        warnings = outcome([Fault("informational", text) for text in repairs], "warning")
        result["warning"] = json.dumps(warnings)
    return json.dumps(result)


def _failure(line: int, faults: Sequence[Fault]) -> str:
    """Return the line of something that failed; nothing of its text is in it."""
    return json.dumps({"lineId": line, "exception": json.dumps(outcome(faults)), "statusCode": 400})


def _is_input(address: str) -> bool:
    """Return whether a file may hold resources, and is no result of an import beside them."""
    return stream.holds_resources(address) and "-FHIR_IMPORT-" not in address


def _name(address: str, base: str) -> str:
    """Return the path of a file below the folder that was named, or its name where it was named itself."""
    return address.removeprefix(base) if address.startswith(base) else storage.name_of(address)


def _ndjson(name: str) -> str:
    """Return the name of a file of results, by that of the file of resources."""
    plain = name.removesuffix(".gz")
    return plain if plain.endswith(".ndjson") else f"{plain}.ndjson"
