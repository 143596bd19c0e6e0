"""The headline numbers of the dashboard."""

from __future__ import annotations

from dataclasses import dataclass

from brume.labels.pipeline.dashboard.evaluate import Drill, Measure
from brume.labels.pipeline.dashboard.shared_measures import AGREEMENT, ANSWERS, PACES, PER_HOUR, TIME, total


@dataclass(frozen=True)
class Part:
    """One figure of a headline: its cube and measure; `text` has {} in the figure's place."""

    cube: str
    measure: Measure
    text: str = "{}"


@dataclass(frozen=True)
class Headline:
    """A headline number, the remarks under it, and what it leads to: what is behind it, or a section."""

    name: str
    title: str
    main: Part
    details: tuple[Part, ...] = ()
    drill: Drill = ""
    section: str = ""


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
    confirmed = Measure(
        "confirmed", "Confirmed", "ratio", "confirmed", "share", "audited", where={"of": "class"}
    )
    return (
        Headline("jobs", "Jobs", Part("jobs", many), tuple(jobs(*state) for state in states), "jobs"),
        Headline(
            "items",
            "Items labelled",
            items("labelled"),
            (items("failed", "{} failed"), items("expired", "{} expired")),
            "tasks",
        ),
        Headline("open", "Items open", items("missing"), drill="tasks"),
        Headline("frames", "Frames", Part("tasks", total("frames", "Frames")), drill="tasks"),
        Headline("labels", "Labels", Part("tasks", total("labels", "Labels")), drill="tasks"),
        Headline(
            "answers",
            "Answers",
            Part("answers", ANSWERS),
            tuple(pace(kind) for kind in PACES[:3]),
            "answers",
        ),
        Headline(
            "workers",
            "Workers",
            Part("answers", Measure("workers", "Workers", "distinct", "worker")),
            section="people",
        ),
        Headline(
            "hours",
            "Time worked",
            Part("answers", TIME),
            (
                Part(
                    "answers", Measure("median", "", "median", "middle", "seconds"), "{} an answer (median)"
                ),
                Part("answers", PER_HOUR, "{} labels an hour"),
            ),
            "answers",
        ),
        Headline(
            "agreement",
            "Agreement",
            Part("answers", AGREEMENT),
            (Part("answers", total("compared", "Compared"), "{} answers compared"),),
            section="quality",
        ),
        Headline(
            "rejects",
            "Rejected labels",
            Part("answers", total("rejects", "Rejects")),
            (Part("audit", confirmed, "the second level confirmed {}"),),
            section="quality",
        ),
        Headline("findings", "Findings", Part("findings", many), section="look"),
        Headline(
            "input",
            "Unreadable input",
            Part("rejects", many),
            (Part("drift", many, "times that records changed their fields: {}"),),
            section="input",
        ),
    )
