"""The stages of the captions pipeline; the service is reached by its stream and `client("transcribe")`."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from brume import storage
from brume.captions.pipeline import sources, transcription
from brume.captions.pipeline.settings import levels_of
from brume.run.artifacts import HTML, Dataset, Metrics
from brume.run.content import Counted, content
from brume.run.rejects import Reject, check_share, keep_rejects, read_rejects
from brume.run.stage import Content, Operational, context, stage

# Who recognises, where no endpoint of another is configured.
_ENGINE = ("brume.captions.engine.streaming",)


def _audio_state(uri: str) -> list[Any]:
    return [content(file) for file in sources.audio_files(uri)]


def _text_state(uri: str) -> list[Any]:
    return [content(file) for file in sources.text_files(uri)]


AudioFiles = Annotated[str, Counted(state=_audio_state)]
TextFiles = Annotated[str, Counted(state=_text_state)]


class Given(NamedTuple):
    """Where a run finds audio and references."""

    audio: str
    references: str


def _named(arguments: Mapping[str, str]) -> Given | None:
    """Return the places that the user names, as URIs; None where speech is to be made."""
    audio, references = arguments["audio"], arguments["references"]
    return Given(storage.absolute(audio), references and storage.absolute(references)) if audio else None


@stage("speech", outputs={"made": "speech"}, instead=_named)
def find_speech(audio: str, references: str, made: Dataset) -> Given:
    """Return where audio and references are; without a place, make speech whose text is known."""
    from brume.captions import demo

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "speech"
        demo.make(folder)
        storage.upload(folder, made.uri)
    return Given(made.uri, "")


@stage("audio", outputs={"clips": "work/clips"})
def list_audio(audio: AudioFiles, language: str, max_rejected: float, clips: Dataset) -> None:
    """List the audio that can be used, and set the rest aside."""
    found = sources.find(audio, language)
    sources.write(found.clips, storage.join(clips.uri, "clips.json"))
    where = _write_rejects(found.rejects, clips)
    total = len(found.clips) + len(found.rejects)
    if not total:
        raise FileNotFoundError(f"{audio} holds no audio: no file ends in {', '.join(sources.AUDIO)}")
    check_share(found.rejects, total, max_rejected, of="audio files", parameter="max_rejected", where=where)


@stage("transcribe", outputs={"transcripts": "transcripts", "streams": "work/streams"}, runs=_ENGINE)
def transcribe_audio(
    clips: Dataset,
    levels: str,
    vocabulary: Content,
    vocabulary_filter: Content,
    model: Content,
    speed: str,
    streams_at_once: Operational[int],
    transcripts: Dataset,
    streams: Dataset,
) -> None:
    """Stream every file at every level; write transcripts and subtitles, and what came back and when."""
    from brume.captions.pipeline import resources

    if model and context().out is None:
        raise ValueError(
            "model names what the engine of a local run loads; on a cluster its own settings do "
            "(BRUME_CAPTIONS_ENGLISH, BRUME_CAPTIONS_OTHERS)"
        )
    listed = _clips(clips)
    languages = {clip.language for clip in listed}

    def names(given: str, make: Callable[[str, str], str]) -> dict[str, str]:
        return {
            spoken: ",".join(make(given, code) for code in spoken.split(",")) for spoken in languages if given
        }

    how = transcription.How(
        levels_of(levels),
        speed,
        streams_at_once,
        names(vocabulary, resources.vocabulary),
        names(vocabulary_filter, resources.vocabulary_filter),
    )
    transcription.run(listed, how, streams.uri, context().key)
    storage.remove(transcripts.uri)
    transcription.write_transcripts(listed, how.levels, streams.uri, transcripts.uri)


@stage(
    "evaluate",
    outputs={
        "words": "words.parquet",
        "measures": "work/measures",
        "metrics": "work/metrics/captions.json",
    },
)
def evaluate_streams(
    clips: Dataset,
    audio: TextFiles,
    references: Content,
    levels: str,
    streams: Dataset,
    words: Dataset,
    measures: Dataset,
    metrics: Metrics,
) -> None:
    """Measure errors, the time until words stay, and words that vanish; write the table of words."""
    from brume.captions.pipeline import evaluation

    listed = _clips(clips)
    texts, unread = sources.references(listed, audio, references)
    _write_rejects([*read_rejects(storage.join(clips.uri, "rejects.csv")), *unread], measures)
    measured = [
        evaluation.measure(clip, level, streams.uri, texts.get(clip.name))
        for clip in listed
        for level in levels_of(levels)
    ]
    storage.write_bytes(words.uri, evaluation.words_table(measured))
    summaries = evaluation.summaries(measured)
    tables = {
        "levels": summaries,
        "files": evaluation.files_table(measured),
        "segments": evaluation.segments_table(measured),
    }
    for name, table in tables.items():
        data = json.dumps(table, ensure_ascii=False, indent=1).encode()
        storage.write_bytes(storage.join(measures.uri, f"{name}.json"), data)
    for one in summaries:
        if not one["language"]:
            for name in ("wer", "to_stable_p50", "to_stable_p95", "erased_per_word", "revised"):
                if one[name] is not None:
                    metrics.metadata[f"{one['level']}_{name}"] = one[name]


@stage("report", outputs={"report": "report.html"})
def write_report(clips: Dataset, measures: Dataset, report: HTML) -> None:
    """Write the report of the run, one self-contained page."""
    from brume.captions.pipeline.report import Input, build

    def table(name: str) -> list[dict[str, object]]:
        found: list[dict[str, object]] = json.loads(
            storage.read_bytes(storage.join(measures.uri, f"{name}.json"))
        )
        return found

    html = build(
        Input(
            clips=_clips(clips),
            levels=table("levels"),
            files=table("files"),
            segments=table("segments"),
            rejects=read_rejects(storage.join(measures.uri, "rejects.csv")),
            **context().about(),
        )
    )
    storage.write_bytes(report.uri, html.encode())


def _write_rejects(rejects: Sequence[Reject], folder: Dataset) -> str:
    return keep_rejects(rejects, folder.uri, context().place("rejects.csv"), item="file")


def _clips(clips: Dataset) -> list[sources.Clip]:
    return sources.read_list(storage.join(clips.uri, "clips.json"))
