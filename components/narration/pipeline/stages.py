"""The stages of the narration pipeline; the voice is reached by `client("polly")` alone."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from brume import storage
from brume.narration.model.passages import voices_of
from brume.narration.model.site.about import from_json as published
from brume.narration.model.timeline import MarksError
from brume.narration.pipeline import assembly, publishing, sources, synthesis
from brume.narration.pipeline.settings import formats_of, site_of
from brume.narration.pipeline.synthesis import Count, Speaker, speak_all
from brume.narration.pipeline.voices import VoiceMissingError, lexicon_places
from brume.run import progress
from brume.run.artifacts import HTML, Dataset, Metrics
from brume.run.code import function_digest
from brume.run.content import Counted, content
from brume.run.rejects import Reject, check_share, keep_rejects, read_rejects, write_rejects
from brume.run.stage import Content, Operational, context, stage


def _lexicon_state(given: str) -> list[Any]:
    return [content(part) if is_file else part for part, is_file in lexicon_places(given)]


Articles = Annotated[str, Counted(state=sources.state)]
Lexicons = Annotated[str, Counted(state=_lexicon_state)]


def _named(arguments: Mapping[str, Any]) -> str | None:
    """Return the place that the user names, as a URI; None where articles are to be made."""
    return storage.absolute(arguments["articles"]) if arguments["articles"] else None


@stage("articles", outputs={"made": "articles"}, instead=_named)
def find_articles(articles: str, made: Dataset) -> str:
    """Return where the articles are; without a place, those of the demo."""
    from brume.narration import demo

    with tempfile.TemporaryDirectory() as scratch:
        demo.make(Path(scratch) / "articles")
        storage.remove(made.uri)
        storage.upload(Path(scratch) / "articles", made.uri)
    return made.uri


@stage("read", outputs={"texts": "work/texts"})
def read_articles(articles: Articles, language: str, max_rejected: float, texts: Dataset) -> None:
    """Read the main text of each article; list what is left out, set aside what is unreadable."""
    found = sources.find(articles, language)
    sources.write(found, texts.uri)
    _set_aside(found.rejects, len(found.articles) + len(found.rejects), max_rejected, texts)


@stage("script", outputs={"scripts": "work/scripts"})
def write_scripts(
    texts: Dataset, language: str, intro: str, outro: str, speed: int, scripts: Dataset
) -> None:
    """Make of each article what is spoken: title, sections, quotations, tables, and its frame."""
    found, _ = sources.read_list(texts.uri)
    made = [assembly.script(one, language, intro, outro, speed) for one in found if not one.retracted]
    for entry in storage.list_files(scripts.uri):
        if storage.name_of(entry.uri) not in {f"{one.article.name}.json" for one in made}:
            storage.remove(entry.uri)
    for one in made:
        place = storage.join(scripts.uri, f"{one.article.name}.json")
        sources.write_changed(place, assembly.script_json(assembly.without_text(one)))


def _held(arguments: Mapping[str, Any], result: str) -> bool:
    keys = (key for one in _sounds(arguments["sounds"]).values() for key in one.keys)
    return synthesis.holds(result, keys)


@stage("synthesise", outputs={"sounds": "work/sounds"}, holds=_held)
def synthesise(
    scripts: Dataset,
    voices: str,
    language: str,
    lexicons: Lexicons,
    cache: Operational[str],
    requests: Operational[int],
    max_rejected: float,
    sounds: Dataset,
) -> str:
    """Have every passage spoken that is not in the cache of sounds; returns the cache's place."""
    place = storage.absolute(cache) if cache else context().place("work/cache")
    if place is None:
        raise ValueError("cache= is empty: on a cluster name the s3:// folder that keeps sounds between runs")
    listed = _scripts(scripts)
    speaker = Speaker(voices_of(voices), lexicons, place)
    wanted, rejects = {}, []
    for one in listed:
        try:
            wanted[one.article.name] = assembly.asked(speaker, one)
        except VoiceMissingError as error:
            rejects.append(
                Reject(one.article.name, "synthesise", str(error), "name a voice for it in voices")
            )
    every = [asked for passages in wanted.values() for asked in passages]
    progress.report("synthesise", 0, len(every))
    count, refused = speak_all(
        speaker, every, requests, lambda done, total: progress.report("synthesise", done, total)
    )
    found = {}
    for one in listed:
        passages = wanted.get(one.article.name)
        if passages is None:
            continue
        wrong = [asked for asked in passages if asked.key in refused]
        if wrong:
            text = wrong[0].passage.text
            reason = f"{refused[wrong[0].key]} (in {text[:60]!r})"
            rejects.append(Reject(one.article.name, "synthesise", reason))
        else:
            rate = speaker.rate(one.language)
            found[one.article.name] = {"rate": rate, "keys": [asked.key for asked in passages]}
    sources.write_changed(storage.join(sounds.uri, "sounds.json"), found)
    data = json.dumps(dataclasses.asdict(count)).encode()
    storage.write_bytes(storage.join(sounds.uri, "count.json"), data)
    _set_aside(rejects, len(listed) or 1, max_rejected, sounds)  # none: all are withdrawn
    return place


