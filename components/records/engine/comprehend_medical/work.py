"""The work of batch jobs: each text file of a folder to a file of its entities in another."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, update

from brume import storage
from brume.aws import addresses
from brume.aws.engine import logs
from brume.aws.engine.background import Background
from brume.aws.engine.leases import Lease, Leases
from brume.aws.engine.store import Store
from brume.records.engine.comprehend_medical.analysis import KINDS, Analysis, Kind
from brume.records.engine.comprehend_medical.tables import JOBS
from brume.records.model.nlp.rxnorm import TerminologyError
from brume.weights import WeightsError

_log = logging.getLogger(__name__)
DONE = ("COMPLETED", "PARTIAL_SUCCESS", "FAILED", "STOPPED")
MANIFEST = "Manifest"
LARGEST = 40_000  # bytes of a file; a larger one fails, as in AWS


class Work:
    """Does the jobs that are waiting, in the order of their requests; several engines share them."""

    def __init__(
        self, store: Store, background: Background, analysis: Analysis, folders: Mapping[str, str]
    ) -> None:
        """`folders` are the local folders that stand for the start of some s3:// addresses."""
        self._store, self._analysis, self._folders = store, analysis, folders
        columns = JOBS.c
        pending = columns.status.not_in(DONE)
        self._leases = Leases(store, JOBS, pending)
        keys = select(columns.account, columns.region, columns.kind, columns.id).where(pending)
        self._working = background.kind("entity-job", keys.order_by(columns.submitted), self._work)
        self._closing = False

    def submit(self, account: str, region: str, kind: str, job: str) -> None:
        """Do a job soon, or look whether it is to stop."""
        self._working.submit(account, region, kind, job, again=True)

    def close(self) -> None:
        """Let the job that runs stop after its file; another engine or the next start goes on."""
        self._closing = True

    def _work(self, account: str, region: str, kind: str, job: str) -> None:
        which = {"account": account, "region": region, "kind": kind, "id": job}
        with self._store.write() as db:  # a job that is to stop keeps that state
            mine = update(JOBS).filter_by(**which, status="SUBMITTED")
            db.execute(mine.values(status="IN_PROGRESS"))
        lease = self._leases.take(which)
        if lease is None:
            return
        status, message = "FAILED", ""
        try:
            status, message = self._analyse(lease, which)
        except InterruptedError:
            lease.end()
            return
        except (WeightsError, TerminologyError, storage.StorageError, addresses.AddressError) as error:
            message = str(error)
        except OSError as error:  # which would name the file here
            message = f"a file cannot be used: {error.strerror}"
        except Exception as error:
            logs.failed(_log, "a job of Comprehend Medical", error)
            message = "the server failed; its log has more"
        lease.end(status=status, message=message[:1000], ended=time.time())

    def _analyse(self, lease: Lease, which: Mapping[str, str]) -> tuple[str, str]:
        """Write the entities of each file; return the job's status and message. What is there stays."""
        job, kind = lease.row, KINDS[lease.row.kind]
        source = self._place(job.request["InputDataConfig"])
        target = self._located(job.request, output_folder(job.request, job.account, kind, job.id))
        files = storage.list_files(source)
        if not files:
            return "FAILED", "InputDataConfig names no files: give the folder of the texts as S3Key"
        made = {entry.uri for entry in storage.list_files(target)}
        failed: dict[str, str] = {}
        characters = 0
        for entry in files:
            if self._closing or not lease.held():
                raise InterruptedError
            if self._stopping(which):
                return "STOPPED", "stopped by request"
            name = entry.uri.removeprefix(source).lstrip("/") or storage.name_of(entry.uri)
            out = storage.join(target, f"{name}.out")
            try:
                text = _text(entry)
            except ValueError as error:
                failed[name] = str(error)
                continue
            characters += len(text)
            if out not in made:
                found = {**self._analysis.of(kind, text), "Characters": {"OriginalTextCharacters": len(text)}}
                storage.write_bytes(out, json.dumps(found, ensure_ascii=False).encode())
        self._write_manifest(target, job, kind, len(files), failed, characters)
        if len(failed) == len(files):
            return "FAILED", "no file could be read: the manifest says why"
        return ("PARTIAL_SUCCESS", f"{len(failed)} files failed") if failed else ("COMPLETED", "")

    def _write_manifest(
        self, target: str, job: Any, kind: Kind, count: int, failed: Mapping[str, str], characters: int
    ) -> None:
        request = job.request
        summary = {
            "Status": "PARTIAL_SUCCESS" if failed else "COMPLETED",
            "JobType": kind.files,
            "InputDataConfiguration": _shown(request["InputDataConfig"]),
            "OutputDataConfiguration": _shown(request["OutputDataConfig"]),
            "InputFileCount": count,
            "TotalMeteredCharacters": characters,
            "UnprocessedFilesCount": len(failed),
            "SuccessFilesCount": count - len(failed),
            "UnprocessedFiles": [{"File": name, "Reason": reason} for name, reason in failed.items()],
        }
        storage.write_bytes(storage.join(target, MANIFEST), json.dumps({"Summary": summary}).encode())

    def _stopping(self, which: Mapping[str, str]) -> bool:
        with self._store.read() as db:
            found = db.execute(select(JOBS.c.status).filter_by(**which)).scalar_one_or_none()
        return found == "STOP_REQUESTED"

    def _place(self, config: Mapping[str, Any]) -> str:
        return addresses.locate(f"s3://{config['S3Bucket']}/{config.get('S3Key') or ''}", self._folders)

    def _located(self, request: Mapping[str, Any], folder: str) -> str:
        bucket = request["OutputDataConfig"]["S3Bucket"]
        return addresses.locate(f"s3://{bucket}/{folder}", self._folders).rstrip("/")


def output_folder(request: Mapping[str, Any], account: str, kind: Kind, job: str) -> str:
    """Return the key of the folder of a job's files, which ends in a slash, as AWS names it."""
    prefix = (request["OutputDataConfig"].get("S3Key") or "").strip("/")
    return f"{prefix}/{account}-{kind.files}-{job}/".lstrip("/")


def _text(entry: storage.Entry) -> str:
    """Return the text of a file. Raises `ValueError` for one that is too large, or no UTF-8."""
    if entry.size > LARGEST:
        raise ValueError(f"{entry.size:,} bytes, at most {LARGEST:,} are analysed")
    if not entry.size:
        raise ValueError("it is empty")
    try:
        return storage.read_bytes(entry.uri).decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is no UTF-8") from None


def _shown(config: Mapping[str, Any]) -> dict[str, Any]:
    return {"Bucket": config["S3Bucket"], "Path": config.get("S3Key") or ""}
