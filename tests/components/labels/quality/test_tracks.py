from typing import Any

import numpy as np
import pytest

from brume.labels.model.quality.checks import check
from brume.labels.model.quality.faults import Fault
from tests.components.labels.quality.jobs import Job, box, track

WIDTH, HEIGHT = 1280, 720
FRAMES = 40


def drive(row: int, speed: float = 8, start: float = 300, frames: int = FRAMES) -> dict[int, list[float]]:
    """Return the boxes of a car on a lane of its own, well inside the frame."""
    return {frame: [start + speed * frame, 100 + 60.0 * row, 60, 30] for frame in range(frames)}


def faults(cars: dict[str, Any], size: tuple[int, int] | None = (WIDTH, HEIGHT)) -> list[Fault]:
    """Return all faults of the tracks of one sequence; values are boxes by frame, or labels."""
    labels = []
    for name, boxes in cars.items():
        labels += track(name, boxes, **{"class": "Car"}) if isinstance(boxes, dict) else boxes
    return check(Job(labels={0: labels}).sets(), {0: size or (None, None)})


def traffic(**others: Any) -> dict[str, Any]:
    """Return eight ordinary cars and others."""
    return {f"Car:{row}": drive(row, speed=5 + row, start=200) for row in range(8)} | others


def test_ordinary_traffic_has_no_faults() -> None:
    random = np.random.default_rng(0)
    cars: dict[str, Any] = {}
    for number in range(30):
        spot = np.array([random.uniform(50, 1100), random.uniform(50, 600)])
        speed = random.normal(0, 6, 2)
        length = random.uniform(30, 120)
        boxes = {}
        for frame in range(FRAMES):
            left, top = spot + speed * frame + random.normal(0, 1.5, 2)
            if 0 < left < WIDTH - length and 0 < top < HEIGHT - length / 2:
                boxes[frame] = [left, top, length, length / 2]
        if boxes and list(boxes) == list(range(min(boxes), max(boxes) + 1)):
            cars[f"Car:{number}"] = boxes
    assert faults(cars) == []


def test_a_leap_and_its_return_are_one_fault() -> None:
    car = drive(1)
    for frame in (20, 21):
        car[frame][1] += 300
    (found,) = faults(traffic(**{"Car:1": car}))
    assert (found.kind, found.frame_no, found.frame_end) == ("jump", 20, 21)
    assert found.detail.startswith("Car:1 leaps 300 pixels away and is back 2 frames later;")


def test_a_leap_for_good_is_reported_where_it_lands() -> None:
    car = drive(1)
    for frame in range(20, FRAMES):
        car[frame][0] += 250
    (found,) = faults(traffic(**{"Car:1": car}))
    assert (found.kind, found.frame_no, found.frame_end) == ("jump", 20, 20)


def test_a_push_of_the_camera_is_no_leap_of_every_car() -> None:
    cars = traffic()
    for boxes in cars.values():
        for frame in range(20, FRAMES):
            boxes[frame][1] += 90
    assert faults(cars) == []


def test_two_cars_that_trade_places_are_reported_by_each_others_name() -> None:
    one, other = drive(1), drive(6)
    for frame in range(15, FRAMES):
        one[frame], other[frame] = other[frame], one[frame]
    found = faults(traffic(**{"Car:1": one, "Car:6": other}))
    assert [fault.kind for fault in found] == ["jump", "jump"]
    assert "Car:1 takes the place of Car:6 from this frame on" in found[0].detail
    assert "Car:6 takes the place of Car:1 from this frame on" in found[1].detail


def test_a_fast_car_is_no_fault() -> None:
    assert faults(traffic(fast=drive(9, speed=70, start=100, frames=14))) == []


def test_a_gap_in_view_is_reported_and_one_at_the_edge_is_not() -> None:
    car = drive(1)
    gone = {frame: value for frame, value in car.items() if not 10 <= frame < 15}
    (found,) = faults(traffic(**{"Car:1": gone}))
    assert (found.kind, found.frame_no, found.frame_end) == ("vanish", 10, 14)
    assert "not labelled for 5 frames between frames 9 and 15" in found.detail
    leaving = {frame: [1220 if frame < 20 else 4, 200, 60, 30] for frame in (0, 1, 2, 20, 21)}
    assert faults(traffic(leaving={frame: leaving[frame] for frame in (0, 1, 2)})) == []
    edge = {frame: [1224 - (frame % 2), 650, 52, 26] for frame in (*range(10), *range(25, FRAMES))}
    assert [fault.kind for fault in faults(traffic(edge=edge))] == []


def test_a_sequence_labelled_at_every_fifth_frame_has_no_gaps() -> None:
    cars = {
        name: {frame: value for frame, value in boxes.items() if frame % 5 == 0}
        for name, boxes in traffic().items()
    }
    assert faults(cars) == []


def test_gaps_that_follow_one_another_are_one_flicker() -> None:
    car = {frame: value for frame, value in drive(1).items() if frame not in (10, 12, 14, 16)}
    (found,) = faults(traffic(**{"Car:1": car}))
    assert (found.kind, found.score, found.frame_no, found.frame_end) == ("flicker", 4, 10, 16)


