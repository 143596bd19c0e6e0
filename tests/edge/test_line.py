"""Whole runs of the application, past mock pins and over real HTTP with verified signatures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from brume.inspection.model import manifest
from tests.edge.conveyor import Conveyor, faulty, write_config
from tests.edge.scenario import MODES, Account, check, check_pushes, drained, line, passed, play, rows
from tests.edge.site import Inspector, Site
from tests.polling import until

PARTS, LONG = 25, "400"
ROOT = Path(__file__).resolve().parents[2]


def behaved(mode: str, account: Account, parts: int) -> None:
    check(account, parts)
    if mode == "fast":
        assert account.counts["by_service"] > 0
    if mode == "away for the whole run":
        assert account.counts["by_service"] == 0
        assert account.counts["by_bundle"] > 0
    if mode == "fast" and not account.opened:
        assert set(account.inspected.values()) == {1}, (
            "the service gets a picture that it inspected only once"
        )
    if mode in ("slow", "away", "away for the whole run"):
        assert account.opened
        assert account.closed, "the drainer's success closes the breaker"


@pytest.mark.usefixtures("keys", "pins")
@pytest.mark.parametrize("mode", MODES)
def test_every_part_is_accounted_for(mode: str, tmp_path: Path, bundle: Path) -> None:
    behaved(mode, play(mode, tmp_path, bundle, PARTS, 30), PARTS)


@pytest.mark.usefixtures("keys", "bundle")
@pytest.mark.long
def test_hundreds_of_parts_at_ten_a_second(tmp_path: Path, bundle: Path) -> None:
    environment = dict(os.environ, PYTHONPATH=f"{ROOT / 'edge'}:{ROOT}", OMP_NUM_THREADS="1")
    runs = {}
    for mode in MODES:
        folder = tmp_path / mode.replace(" ", "-")
        folder.mkdir()
        words = [sys.executable, "-m", "tests.edge.scenario", mode, str(folder), str(bundle), LONG, "100"]
        with (folder / "log").open("w") as log:
            runs[mode] = subprocess.Popen(
                words, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True
            )
    outputs = {}
    try:
        for mode, run in runs.items():
            outputs[mode], _ = run.communicate(timeout=500)
    finally:
        for run in runs.values():
            run.kill()
            run.wait()
    for mode, text in outputs.items():
        assert runs[mode].returncode == 0, (tmp_path / mode.replace(" ", "-") / "log").read_text()
        account = Account(**json.loads(text))
        account.rows = {int(number): row for number, row in account.rows.items()}
        account.inspected = {int(number): count for number, count in account.inspected.items()}
        print(mode, account.counts, account.opened)
        behaved(mode, account, int(LONG))


@pytest.mark.usefixtures("keys", "pins")
def test_without_bundle_and_answer_the_policy_decides_and_late_parts_are_counted(tmp_path: Path) -> None:
    account = play("slow", tmp_path, "", 12, 30)  # type: ignore[arg-type]
    check(account, 12)
    assert account.counts["late"] >= 1
    assert account.counts["by_bundle"] == 0


@pytest.mark.usefixtures("keys", "pins")
def test_what_is_doubtful_is_kept_with_a_manifest_line(tmp_path: Path, bundle: Path) -> None:
    from gpiozero import Device

    inspector = Inspector()
    inspector.wrong = {3}
    inspector.refusing = {5}
    conveyor = Conveyor(Device.pin_factory, 0.24, 2.7)
    config = {"spacing": 240, "delay": 2700}
    with Site(inspector) as site, line(write_config(tmp_path, site.url, bundle, **config), conveyor) as app:
        conveyor.run(1, 8)
        passed(app)
        inspector.confidence = 0.6
        conveyor.run(9, 10)
        drained(app)
        counts = app.store.counts()
        disagreements = app.metrics.registry.get_sample_value("brume_edge_disagreements_total")
    assert counts["disagreements"] == disagreements == 1
    assert counts["refused"] == 1
    assert counts["delivered"] == 9
    recorded = rows(tmp_path)
    assert "not a picture of a part" in recorded[5]["refused"]
    assert recorded[5]["source"] == "bundle"
    lines = b"".join(path.read_bytes() for path in sorted((tmp_path / "data" / "keep").glob("*.json")))
    kept = {line.source_ref: line for line in manifest.parse(lines)}
    assert [int(ref.split("-")[-2]) for ref in kept] == [3, 9, 10]
    for ref, entry in kept.items():
        assert Path(ref.removeprefix("file://")).is_file()
        number = int(ref.split("-")[-2])
        assert entry.anomalous == (faulty(number) != (number == 3))


@pytest.mark.usefixtures("keys", "pins")
def test_a_dead_camera_is_an_alarm_and_parts_go_by_policy_until_it_is_back(
    tmp_path: Path, bundle: Path
) -> None:
    from gpiozero import Device

    conveyor = Conveyor(Device.pin_factory, 0.03, 0.26)
    dead = {"camera": False}
    conveyor.dead = lambda number: dead["camera"]
    with (
        Site(Inspector()) as site,
        line(write_config(tmp_path, site.url, bundle, spacing=30), conveyor) as app,
    ):
        conveyor.run(1, 5)
        passed(app)
        dead["camera"] = True
        conveyor.run(6, 10)
        passed(app)
        assert "unplugged" in app.alarms.raised()["camera"]
        dead["camera"] = False
        until(lambda: app.camera.ready(0.01))
        conveyor.run(11, 15)
        drained(app)
        # A busy machine may be late for a picture, which is an alarm too.
        assert "unplugged" not in app.alarms.raised().get("camera", "")
        pushed = [conveyor.before_pusher(when) for when in conveyor.pushes()]
    recorded = rows(tmp_path)
    assert len(recorded) == 15
    for number in range(6, 11):
        assert (recorded[number]["source"], recorded[number]["decision"]) == ("policy", "reject")
        assert recorded[number]["reason"]
        assert recorded[number]["late"] == 0
    taken = [number for number in (*range(1, 6), *range(11, 16)) if recorded[number]["delivered_at"]]
    assert taken
    assert all(recorded[number]["source"] != "policy" for number in taken)
    check_pushes(recorded, pushed)
