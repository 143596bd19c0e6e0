"""The operations on transcription jobs: what is asked, and what is known of each."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, delete, insert, select

from brume.aws.engine.listing import list_rows
from brume.aws.engine.service import Call, ServiceError
from brume.aws.engine.store import Store
from brume.aws.engine.tags import Tags, pairs
from brume.captions.engine.downloads import Downloads
from brume.captions.engine.named import BATCH, Files, arn, bad, check_name, conflict, key, row
from brume.captions.engine.tables import JOBS
from brume.captions.engine.work import Work, target

_WHAT = "transcription-job"
# Members that ask for what is not done here.
_REFUSED = (
    "IdentifyMultipleLanguages",
    "ContentRedaction",
    "ToxicityDetection",
    "OutputEncryptionKMSKeyId",
    "KMSEncryptionContext",
)
_REFUSED_SETTINGS = ("ShowSpeakerLabels", "MaxSpeakerLabels", "ShowAlternatives", "MaxAlternatives")


class TranscriptionJobs:
    """The operations on transcription jobs."""

    def __init__(
        self,
        store: Store,
        work: Work,
        files: Files,
        downloads: Downloads,
        tags: Tags,
    ) -> None:
        self._store, self._files, self._downloads, self._tags = store, files, downloads, tags
        self._work = work

    def start_transcription_job(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Begin a job; the same request under the same name again is a ConflictException, as in AWS."""
        name = check_name(request["TranscriptionJobName"])
        _check(request)
        self._files.locate(str(request["Media"].get("MediaFileUri")))
        if bucket := request.get("OutputBucketName"):
            self._files.locate(f"s3://{bucket}/x")
        self._work.words(request, call)  # raises for what is not there
        kept = {member: value for member, value in request.items() if member != "Tags"}
        with self._store.write() as db:
            if db.execute(select(JOBS).filter_by(**key(call, name))).first():
                raise conflict("The requested job name already exists.")
            self._tags.put(db, arn(call, _WHAT, name), pairs(request.get("Tags") or []))
            values = {"status": "QUEUED", "request": kept, "created": time.time(), "outcome": {}}
            db.execute(insert(JOBS).values(**key(call, name), **values))
            made = row(db, JOBS, call, name, "transcription job")
        self._work.submit(call.account, call.region, name)
        return {"TranscriptionJob": self._job(made, call, request.get("Tags"))}

    def get_transcription_job(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Describe a job."""
        name = request["TranscriptionJobName"]
        with self._store.read() as db:
            found = row(db, JOBS, call, name, "transcription job")
            tags = self._tags.of(db, arn(call, _WHAT, name))
        return {
            "TranscriptionJob": self._job(
                found, call, [{"Key": one, "Value": value} for one, value in tags.items()]
            )
        }

    def list_transcription_jobs(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """List jobs, the newest first."""
        wanted = select(JOBS).filter_by(account=call.account, region=call.region)
        if status := request.get("Status"):
            wanted = wanted.filter_by(status=status)
        if part := request.get("JobNameContains"):
            wanted = wanted.where(JOBS.c.name.icontains(part, autoescape=True))
        with self._store.read() as db:
            order = (JOBS.c.created, JOBS.c.name)
            found = list_rows(db, request, call, wanted, order, self._summary, newest_first=True)
        return {**found, "Status": request.get("Status")}

    def delete_transcription_job(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Delete a job and the transcript that is kept here; what lies in a bucket stays."""
        name = request["TranscriptionJobName"]
        with self._store.write() as db:
            found = db.execute(select(JOBS).filter_by(**key(call, name))).one_or_none()
            if found is None:
                raise bad(
                    "The requested job couldn't be found. Check the job name and try your request again."
                )
            self._tags.remove(db, arn(call, _WHAT, name))
            db.execute(delete(JOBS).filter_by(**key(call, name)))
        return {}

    def _job(self, found: Row[Any], call: Call, tags: Any = None) -> dict[str, Any]:
        """Return a job as Start and Get describe it."""
        request = found.request
        shown = {
            member: request.get(member)
            for member in (
                "Media", "MediaFormat", "MediaSampleRateHertz", "Settings", "IdentifyLanguage",
                "LanguageOptions", "LanguageIdSettings", "LanguageCode", "JobExecutionSettings",
            )
        }  # fmt: skip
        shown |= found.outcome | {
            "TranscriptionJobName": found.name,
            "TranscriptionJobStatus": found.status,
            "CreationTime": found.created,
            "StartTime": found.started,
            "CompletionTime": found.completed,
            "FailureReason": found.failure or None,
            "Tags": tags or None,
        }
        if found.status == "COMPLETED":
            shown["Transcript"] = {"TranscriptFileUri": self._uri(found, call, "json")}
        if subtitles := request.get("Subtitles"):
            shown["Subtitles"] = dict(subtitles)
            if found.status == "COMPLETED":
                shown["Subtitles"]["SubtitleFileUris"] = [
                    self._uri(found, call, kind) for kind in subtitles["Formats"]
                ]
        return shown

    def _uri(self, found: Row[Any], call: Call, kind: str) -> str:
        """Return the address of a job's file: in its bucket, or here for an hour."""
        bucket = found.request.get("OutputBucketName")
        if bucket:
            return f"https://s3.{found.region}.amazonaws.com/{bucket}/{target(found.request)}.{kind}"
        return self._downloads.url(found, kind, call.address)

    @staticmethod
    def _summary(found: Row[Any]) -> dict[str, Any]:
        request = found.request
        return {
            "TranscriptionJobName": found.name,
            "CreationTime": found.created,
            "StartTime": found.started,
            "CompletionTime": found.completed,
            "LanguageCode": found.outcome.get("LanguageCode", request.get("LanguageCode")),
            "TranscriptionJobStatus": found.status,
            "FailureReason": found.failure or None,
            "OutputLocationType": "CUSTOMER_BUCKET" if request.get("OutputBucketName") else "SERVICE_BUCKET",
            "IdentifyLanguage": request.get("IdentifyLanguage"),
            "IdentifiedLanguageScore": found.outcome.get("IdentifiedLanguageScore"),
        }


def _check(request: Mapping[str, Any]) -> None:
    """Raise `ServiceError` that names what a request lacks, or asks for and is not done."""
    options = request.get("Settings") or {}
    asked = [member for member in _REFUSED if request.get(member)]
    asked += [f"Settings.{member}" for member in _REFUSED_SETTINGS if options.get(member)]
    named = {"ModelSettings": request.get("ModelSettings") or {}}
    named |= {
        f"LanguageIdSettings.{code}": one for code, one in (request.get("LanguageIdSettings") or {}).items()
    }
    asked += [f"{where}.LanguageModelName" for where, one in named.items() if one.get("LanguageModelName")]
    if asked:
        raise bad(f"{', '.join(asked)}: not done by this server")
    if not request["Media"].get("MediaFileUri"):
        raise bad("Media.MediaFileUri is missing")
    if bool(request.get("LanguageCode")) == bool(request.get("IdentifyLanguage")):
        raise bad("Give either LanguageCode or IdentifyLanguage")
    if len(request.get("LanguageOptions") or ("", "")) < 2:
        raise bad("LanguageOptions has at least two language codes")
    if request.get("OutputKey") and not request.get("OutputBucketName"):
        raise bad("OutputKey needs OutputBucketName")
    if not set(request.get("LanguageIdSettings") or ()) <= set(request.get("LanguageOptions") or ()):
        raise bad("LanguageIdSettings is for languages of LanguageOptions")
    if options.get("VocabularyFilterMethod") and not options.get("VocabularyFilterName"):
        raise bad("Settings.VocabularyFilterMethod needs Settings.VocabularyFilterName")


def unknown_resource(text: str) -> ServiceError:
    """Return the error of an ARN that names nothing here."""
    return BATCH("NotFoundException", f"{text} names nothing here")
