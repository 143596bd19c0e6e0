"""The small pieces that decide, count and push: each promise over many orders of events."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from brume_edge.breaker import Breaker
from brume_edge.cameras import CameraError
from brume_edge.part import Answer, Decision, Part
from brume_edge.pins import Beam, Debouncer, Pusher
from brume_edge.scheduler import Scheduler
from brume_edge.settings import Beam as BeamSettings
from brume_edge.settings import Pusher as PusherSettings
from brume_edge.watch import WatchedCamera
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.edge.conveyor import BEAM, PUSHER
from tests.polling import until

BEAM_SETTINGS = BeamSettings(pin=BEAM, broken="low", debounce_ms=10.0, blocked_alarm_s=30.0)
PUSHER_SETTINGS = PusherSettings(pin=PUSHER, on="high", delay_ms=100, pulse_ms=30.0, tolerance_ms=20.0)

swings = st.lists(st.floats(0.0001, 0.004), max_size=6)


@settings(deadline=None)
@given(st.lists(st.tuples(swings, st.floats(0.02, 0.2), swings, st.floats(0.011, 0.2)), max_size=20))
def test_bursts_of_bounces_at_both_ends_of_a_part_count_once(
    parts: list[tuple[list[float], float, list[float], float]],
) -> None:
    debouncer = Debouncer(0.01, broken=False)
    now, counted = 100.0, []
    for opening, length, closing, gap in parts:
        begins = now
        for pauses, ends_broken in ((opening, True), (closing, False)):
            state = ends_broken
            counted += [now] if debouncer.edge(state, now) else []
            for pause in [swing for swing in pauses for _ in (0, 1)]:  # there and back
                now += pause
                state = not state
                counted += [now] if debouncer.edge(state, now) else []
            now += length if ends_broken else gap
        assert begins in counted, "the first edge is the part's time"
    assert len(counted) == len(parts)


def test_a_beam_that_is_blocked_at_the_start_is_no_part(pins: None) -> None:
    from gpiozero import Device

    parts: list[float] = []
    pin = Device.pin_factory.pin(BEAM)
    pin.pull = "up"
    pin.drive_low()
    original = pin._set_pull
    pin._set_pull = lambda value: None  # a receiver that holds the line low is stronger than the pull-up
    beam = Beam(BEAM_SETTINGS, parts.append)
    pin._set_pull = original
    assert beam.blocked_for() > 0
    pin.drive_high()
    time.sleep(0.02)
    assert not parts
    assert beam.blocked_for() == 0
    pin.drive_low()
    assert len(parts) == 1
    beam.close()


def test_a_thread_that_loses_the_processor_between_two_clocks_makes_no_part(
    pins: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver's clock is read after this process's, which a busy device may do 20 ms later."""
    from gpiozero import Device

    clock = Device.pin_factory
    pauses: list[float] = []

    def ticks() -> float:
        if pauses:
            time.sleep(pauses.pop())
        return time.monotonic()

    monkeypatch.setattr(clock, "ticks", ticks)
    parts: list[float] = []
    pin = clock.pin(BEAM)
    beam = Beam(BEAM_SETTINGS, parts.append)
    pin._last_change = pin.stamp = time.monotonic()
    pin.drive_low()
    pauses.append(0.02)
    for seconds, swing in ((0.001, pin.drive_high), (0.001, pin.drive_low), (0.001, pin.drive_high)):
        pin.stamp += seconds
        swing()
    assert len(parts) == 1
    assert beam.bounces == 1
    beam.close()


def test_a_push_that_would_come_too_late_is_left_out(pins: None) -> None:
    from gpiozero import Device

    pusher = Pusher(PUSHER_SETTINGS)
    outcomes: list[str] = []
    pusher.push(time.monotonic() - 0.021, outcomes.append)
    until(lambda: bool(outcomes))
    assert outcomes == ["late"]
    assert not vars(Device.pin_factory.pin(PUSHER)).get("noted")
    pusher.close()


def test_two_pushes_in_a_row_are_two_pulses_and_the_pin_ends_low(pins: None) -> None:
    from gpiozero import Device

    pusher = Pusher(PUSHER_SETTINGS)
    outcomes: list[str] = []
    start = time.monotonic() + 0.05
    pusher.push(start, outcomes.append)
    pusher.push(start + 0.3, outcomes.append)
    pin = Device.pin_factory.pin(PUSHER)
    until(
        lambda: (
            len(outcomes) == 2
            and len(vars(pin).get("noted", [])) >= 2 * (len(outcomes) - outcomes.count("late"))
        )
    )
    assert [on for _, on in vars(pin)["noted"]] == [True, False] * (2 - outcomes.count("late"))
    pusher.close()
    assert not pin.state


def test_a_pin_that_fails_is_reported_and_does_not_end_the_pusher(pins: None) -> None:
    pusher = Pusher(PUSHER_SETTINGS)
    outcomes: list[str] = []

    def broken() -> None:
        raise OSError("no such line")

    pusher._device.on = broken
    pusher.push(time.monotonic(), outcomes.append)
    until(lambda: bool(outcomes))
    assert outcomes[0] in ("failed", "late")
    assert pusher.alive()
    pusher.close()