@stage("assemble", outputs={"versions": "work/versions"})
def assemble_versions(
    scripts: Dataset,
    sounds: Dataset,
    sounds_at: str,
    formats: str,
    title: str,
    address: str,
    language: str,
    author: str,
    email: str,
    cover: Content,
    max_rejected: float,
    versions: Dataset,
) -> None:
    """Join the sounds of each article; write its audio files, marks, transcript, page and book.

    An article whose marks do not fit its sounds is set aside: its version before stays published.
    """
    site = site_of(title, address, language, author, email)
    picture = storage.read_bytes(cover) if cover else None
    code = function_digest(assembly.assemble, ())
    keys = _sounds(sounds)
    listed = [one for one in _scripts(scripts) if one.article.name in keys]
    rejects = []
    with tempfile.TemporaryDirectory() as scratch:
        remote = storage.is_remote(versions.uri)
        folder = Path(scratch) if remote else Path(versions.uri)
        for path in folder.glob("*"):
            if path.name not in keys:
                storage.remove(str(path))
        folder.mkdir(parents=True, exist_ok=True)
        for number, one in enumerate(listed, 1):
            at = folder / one.article.name
            kinds = formats_of(formats)
            try:
                assembly.assemble(one, keys[one.article.name], sounds_at, site, kinds, picture, at, code)
            except MarksError as error:
                rejects.append(Reject(one.article.name, "assemble", str(error)))
            progress.report("assemble", number, len(listed), note=one.article.name)
        if remote:
            storage.upload(folder, versions.uri)
    _set_aside(rejects, len(listed) or 1, max_rejected, versions)


@stage(
    "publish",
    outputs={"site": "site", "changes": "work/changes"},
    acts=lambda arguments: bool(arguments["publish"]),
)
def publish_site(
    texts: Dataset,
    versions: Dataset,
    publish: str,
    title: str,
    address: str,
    language: str,
    author: str,
    email: str,
    cover: Content,
    site: Dataset,
    changes: Dataset,
) -> None:
    """Publish what is new or changed, and take down what is retracted or not there any more."""
    about = site_of(title, address, language, author, email)
    target = publishing.Publisher(
        storage.absolute(publish) if publish else site.uri,
        about,
        storage.read_bytes(cover) if cover else None,
    )
    found, complete = sources.read_list(texts.uri)
    with tempfile.TemporaryDirectory() as scratch:
        made = _made(versions, Path(scratch))
        names = {one.record.name for one in made}
        retracted = {one.name for one in found if one.retracted}
        missing = set(target.articles()) - {one.name for one in found} - names
        # What could not be read is not withdrawn: then nothing that is missing is.
        certain = complete and not read_rejects(storage.join(texts.uri, "rejects.csv"))
        done = target.publish(made, retracted | (missing if certain else set()))
        done.missing = [] if certain else sorted(missing)
    data = json.dumps(dataclasses.asdict(done), indent=1).encode()
    storage.write_bytes(storage.join(changes.uri, "changes.json"), data)


@stage("report", outputs={"report": "report.html", "metrics": "work/metrics/narration.json"})
def write_report(
    texts: Dataset,
    scripts: Dataset,
    sounds: Dataset,
    versions: Dataset,
    changes: Dataset,
    report: HTML,
    metrics: Metrics,
) -> None:
    """Write the report of the run, one self-contained page."""
    from brume.narration.pipeline.report import Input, build

    found, _ = sources.read_list(texts.uri)
    count = Count(**json.loads(storage.read_bytes(storage.join(sounds.uri, "count.json"))))
    rejects = [
        reject
        for one in (texts, sounds, versions)
        for reject in read_rejects(storage.join(one.uri, "rejects.csv"))
    ]
    place = context().place("rejects.csv")
    if place:
        write_rejects(rejects, place, item="article")
    records = [
        published(json.loads(storage.read_bytes(entry.uri)))
        for entry in storage.list_files(versions.uri)
        if storage.name_of(entry.uri) == assembly.RECORD
    ]
    metrics.metadata.update(
        {
            "articles": len(records),
            "seconds": round(sum(one.seconds for one in records), 1),
            "characters_synthesised": count.characters,
            "passages_synthesised": count.made,
            "passages_kept": count.kept,
        }
    )
    html = build(
        Input(
            articles=found,
            published=records,
            characters={one.article.name: one.characters for one in _scripts(scripts)},
            count=count,
            changes=json.loads(storage.read_bytes(storage.join(changes.uri, "changes.json"))),
            rejects=rejects,
            **context().about(),
        )
    )
    storage.write_bytes(report.uri, html.encode())


def _set_aside(rejects: Sequence[Reject], total: int, limit: float, folder: Dataset) -> None:
    """Write the table of rejects. Raises `TooManyRejectsError` for more than the share `limit` of `total`."""
    where = keep_rejects(rejects, folder.uri, context().place("rejects.csv"), item="article")
    check_share(rejects, total, limit, of="articles", parameter="max_rejected", where=where)


def _scripts(folder: Dataset) -> list[assembly.Script]:
    return [
        assembly.script_from(json.loads(storage.read_bytes(entry.uri)))
        for entry in storage.list_files(folder.uri)
    ]


def _sounds(folder: Dataset) -> dict[str, assembly.Sounds]:
    found = json.loads(storage.read_bytes(storage.join(folder.uri, "sounds.json")))
    return {name: assembly.Sounds(one["rate"], tuple(one["keys"])) for name, one in found.items()}


def _made(versions: Dataset, scratch: Path) -> list[publishing.Made]:
    """Return the versions that were assembled, in local folders."""
    found = []
    for entry in storage.list_files(versions.uri):
        if storage.name_of(entry.uri) == assembly.RECORD:
            record = published(json.loads(storage.read_bytes(entry.uri)))
            folder = Path(storage.join(versions.uri, record.name))
            if storage.is_remote(versions.uri):
                folder = scratch / record.name
                for file in storage.list_files(storage.join(versions.uri, record.name)):
                    below = file.uri.removeprefix(storage.join(versions.uri, record.name) + "/")
                    (folder / below).parent.mkdir(parents=True, exist_ok=True)
                    (folder / below).write_bytes(storage.read_bytes(file.uri))
            found.append(publishing.Made(record, folder))
    return found
