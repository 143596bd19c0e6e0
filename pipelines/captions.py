"""Live captions: recordings streamed at each level of stabilisation, measured and reported.

brume run captions audio=DIR language=en-US --out out/captions
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brume.captions.pipeline import stages
from brume.captions.pipeline.settings import check_captions
from brume.pipelines.running import steps


def check(arguments: Mapping[str, Any]) -> None:
    """Raise `ValueError` that names every parameter the pipeline cannot work with."""
    check_captions(arguments)


def engines(arguments: Mapping[str, Any], out: Path) -> dict[str, dict[str, str]]:
    """Return the engine of a local run."""
    return {"captions": {}}


def environment(arguments: Mapping[str, Any], out: Path) -> dict[str, str]:
    """Return the variables of a local run: the model that its engine loads, and how many streams it takes."""
    model = arguments["model"]
    if Path(model).is_dir():
        model = str(Path(model).absolute())
    chosen = {"BRUME_CAPTIONS_ENGLISH": model, "BRUME_CAPTIONS_OTHERS": model} if arguments["model"] else {}
    return {**chosen, "BRUME_CAPTIONS_STREAMS": str(arguments["streams"])}


@steps.pipeline("captions", "Stream recordings at each level of stabilisation, measure and report.")
def pipeline(
    audio: str = "",
    references: str = "",
    language: str = "en-US",
    levels: str = "off,low,medium,high",
    vocabulary: str = "",
    vocabulary_filter: str = "",
    model: str = "",
    speed: str = "fast",
    streams: int = 2,
    max_rejected: float = 0.5,
) -> None:
    """Stream recordings at each level of stabilisation, measure and report.

    Args:
        audio: Folder or s3:// prefix of recordings, or one of them; empty: speech is made by espeak-ng.
        references: Folder with NAME.txt for each NAME.wav, or a transcripts.json; empty: beside the audio.
        language: Code of what is spoken, or several with commas to choose from; a folder en-US/ has its own.
        levels: Levels of stabilisation, with commas: off, low, medium, high.
        vocabulary: File with a phrase on each line, from which a vocabulary is made, or the name of one.
        vocabulary_filter: File with a word on each line, from which a filter is made, or the name of one.
        model: Of the run's own engine: a name of `brume models`, or a folder; empty: the engine's choice.
        speed: fast (as the service takes audio), or real-time, which also measures recognition and network.
        streams: Streams at once.
        max_rejected: Share of the recordings that may be unusable before the run fails.
    """
    step = steps.Steps(locals())
    found = step(stages.find_speech, cpu="500m", memory="512Mi").outputs
    clips = step(stages.list_audio, audio=found["audio"], cpu="1", memory="2Gi").outputs["clips"]
    transcribed = step(
        stages.transcribe_audio, clips=clips, streams_at_once=streams, cpu="1", memory="1Gi"
    ).outputs
    measures = step(
        stages.evaluate_streams,
        clips=clips,
        audio=found["audio"],
        references=found["references"],
        streams=transcribed["streams"],
        cpu="1",
        memory="1Gi",
    ).outputs["measures"]
    step(stages.write_report, clips=clips, measures=measures, cpu="500m", memory="1Gi")
