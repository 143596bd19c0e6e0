"""The work of transcription jobs: audio in an object store to a transcript and subtitles there."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from typing import Any, BinaryIO

from brume import storage
from brume.aws.engine import logs
from brume.aws.engine.background import Background
from brume.aws.engine.leases import Lease, LeasedWork
from brume.aws.engine.service import Call, ServiceError
from brume.aws.engine.store import Store
from brume.captions.engine.named import Files
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
_DONE = ("COMPLETED", "FAILED")


class Work:
    """Does the jobs that are waiting, in the order of their requests; several engines share them."""

    def __init__(
        self,
        store: Store,
        background: Background,
        files: Files,
        recognisers: Recognisers,
        vocabularies: Vocabularies,
        filters: VocabularyFilters,
    ) -> None:
        self._files = files
        self._recognisers, self._vocabularies, self._filters = recognisers, vocabularies, filters
        self._jobs = LeasedWork(
            store,
            background,
            "transcription-job",
            JOBS,
            JOBS.c.status.not_in(_DONE),
            work=self._work,
            begun=lambda: {"status": "IN_PROGRESS", "started": time.time()},
        )

    def submit(self, account: str, region: str, name: str) -> None:
        """Do a job soon; where one of this name was deleted and has not ended yet, after that."""
        self._jobs.submit(account, region, name, again=True)

    def close(self) -> None:
        """Let the job that runs stop at the next piece of audio; another engine begins it again."""
        self._jobs.close()

    def _work(self, lease: Lease) -> dict[str, Any]:
        """Do a job; returns what its row has at the end. Raises `InterruptedError`."""
        try:
            ended: dict[str, Any] = {"status": "COMPLETED", **self._transcribe(lease)}
        except InterruptedError:  # the engine ends, or the job was deleted
            raise
        except ServiceError as error:
            ended = {"status": "FAILED", "failure": error.message[:1000]}
        except (AudioError, WeightsError, storage.StorageError) as error:
            ended = {"status": "FAILED", "failure": str(error)[:1000]}
        except OSError as error:  # which would name the file here
            ended = {"status": "FAILED", "failure": f"a file cannot be used: {error.strerror}"}
        except Exception as error:
            logs.failed(_log, "a transcription job", error)
            ended = {"status": "FAILED", "failure": "the server failed; its log has more"}
        return {"completed": time.time(), **ended}

    def _transcribe(self, lease: Lease) -> dict[str, Any]:
        """Return what is known of a job at its end. Writes its files. Raises for audio that is no use."""
        job, request = lease.row, lease.row.request
        caller = Call("", job.account, job.region, "", "transcribe", "StartTranscriptionJob")
        codes, options = codes_of(request), request.get("Settings") or {}
        spoken = {language(code): code for code in codes}
        recogniser = self._recognisers.of(tuple(spoken))
        if unknown := [code for one, code in spoken.items() if one not in recogniser.languages]:
            raise AudioError(f"{', '.join(unknown)} is not spoken by this server's model {recogniser.name}")
        spelling, filters = self.words(request, caller)
        place = self._files.locate(request["Media"]["MediaFileUri"])
        found = transcribe_file(
            lambda: _opened(request["Media"]["MediaFileUri"], place),
            recogniser,
            FileSettings(
                LiveSettings(tuple(spoken), LEVELS["off"], spelling, filters, partials=False),
                separate=bool(options.get("ChannelIdentification")),
                kind=request.get("MediaFormat") or "",
                rate=request.get("MediaSampleRateHertz") or 0,
                stop=lambda: self._jobs.stops(lease),
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
            if not lease.renew():
                raise InterruptedError
            for kind, content in {**made, "json": data}.items():  # the transcript last: then all is there
                uri = f"s3://{bucket}/{target(request)}.{kind}"
                try:
                    storage.write_bytes(self._files.locate(uri), content)
                except OSError as error:
                    raise AudioError(f"{uri} cannot be written: {error.strerror}") from error
            return {"outcome": outcome}
        kept = {"json": data.decode(), **{kind: content.decode() for kind, content in made.items()}}
        return {"outcome": outcome, "transcript": json.dumps(kept).encode()}

    def words(self, request: Mapping[str, Any], call: Call) -> tuple[Spelling, tuple[Filter, ...]]:
        """Return the vocabularies and filters of a job; raises `ServiceError` for one that cannot be used."""
        options, codes = request.get("Settings") or {}, codes_of(request)
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


def _opened(uri: str, place: str) -> BinaryIO:
    """Open a file of audio; an error names it as the request does, not where it lies here."""
    try:
        return storage.open_read(place)
    except FileNotFoundError as error:
        raise AudioError(f"{uri} is not there") from error
    except OSError as error:
        raise AudioError(f"{uri} cannot be read: {error.strerror}") from error


def codes_of(request: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the language codes of a job: one, or those to choose from."""
    if request.get("IdentifyLanguage"):
        return tuple(request.get("LanguageOptions") or ("en-US", "es-US", "fr-FR", "de-DE", "it-IT", "pt-BR"))
    return (request["LanguageCode"],)


def target(request: Mapping[str, Any]) -> str:
    """Return the key of the job's files in its bucket, without their ends, as AWS makes it from OutputKey."""
    name, wanted = request["TranscriptionJobName"], str(request.get("OutputKey") or "")
    return f"{wanted}{name}" if not wanted or wanted.endswith("/") else wanted.removesuffix(".json")