@settings(deadline=None)
@given(
    st.permutations(["service", "no service", "bundle", "no bundle", "deadline"]),
    st.booleans(),
    st.booleans(),
)
def test_whatever_the_order_a_part_is_decided_once_by_the_best_answer_in_time(
    order: list[str], service: bool, bundle: bool
) -> None:
    settled: list[Decision] = []
    part = Part(1, "token", 0.0, True, lambda part, decision: settled.append(decision))
    done: list[str] = []
    for event in order:
        if event in ("service", "no service") and (event == "service") == service:
            part.service_answered(Answer(False, 0.9)) if service else part.unanswered("service", "away")
            done.append("service")
        elif event in ("bundle", "no bundle") and (event == "bundle") == bundle:
            part.bundle_answered(Answer(False, 0.8)) if bundle else part.unanswered("bundle", "none")
            done.append("bundle")
        elif event == "deadline":
            part.expire()
            done.append("deadline")
    [decision] = settled
    in_time = done[: done.index("deadline")]
    if service and "service" in in_time:
        assert (decision.source, decision.reject) == ("service", False)
    elif bundle and "bundle" in in_time:
        assert (decision.source, decision.reject) == ("bundle", False)
    else:
        assert (decision.source, decision.reject) == ("policy", True)
        assert decision.late == (in_time != ["service", "bundle"] and in_time != ["bundle", "service"])


@pytest.mark.parametrize("bundle_first", [True, False])
def test_a_part_is_complete_once_even_after_the_decision(bundle_first: bool) -> None:
    part = Part(1, "token", 0.0, True, lambda part, decision: None)
    part.expire()
    answers = [
        lambda: part.bundle_answered(Answer(True, 0.9)),
        lambda: part.service_answered(Answer(False, 0.9)),  # too late to decide, but not to be recorded
    ]
    for answer in answers if bundle_first else reversed(answers):
        assert not part.complete()
        answer()
    assert (part.local, part.remote) == (Answer(True, 0.9), Answer(False, 0.9))
    assert [part.complete(), part.complete()] == [True, False]


@settings(deadline=None)
@given(st.lists(st.sampled_from(["failed", "succeeded", "probe"])))
def test_the_breaker_opens_after_failures_in_a_row_and_only_a_probe_closes_it(events: list[str]) -> None:
    changes: list[bool] = []
    breaker = Breaker(3, changes.append)
    in_a_row, is_open = 0, False
    for event in events:
        if event == "failed":
            breaker.failed()
            in_a_row += 1
            is_open = is_open or in_a_row >= 3
        else:
            breaker.succeeded(probe=event == "probe")
            if event == "probe" or not is_open:
                in_a_row, is_open = 0, False
        assert breaker.open == is_open
    assert changes == [index % 2 == 0 for index in range(len(changes))]


def test_what_a_planned_action_raises_does_not_stop_the_others() -> None:
    done: list[str] = []
    timetable = Scheduler("test")
    now = time.monotonic()
    timetable.at(now + 0.02, lambda: done.append("second"))
    timetable.at(now, lambda: 1 / 0)  # type: ignore[arg-type, return-value]
    timetable.at(now + 0.01, lambda: done.append("first"))
    until(lambda: len(done) == 2)
    assert done == ["first", "second"]
    timetable.close()
    assert not timetable.alive()


class Stubborn:
    """A double of a camera whose driver hangs at the first picture of the first opening."""

    def __init__(self) -> None:
        import threading

        self.openings = 0
        self.release = threading.Event()

    def open(self) -> Stubborn:
        self.openings += 1
        if self.openings == 2:
            raise CameraError("busy")
        return self

    def capture(self) -> bytes:
        if self.openings == 1:
            self.release.wait(60)
        return b"picture"

    def close(self) -> None:
        raise RuntimeError("the driver is confused")


def test_a_camera_that_hangs_is_left_behind_and_opened_again(caplog: pytest.LogCaptureFixture) -> None:
    driver, alarms = Stubborn(), []
    camera = WatchedCamera(driver.open, timeout=0.2, retry=0.05, alarm=alarms.append)
    assert camera.ready(5)
    with pytest.raises(CameraError, match="too late"):
        camera.capture(time.monotonic() + 0.05)
    until(lambda: driver.openings == 3 and camera.ready(0.01))
    assert camera.capture(time.monotonic() + 60) == b"picture"
    late, hangs, busy, over = alarms
    assert "longer than the part was in view" in late
    assert "hangs" in hangs
    assert (busy, over) == ("busy", "")
    driver.release.set()
    camera.close()


def test_a_folder_is_replayed_in_order(tmp_path: Path) -> None:
    from brume_edge.cameras import FolderCamera
    from brume_edge.settings import Camera

    config = Camera(kind="folder", folder=tmp_path)
    with pytest.raises(CameraError, match="no picture"):
        FolderCamera(config)
    for name in ("b.jpg", "a.png", "notes.txt"):
        (tmp_path / name).write_bytes(name.encode())
    camera = FolderCamera(config)
    assert [camera.capture() for _ in range(3)] == [b"a.png", b"b.jpg", b"a.png"]
    (tmp_path / "b.jpg").unlink()
    with pytest.raises(CameraError, match=r"b\.jpg"):
        camera.capture()
