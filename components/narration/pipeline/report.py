"""The report of a narration run: what was made, what was left out, cost by the list price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from brume.narration.model.articles.article import Article
from brume.narration.model.site.about import Published
from brume.narration.pipeline.synthesis import Count
from brume.report.page import Block, Cell, Note, Number, Numbers, Report, Section, Table, render
from brume.report.run_section import duration, run_section
from brume.run.rejects import Reject

# Amazon Polly, neural voices, dollars a million characters (aws.amazon.com/polly/pricing, 2026).
PRICE = 16.0


@dataclass(frozen=True)
class Input:
    """What a report is made of; `characters` are those that are spoken, by article."""

    articles: Sequence[Article]
    published: Sequence[Published]
    characters: Mapping[str, int]
    count: Count
    changes: Mapping[str, Sequence[str]]
    rejects: Sequence[Reject]
    parameters: Mapping[str, object]
    timings: Mapping[str, float]
    versions: Mapping[str, str]
    facts: Sequence[str] = ()


def build(given: Input) -> str:
    """Build the HTML report of a run."""
    seconds = sum(one.seconds for one in given.published)
    sections = [
        Section("Results", _results(given, seconds)),
        Section("Articles", [_articles(given)]),
        Section(
            "Not read aloud",
            [_omissions(given), _rejects(given)],
            lead="What is left out of an article, and by which rule.",
        ),
        run_section(given.parameters, given.timings, given.versions),
    ]
    title = f"{len(given.published)} articles, {duration(seconds)} of audio"
    return render(Report(product="Narration", title=title, facts=given.facts, sections=sections))


def _results(given: Input, seconds: float) -> list[Block]:
    count = given.count
    price = count.characters * PRICE / 1e6
    numbers = [
        Number("Audio", duration(seconds), f"{len(given.published)} articles"),
        Number("Synthesised", f"{count.characters:,} characters", f"{count.made:,} passages"),
        Number("From the cache", f"{count.kept_characters:,} characters", f"{count.kept:,} passages"),
        Number(
            "Amazon Polly's price",
            f"${price:,.4f}",
            f"of what was synthesised, at ${PRICE:g} a million characters",
        ),
    ]
    notes: list[Block] = [
        Note(f"{label}: {', '.join(names)}.")
        for label, names in (
            ("Added", given.changes["added"]),
            ("Replaced", given.changes["replaced"]),
            ("Taken down", given.changes["retracted"]),
            (
                "Not among the articles, and still published, since a feed lists the newest alone or some "
                "articles could not be read",
                given.changes["missing"],
            ),
        )
        if names
    ]
    if given.parameters and not given.parameters.get("address"):
        notes.append(Note("There is no podcast feed: it needs the site's address (address=https://...)."))
    return [Numbers(numbers), *notes]


def _articles(given: Input) -> Table:
    omitted = {article.name: len(article.omissions) for article in given.articles}
    rows: list[list[Cell]] = [
        [
            one.name,
            one.title,
            one.language,
            duration(one.seconds),
            given.characters.get(one.name),
            one.words,
            omitted.get(one.name, 0),
            one.version,
        ]
        for one in sorted(given.published, key=lambda one: one.name)
    ]
    columns = ["Article", "Title", "Language", "Length", "Characters", "Words", "Left out", "Version"]
    return Table("Published", columns, rows, frozenset({3, 4, 5, 6}), empty="No article was published.")


def _omissions(given: Input) -> Table:
    rows: list[list[Cell]] = [
        [article.name, omission.rule, omission.text]
        for article in given.articles
        for omission in article.omissions
    ]
    return Table("Parts of articles", ["Article", "Rule", "Text"], rows, whole="work/texts")


def _rejects(given: Input) -> Table:
    rows: list[list[Cell]] = [[one.item, one.step, one.reason, one.remedy] for one in given.rejects]
    return Table(
        "Set aside",
        ["Article", "Step", "Reason", "Remedy"],
        rows,
        whole="rejects.csv",
        empty="Every article could be used.",
    )
