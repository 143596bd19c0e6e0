"""Sudden ends and full disks: nothing is lost, and the line continues."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.edge.conveyor import Conveyor, faulty, write_config
from tests.edge.scenario import check_pushes, drained, line, passed, rows
from tests.edge.site import Inspector, Site
from tests.polling import until

ROOT = Path(__file__).resolve().parents[2]


def events(log: Path) -> list[list[str]]:
    # The last line may be cut by the kill.
    return [text.split() for text in log.read_text().split("\n")[:-1]] if log.exists() else []


@contextmanager
def process(config: Path, log: Path, parts: int) -> Iterator[subprocess.Popen[bytes]]:
    environment = dict(os.environ, PYTHONPATH=f"{ROOT / 'edge'}:{ROOT}", OMP_NUM_THREADS="1")
    words = [sys.executable, "-m", "tests.edge.killed", str(config), str(log), str(parts), "30", "260"]
    run = subprocess.Popen(words, env=environment, cwd=ROOT)
    try:
        yield run
    finally:
        run.kill()
        run.wait()


@pytest.mark.usefixtures("keys")
def test_killed_in_the_middle_and_started_again(tmp_path: Path, bundle: Path) -> None:
    inspector = Inspector()
    inspector.seconds = 0.05
    with Site(inspector) as site:
        config = write_config(tmp_path, site.url, bundle, spacing=30)
        first, second = tmp_path / "first.log", tmp_path / "second.log"
        with process(config, first, 1000) as run:
            until(lambda: sum(event[0] == "noted" for event in events(first)) >= 25 or run.poll() is not None)
            inspector.seconds = 60.0
            until(lambda: sum(event[0] == "noted" for event in events(first)) >= 30 or run.poll() is not None)
            run.send_signal(signal.SIGKILL)
            run.wait()
        left = rows(tmp_path)
        noted = {int(event[1]) for event in events(first) if event[0] == "noted"}
        assert noted <= set(left), "a part that was stored is lost"
        decided = {number: row["decision"] for number, row in left.items() if row["decision"]}
        delivered = {number for number, row in left.items() if row["delivered_at"]}
        assert len(delivered) < len(left)
        inspector.hurry.set()
        with process(config, second, 15) as run:
            assert run.wait(60) == 0
    recorded = rows(tmp_path)
    start = int(next(event[1] for event in events(second) if event[0] == "first"))
    assert start == max(left) + 1
    assert list(recorded) == list(range(1, start + 15))
    for number, row in recorded.items():
        assert row["decision"] == decided.get(number, row["decision"]), "decided twice"
        if number < start and number not in decided:
            assert (row["decision"], row["source"]) == ("missed", "restart")
        assert row["push"] != "planned"
        if row["delivered_at"]:
            assert inspector.inspected[number] >= 1
            assert bool(row["service_anomalous"]) == faulty(number)
    assert all(recorded[number]["delivered_at"] for number in delivered)
    assert {number for number, row in recorded.items() if row["delivered_at"]} >= set(
        decided
    ) - without_picture(recorded)
    # Each push, whichever process made it, hit a rejected part, and no part was hit twice.
    hits: Counter[int] = Counter()
    stray = 0
    for log in (first, second):
        breaks = {
            int(event[1]): (float(event[2]), float(event[3])) for event in events(log) if event[0] == "broke"
        }
        for when in [float(event[1]) for event in events(log) if event[0] == "push"]:
            parts = [n for n, (at, to) in breaks.items() if at + 0.245 <= when <= to + 0.275 + 0.015]
            hit = [number for number in parts if recorded[number]["decision"] != "pass" and not hits[number]]
            if hit:
                hits[hit[0]] += 1
            else:
                stray += 1
    assert stray <= sum(row["push"] == "astray" for row in recorded.values())
    for number in range(start, start + 15):
        assert hits[number] == (recorded[number]["push"] == "done") or recorded[number]["push"] == "astray"


def without_picture(recorded: dict) -> set[int]:
    return {number for number, row in recorded.items() if "too late" in (row["reason"] or "")}


@contextmanager
def small_disk(folder: Path) -> Iterator[Callable[[str], None]]:
    """Mount a small disk at `folder`; yields a function that changes its size."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk needs the rights for it")
    try:
        yield (
            lambda size: (
                subprocess.run(["mount", "-o", f"remount,size={size}", str(folder)], check=True) and None
            )
        )
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.usefixtures("keys", "pins")
@pytest.mark.parametrize("how", ["disk", "pages"])
def test_a_full_disk_is_an_alarm_and_the_line_continues(tmp_path: Path, bundle: Path, how: str) -> None:
    from gpiozero import Device

    inspector = Inspector()
    site = Site(inspector)
    config = write_config(tmp_path, site.url, bundle, spacing=30)
    conveyor = Conveyor(Device.pin_factory, 0.03, 0.26, padding=100_000)
    data = tmp_path / "data"
    with small_disk(data) if how == "disk" else contextmanager(lambda: iter([None]))() as resize:
        (data / "keep").mkdir(parents=True)
        for name in ("a", "b"):
            (data / "keep" / f"{name}.jpg").write_bytes(b"\0" * 50_000)
            (data / "keep" / f"{name}.json").write_text('{"anomaly-label-metadata": {"confidence": 0.5}}\n')
        with line(config, conveyor) as app:
            if resize is None:
                app.store.submit(lambda base: base.execute("PRAGMA max_page_count=150").fetchall()).result()
            conveyor.run(1, 25)
            passed(app)
            assert "full" in app.alarms.raised()["disk"]
            assert not list((data / "keep").iterdir()), "the pictures kept for training were to go first"
            value = app.metrics.registry.get_sample_value
            count = sum(
                value("brume_edge_decisions_total", {"decision": decision, "source": source}) or 0
                for decision in ("pass", "reject")
                for source in ("bundle", "policy")
            )
            assert count == 25
            lost = value("brume_edge_unrecorded_total", {"what": "decision"}) or 0
            recorded = rows(tmp_path)
            assert len(recorded) >= 25 - lost
            if resize is not None:
                resize("50m")
            else:
                app.store.submit(
                    lambda base: base.execute("PRAGMA max_page_count=100000").fetchall()
                ).result()
            conveyor.run(26, 30)
            site.up()
            drained(app)
            app.line.disk_failed_at = time.monotonic() - 60
            app.check_resources()
            assert "disk" not in app.alarms.raised()
        site.down()
        recorded = rows(tmp_path)
        pushed = [conveyor.before_pusher(when) for when in conveyor.pushes()]
    assert set(range(26, 31)) <= set(recorded)
    assert all(
        recorded[number]["delivered_at"]
        for number in range(26, 31)
        if "too late" not in (recorded[number]["reason"] or "")
    )
    assert inspector.inspected
    if len(recorded) == 30 and not lost:
        check_pushes(recorded, pushed)


@pytest.mark.usefixtures("keys", "pins")
def test_a_disk_below_its_reserve_takes_no_pictures_but_notes_every_part(
    tmp_path: Path, bundle: Path
) -> None:
    from gpiozero import Device

    conveyor = Conveyor(Device.pin_factory, 0.03, 0.26)
    with line(
        write_config(tmp_path, "http://127.0.0.1:9", bundle, spacing=30, reserve=10_000_000), conveyor
    ) as app:
        app.check_resources()
        conveyor.run(1, 5)
        passed(app)
        assert "are not queued" in app.alarms.raised()["disk"]
        assert app.store.queued == 0
    assert [row["decision"] is not None for row in rows(tmp_path).values()] == [True] * 5
