"""Transcription jobs: audio in an object store to a transcript and subtitles there."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from brume import storage
from brume.aws.engine import logs
from brume.aws.engine.background import Background
from brume.aws.engine.listing import list_rows
from brume.aws.engine.service import Call, ServiceError
from brume.aws.engine.store import Store
from brume.aws.engine.tags import Tags, pairs
from brume.captions.engine.downloads import Downloads
from brume.captions.engine.named import BATCH, Files, arn, bad, conflict, key, row
from brume.captions.engine.tables import JOBS
from brume.captions.engine.vocabularies import Vocabularies
from brume.captions.engine.vocabulary_filters import VocabularyFilters
from brume.captions.model.audio import AudioError
from brume.captions.model.files import FileSettings, transcribe_file
from brume.captions.model.live import LiveSettings
from brume.captions.model.recognisers import Recognisers, language
from brume.captions.model.stabiliser import LEVELS
from brume.captions.model.subtitles import write
from brume.captions.model.transcript import transcript
from brume.captions.model.vocabulary import Filter, Spelling
from brume.weights import WeightsError

_log = logging.getLogger(__name__)
_WHAT = "transcription-job"
_DONE = ("COMPLETED", "FAILED")
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
    """The operations on transcription jobs, and their work."""

    def __init__(
        self,
        store: Store,
        background: Background,
        files: Files,
        downloads: Downloads,
        recognisers: Recognisers,
        vocabularies: Vocabularies,
        filters: VocabularyFilters,
        tags: Tags,
    ) -> None:
        self._store, self._files, self._downloads, self._tags = store, files, downloads, tags
        self._recognisers, self._vocabularies, self._filters = recognisers, vocabularies, filters
        columns = JOBS.c
        pending = select(columns.account, columns.region, columns.name).where(columns.status.not_in(_DONE))
        self._working = background.kind(_WHAT, pending.order_by(columns.created), self._work)
        self._closing = False

    def start_transcription_job(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Begin a job; the same request under the same name again is a ConflictException, as in AWS."""
        name = request["TranscriptionJobName"]
        _check(request)
        self._files.locate(str(request["Media"].get("MediaFileUri")))
        if bucket := request.get("OutputBucketName"):
            self._files.locate(f"s3://{bucket}/x")
        self._words(request, call)  # raises for what is not there
        kept = {member: value for member, value in request.items() if member != "Tags"}
        with self._store.write() as db:
            if db.execute(select(JOBS).filter_by(**key(call, name))).first():
                raise conflict("The requested job name already exists.")
            self._tags.put(db, arn(call, _WHAT, name), pairs(request.get("Tags") or []))
            values = {"status": "QUEUED", "request": kept, "created": time.time(), "outcome": {}}
            db.execute(insert(JOBS).values(**key(call, name), **values))
            made = row(db, JOBS, call, name, "transcription job")
        self._working.submit(call.account, call.region, name)
        return {"TranscriptionJob": self._job(made, request.get("Tags"))}

    def get_transcription_job(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Describe a job."""
        name = request["TranscriptionJobName"]
        with self._store.read() as db:
            found = row(db, JOBS, call, name, "transcription job")
            tags = self._tags.of(db, arn(call, _WHAT, name))
        return {
            "TranscriptionJob": self._job(
                found, [{"Key": one, "Value": value} for one, value in tags.items()]
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

    def close(self) -> None:
        """Let the job that runs stop at the next piece of audio; it begins again with the engine."""
        self._closing = True

    def _work(self, account: str, region: str, name: str) -> None:
        which = {"account": account, "region": region, "name": name}
        with self._store.write() as db:
            found = db.execute(select(JOBS).filter_by(**which)).one_or_none()
            if found is None or found.status in _DONE:
                return
            begun = {"status": "IN_PROGRESS", "started": time.time()}
            db.execute(update(JOBS).filter_by(**which).values(**begun))
        try:
            ended: dict[str, Any] = {"status": "COMPLETED", **self._transcribe(found)}
        except InterruptedError:
            return
        except ServiceError as error:
            ended = {"status": "FAILED", "failure": error.message[:1000]}
        except (AudioError, WeightsError, FileNotFoundError, storage.StorageError, OSError) as error:
            ended = {"status": "FAILED", "failure": str(error)[:1000]}
        except Exception as error:
            logs.failed(_log, "a transcription job", error)
            ended = {"status": "FAILED", "failure": "the server failed; its log has more"}
        with self._store.write() as db:
            # A job that was deleted, or deleted and started again under its name, is another one.
            same = update(JOBS).filter_by(**which, created=found.created)
            db.execute(same.values(completed=time.time(), **ended))

    def _transcribe(self, job: Row[Any]) -> dict[str, Any]:
        """Return what is known of a job at its end. Writes its files. Raises for audio that is no use."""
        request = job.request
        caller = Call("", job.account, job.region, "", "transcribe", "StartTranscriptionJob")
        codes, options = _codes(request), request.get("Settings") or {}
        spoken = {language(code): code for code in codes}
        recogniser = self._recognisers.of(tuple(spoken))
        if unknown := [code for one, code in spoken.items() if one not in recogniser.languages]:
            raise AudioError(f"{', '.join(unknown)} is not spoken by this server's model {recogniser.name}")
        spelling, filters = self._words(request, caller)
        place = self._files.locate(request["Media"]["MediaFileUri"])
        found = transcribe_file(
            lambda: storage.open_read(place),
            recogniser,
            FileSettings(
                LiveSettings(tuple(spoken), LEVELS["off"], spelling, filters, partials=False),
                separate=bool(options.get("ChannelIdentification")),
                kind=request.get("MediaFormat") or "",
                rate=request.get("MediaSampleRateHertz") or 0,
                stop=lambda: self._closing,
            ),
        )
        scores = {spoken[one]: score for one, score in found.languages.items()}
        text = transcript(job.name, job.account, found.channels, identified=scores)
        text["results"].setdefault("language_code", spoken[found.language])
        outcome: dict[str, Any] = {"LanguageCode": spoken[found.language], "MediaFormat": found.kind}
        outcome["MediaSampleRateHertz"] = found.rate
        if scores:
            outcome["IdentifiedLanguageScore"] = scores[spoken[found.language]]
        data = json.dumps(text, ensure_ascii=False).encode()
        subtitles = request.get("Subtitles") or {}
        made = {
            kind: write(found.cues, kind, first=int(subtitles.get("OutputStartIndex", 0))).encode()
            for kind in subtitles.get("Formats", [])
        }
        if bucket := request.get("OutputBucketName"):
            for kind, content in {**made, "json": data}.items():  # the transcript last: then all is there
                storage.write_bytes(self._files.locate(f"s3://{bucket}/{_target(request)}.{kind}"), content)
            return {"outcome": outcome}
        kept = {"json": data.decode(), **{kind: content.decode() for kind, content in made.items()}}
        return {"outcome": outcome, "transcript": json.dumps(kept).encode()}

    def _words(self, request: Mapping[str, Any], call: Call) -> tuple[Spelling, tuple[Filter, ...]]:
        """Return the vocabularies and filters of a job; raises `ServiceError` for one that cannot be used."""
        options, codes = request.get("Settings") or {}, _codes(request)
        method = options.get("VocabularyFilterMethod") or "mask"
        named = [(options, codes)]
        named += [(chosen, (code,)) for code, chosen in (request.get("LanguageIdSettings") or {}).items()]
        entries = [
            entry
            for chosen, among in named
            if (name := chosen.get("VocabularyName"))
            for entry in self._vocabularies.entries(name, among, call)
        ]
        filters = [
            self._filters.filter(name, among, method, call)
            for chosen, among in named
            if (name := chosen.get("VocabularyFilterName"))
        ]
        return Spelling(entries), tuple(filters)

    def _job(self, found: Row[Any], tags: Any = None) -> dict[str, Any]:
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
            shown["Transcript"] = {"TranscriptFileUri": self._uri(found, "json")}
        if subtitles := request.get("Subtitles"):
            shown["Subtitles"] = dict(subtitles)
            if found.status == "COMPLETED":
                shown["Subtitles"]["SubtitleFileUris"] = [
                    self._uri(found, kind) for kind in subtitles["Formats"]
                ]
        return shown

    def _uri(self, found: Row[Any], kind: str) -> str:
        """Return the address of a job's file: in its bucket, or here for an hour."""
        bucket = found.request.get("OutputBucketName")
        if bucket:
            return f"https://s3.{found.region}.amazonaws.com/{bucket}/{_target(found.request)}.{kind}"
        return self._downloads.url(found, kind)

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


def _codes(request: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the language codes of a job: one, or those to choose from."""
    if request.get("IdentifyLanguage"):
        return tuple(request.get("LanguageOptions") or ("en-US", "es-US", "fr-FR", "de-DE", "it-IT", "pt-BR"))
    return (request["LanguageCode"],)


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


def _target(request: Mapping[str, Any]) -> str:
    """Return the key of the job's files in its bucket, without their ends, as AWS makes it from OutputKey."""
    name, wanted = request["TranscriptionJobName"], str(request.get("OutputKey") or "")
    return f"{wanted}{name}" if not wanted or wanted.endswith("/") else wanted.removesuffix(".json")


def unknown_resource(text: str) -> ServiceError:
    """Return the error of an ARN that names nothing here."""
    return BATCH("NotFoundException", f"{text} names nothing here")
