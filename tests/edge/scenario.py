"""Runs parts past the application while the service behaves in one way.

python -m tests.edge.scenario MODE FOLDER BUNDLE PARTS SPACING_MS    (prints the account as JSON)
"""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from brume_edge import database

from tests.edge.conveyor import BeltCamera, Conveyor, faulty, mock_pins, write_config
from tests.edge.site import Inspector, Site
from tests.polling import until

MODES = ("fast", "slow", "failing", "flapping", "away", "away for the whole run")


@dataclass
class Account:
    """What happened: the database's rows by part, what the service got, what the pusher did."""

    rows: dict[int, dict[str, Any]]
    counts: dict[str, int]
    inspected: dict[int, int]
    pushed: list[list[int]]  # for each push, the parts that may have been in front of it
    opened: int  # how often the breaker opened
    closed: bool  # whether it was closed in the end
    late: float  # by the metrics


@contextmanager
def line(config: Path, conveyor: Conveyor) -> Iterator[Any]:
    """Run the application over a conveyor, whose factory of pins is the current one."""
    from brume_edge import app as application
    from brume_edge.config import load

    original = application.open_camera
    application.open_camera = lambda _: BeltCamera(conveyor)
    app = application.App(load(config))
    try:
        app.start()
        yield app
    finally:
        app.stop()
        application.open_camera = original


def passed(app: Any) -> None:
    """Wait until the parts on the line are decided and pushed, and what is known of them is stored."""
    until(lambda: not app.line.busy())
    app.store.submit(lambda base: None).result()


def drained(app: Any) -> None:
    """Wait until besides everything is delivered."""
    passed(app)
    until(lambda: app.store.queued == 0)


def rows(config_folder: Path) -> dict[int, dict[str, Any]]:
    """Return the database's rows by part."""
    with closing(sqlite3.connect(config_folder / "data" / "queue.db")) as base:
        base.row_factory = sqlite3.Row
        return {row["number"]: dict(row) for row in base.execute("SELECT * FROM parts")}


def behave(
    mode: str, inspector: Inspector, site: Site, share: Callable[[], float], over: threading.Event
) -> None:
    """Make the service behave while the parts run; `share` is the fraction of them that have passed."""
    if mode == "slow":
        inspector.seconds = 0.4
    while not over.wait(0.02):
        if mode == "failing":
            inspector.failing = "InternalServerException" if 0.2 < share() < 0.7 else ""
        elif mode == "flapping":
            inspector.failing = "ThrottlingException" if int(share() * 12) % 2 else ""
        elif mode == "away" and 0.25 < share() < 0.6:
            site.down()
            while share() < 0.6 and not over.wait(0.02):
                pass
            site.up()
            return


def play(mode: str, folder: Path, bundle: Path, parts: int, spacing_ms: float, **changes: Any) -> Account:
    """Run `parts` parts in a mode, wait until everything is delivered, and return the account."""
    from gpiozero import Device

    inspector = Inspector()
    site = Site(inspector)
    Device.pin_factory = factory = mock_pins()
    config = write_config(folder, site.url, bundle, spacing=spacing_ms, **changes)
    delay = changes.get("delay", 260) / 1000
    conveyor = Conveyor(factory, spacing_ms / 1000, delay, bounces=2)
    over = threading.Event()
    opened: list[bool] = []
    if mode != "away for the whole run":
        site.up()
    try:
        with line(config, conveyor) as app:
            on_change = app.breaker._changed
            app.breaker._changed = lambda is_open: (opened.append(is_open), on_change(is_open))
            share = lambda: len(conveyor.breaks) / parts  # noqa: E731
            mood = threading.Thread(target=behave, args=(mode, inspector, site, share, over))
            mood.start()
            try:
                conveyor.run(1, parts)
                passed(app)
            finally:
                over.set()
                mood.join()
            if mode == "away for the whole run":
                site.up()
            inspector.failing = ""
            inspector.hurry.set()
            drained(app)
            until(lambda: not app.breaker.open or mode == "fast")
            late = app.metrics.registry.get_sample_value("brume_edge_late_decisions_total")
            closed = not app.breaker.open
    finally:
        site.down()
        pushed = [conveyor.before_pusher(when) for when in conveyor.pushes()]
        factory.reset()
    inspected = dict(inspector.inspected)
    with closing(database.connect(folder / "data" / "queue.db", read_only=True)) as base:
        counts = database.counts(base)
    return Account(rows(folder), counts, inspected, pushed, opened.count(True), closed, late)


def check(account: Account, parts: int) -> None:
    """Assert what holds in every mode: no part is lost, decided or pushed twice, or undelivered."""
    rows, counts = account.rows, account.counts
    assert list(rows) == list(range(1, parts + 1))
    for number, row in rows.items():
        assert row["decision"] in ("pass", "reject"), (number, row)
        if row["source"] == "policy":
            assert row["decision"] == "reject"
        else:
            assert row["decision"] == ("reject" if faulty(number) else "pass"), (number, row)
        if "too late" in (row["reason"] or "") or (row["late"] and row["delivered_at"] is None):
            # This machine was too busy to take the picture in time, or even to begin before the deadline.
            assert row["source"] == "policy" and row["delivered_at"] is None
            assert number not in account.inspected
            continue
        assert row["delivered_at"] is not None, (number, row)
        assert bool(row["service_anomalous"]) == faulty(number), "another part's picture"
        assert account.inspected[number] >= 1
        assert row["bundle_anomalous"] in (None, faulty(number))
    assert counts["parts"] == counts["passed"] + counts["rejected"] == parts
    assert counts["by_service"] + counts["by_bundle"] + counts["by_policy"] == parts
    assert counts["queued"] == counts["undecided"] == counts["missed"] == counts["disagreements"] == 0
    late = [number for number, row in rows.items() if row["late"]]
    assert len(late) == counts["late"] == account.late
    assert all(rows[number]["source"] == "policy" for number in late)
    check_pushes(rows, account.pushed)


def check_pushes(rows: dict[int, dict[str, Any]], pushed: list[list[int]]) -> None:
    """Assert that each push hit the rejected part that it was for, and each such part was pushed once."""
    done = [number for number, row in rows.items() if row["push"] == "done"]
    astray = [number for number, row in rows.items() if row["push"] == "astray"]
    assert all((row["push"] is not None) == (row["decision"] == "reject") for row in rows.values())
    assert len(pushed) == len(done) + len(astray)
    hits: Counter[int] = Counter()
    for parts in pushed:
        mine = [number for number in parts if number in done and not hits[number]]
        if mine:
            hits[mine[0]] += 1
    assert sorted(hits) == done
    assert set(hits.values()) <= {1}


if __name__ == "__main__":
    mode, folder, bundle, count, spacing = sys.argv[1:]
    slow = {"delay": 360, "pulse": 20, "tolerance": 25} if float(spacing) >= 100 else {}
    account = play(mode, Path(folder), Path(bundle), int(count), float(spacing), **slow)
    print(json.dumps(asdict(account)))
