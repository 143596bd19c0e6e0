"""The headline numbers of the dashboard."""

from __future__ import annotations

from dataclasses import dataclass

from components.labels.dashboard.evaluate import Measure
from components.labels.dashboard.figures import AGREEMENT, ANSWERS, PACES, PER_HOUR, TIME, total


@dataclass(frozen=True)
class Part:
    """One figure of a headline: its cube and measure; `text` has {} in the figure's place."""

    cube: str
    measure: Measure
    text: str = "{}"


@dataclass(frozen=True)
class Headline:
    """A headline number and the remarks under it."""

    name: str
    title: str
    main: Part
    details: tuple[Part, ...] = ()


def headlines() -> tuple[Headline, ...]:
    """Return all of them."""

    def jobs(status: str, words: str) -> Part:
        return Part("jobs", Measure(status, status, "count", where={"status": status}), f"{{}} {words}")

    def items(state: str, words: str = "{}") -> Part:
        return Part("tasks", total(state, state, "items", where={"state": state}), words)

    def pace(kind: str) -> Part:
        return Part("answers", total(kind, kind, "n", where={"pace": kind}), f"{{}} {kind}")

    states = (
        ("InProgress", "in progress"),
        ("Incomplete", "incomplete"),
        ("Stopped", "stopped"),
        ("Failed", "failed"),
    )
    many = Measure("many", "", "count")
    return (
        Headline("jobs", "Jobs", Part("jobs", many), tuple(jobs(*state) for state in states)),
        Headline("items", "Items labelled", items("labelled")),
        Headline(
            "open",
            "Items open",
            items("missing"),
            (items("failed", "{} failed"), items("expired", "{} expired")),
        ),
        Headline("frames", "Frames", Part("tasks", total("frames", "Frames"))),
        Headline("labels", "Labels", Part("tasks", total("labels", "Labels"))),
        Headline("answers", "Answers", Part("answers", ANSWERS), tuple(pace(kind) for kind in PACES[:3])),
        Headline(
            "workers",
            "Workers",
            Part("answers", Measure("workers", "Workers", "distinct", "worker")),
        ),
        Headline(
            "hours",
            "Time worked",
            Part("answers", TIME),
            (Part("answers", Measure("median", "", "median", "middle", "seconds"), "{} an answer (median)"),),
        ),
        Headline("per_hour", "Labels an hour", Part("answers", PER_HOUR)),
        Headline("rejects", "Rejected labels", Part("answers", total("rejects", "Rejects"))),
        Headline(
            "findings",
            "Findings",
            Part("findings", many),
            (Part("answers", AGREEMENT, "answers of one item agree to {}"),),
        ),
        Headline(
            "input",
            "Unreadable input",
            Part("rejects", many),
            (Part("drift", many, "{} changes of records"),),
        ),
    )
