"""Narration: articles to audio, with players and a podcast; only what changed is spoken.

brume run narration articles=posts address=https://example.org/audio --out out/narration
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brume.narration.pipeline import stages
from brume.narration.pipeline.settings import check_narration
from brume.pipelines.running import steps


def check(arguments: Mapping[str, Any]) -> None:
    """Raise `ValueError` that names every parameter the pipeline cannot work with."""
    check_narration(arguments)


def engines(arguments: Mapping[str, Any], out: Path) -> dict[str, dict[str, str]]:
    """Return the engine of a local run."""
    return {"narration": {}}


@steps.pipeline("narration", "Make audio of articles and publish it with players and a podcast feed.")
def pipeline(
    articles: str = "",
    language: str = "en-US",
    voices: str = "",
    lexicons: str = "",
    speed: int = 100,
    intro: str = "",
    outro: str = "",
    formats: str = "mp3,opus",
    title: str = "Articles to listen to",
    address: str = "",
    author: str = "",
    email: str = "",
    cover: str = "",
    publish: str = "",
    cache: str = "",
    requests: int = 2,
    max_rejected: float = 0.5,
) -> None:
    """Make audio of articles and publish it with players and a podcast feed.

    Args:
        articles: Folder or s3:// prefix of HTML, Markdown and JSON, or a feed or sitemap; empty: a demo.
        language: Of articles that have none of their own, as AWS has it: en-US.
        voices: A voice, or LANGUAGE=VOICE with commas between; empty: the service's first of a language.
        lexicons: PLS files, or names of lexicons in the service, with commas.
        speed: Of the voice in per cent of its own; a listener's choice is the player's.
        intro: What is spoken before an article; may name {title}, {author}, {date}, {section}.
        outro: What is spoken after it.
        formats: mp3, or mp3,opus.
        title: Of the site and its podcast.
        address: URL of the site; empty: no podcast feed.
        author: Of the site.
        email: Of the podcast's owner; directories ask for it.
        cover: Square picture for all articles; empty: one is made of each title.
        publish: Folder or s3:// prefix that the site is published at; empty: site/ in the run's folder.
        cache: Folder or s3:// prefix that keeps sounds; empty: in the run's folder.
        requests: Requests to the service at once.
        max_rejected: Share of the articles that may be unusable before the run fails.
    """
    step = steps.Steps(locals())
    found = step(stages.find_articles, cpu="500m", memory="512Mi").outputs["Output"]
    texts = step(stages.read_articles, articles=found, cpu="1", memory="1Gi").outputs["texts"]
    scripts = step(stages.write_scripts, texts=texts, cpu="500m", memory="1Gi").outputs["scripts"]
    spoken = step(stages.synthesise, scripts=scripts, cpu="500m", memory="1Gi").outputs
    versions = step(
        stages.assemble_versions,
        scripts=scripts,
        sounds=spoken["sounds"],
        sounds_at=spoken["Output"],
        cpu="2",
        memory="2Gi",
    ).outputs["versions"]
    published = step(stages.publish_site, texts=texts, versions=versions, cpu="1", memory="1Gi").outputs
    step(
        stages.write_report,
        texts=texts,
        scripts=scripts,
        sounds=spoken["sounds"],
        versions=versions,
        changes=published["changes"],
        cpu="500m",
        memory="1Gi",
    )