def moving(values: dict[int, str]) -> list[Any]:
    return [
        box(*value, frame_no=frame, object_id="Car:1", attributes={"moving": values.get(frame, "yes")})
        for frame, value in drive(1).items()
    ]


def test_a_value_for_a_moment_is_a_likely_error_and_many_are_a_flicker() -> None:
    (found,) = faults({"Car:1": moving(dict.fromkeys((20, 21, 22), "no"))})
    assert (found.kind, found.frame_no, found.frame_end) == ("label error", 20, 22)
    assert found.detail == "Car:1: moving is no for 3 frames and yes in the 37 around"
    (found,) = faults({"Car:1": moving(dict.fromkeys((10, 12, 14, 16), "no"))})
    assert (found.kind, found.frame_no, found.frame_end) == ("flicker", 10, 16)
    assert found.detail == "Car:1: moving changes between yes and no 4 times"


def test_a_value_that_changes_for_good_or_for_long_is_no_fault() -> None:
    assert faults({"Car:1": moving(dict.fromkeys(range(20, FRAMES), "no"))}) == []
    assert faults({"Car:1": moving(dict.fromkeys(range(10, 22), "no"))}) == []


def test_a_number_that_goes_up_and_down_is_no_error() -> None:
    assert faults({"Car:1": moving(dict.fromkeys(range(FRAMES), "1") | {10: "2", 20: "3"})}) == []
    assert faults({"Car:1": moving(dict.fromkeys(range(FRAMES), "1") | {20: "0"})}) != []


def test_boxes_that_cannot_be() -> None:
    none, all_, over = drive(1), drive(2), drive(3)
    none[20][2:] = [0, 0]
    all_[20] = [0, 0, WIDTH, HEIGHT]
    over[20] = [1250, 280, 60, 30]
    found = {
        fault.detail.split(" ")[0]: fault
        for fault in faults(traffic(**{"Car:1": none, "Car:2": all_, "Car:3": over}))
    }
    assert found["Car:1"].detail == "Car:1 is 0 by 0 pixels: a box needs a width and a height"
    assert found["Car:2"].detail == "Car:2 covers the whole frame (1280 by 720 pixels)"
    assert found["Car:3"].kind == "outside"
    assert found["Car:3"].score == pytest.approx(0.5)
    assert found["Car:3"].detail.endswith("30 pixels at the right (the frame is 1280 wide and 720 high)")


@pytest.mark.parametrize("side", [-12.0, float("nan"), None])
def test_numbers_that_are_no_size_are_reported_and_break_nothing(side: float | None) -> None:
    car = drive(1)
    car[20][2] = side  # type: ignore[assignment]
    assert [fault.kind for fault in faults(traffic(**{"Car:1": car}))] == ["size"]


def test_a_car_of_another_size_for_a_moment_and_for_good() -> None:
    swollen, giant = drive(1), drive(2)
    swollen[20] = [400, 120, 180, 90]
    for frame in giant:
        giant[frame] = [100 + frame, 100, 560, 430]
    found = {fault.label: fault.detail for fault in faults(traffic(**{"Car:1": swollen, "Car:2": giant}))}
    details = sorted(detail for detail in found.values() if "times" in detail)
    assert details[0].startswith("Car:1 is 9.0 times as large as in the frames around")
    assert details[1].startswith(
        "Car:2 is 560 by 430 pixels, 134 times as large as the median of the 7 others"
    )


def cut(boxes: dict[int, list[float]], edge: float) -> dict[int, list[float]]:
    return {
        frame: [left, top, min(width, edge - left), height]
        for frame, (left, top, width, height) in boxes.items()
        if edge - left > 8
    }


def test_the_edge_shows_by_the_cars_that_it_cuts() -> None:
    cars = {f"Car:{row}": cut(drive(row, speed=30 + row, start=100), WIDTH) for row in range(6)}
    cars["Car:7"] = drive(8, speed=1)
    cars["Car:7"][20][0] = 1260
    found = [fault for fault in faults(cars, size=None) if fault.kind == "outside"]
    assert [(fault.frame_no, fault.score) for fault in found] == [(20, pytest.approx(40 / 60, abs=0.01))]


def test_without_a_size_only_what_is_left_of_the_frame_is_outside() -> None:
    cars = traffic()
    cars["Car:1"][20][0] = -35
    cars["Car:2"][20][0] = 1260
    found = [fault for fault in faults(cars, size=None) if fault.kind == "outside"]
    assert [fault.detail for fault in found] == ["Car:1 reaches beyond the frame: 35 pixels at the left"]


def test_real_tracks_give_findings_that_are_few_beside_their_boxes(real_data: Any) -> None:
    import json

    frames = json.loads(real_data("labels/video-object-tracking/SeqLabel.json").read_bytes())
    labels = [
        box(
            *(found[side] for side in ("left", "top", "width", "height")),
            frame_no=int(frame["frame-no"]),
            object_id=found["object-id"],
            object_name=found["object-name"],
        )
        for frame in frames["tracking-annotations"]
        for found in frame["annotations"]
    ]
    found = faults({"all": labels}, size=None)
    assert 0 < len(found) < len(labels) / 100
    assert {fault.kind for fault in found} <= {"jump", "vanish", "size"}
