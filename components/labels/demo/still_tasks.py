"""Tasks on single images and texts: their truth, workers' answers, consolidated labels."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from brume.labels.demo import lanes, masks, texts
from brume.labels.demo.scene import HEIGHT, KINDS, WIDTH, film
from brume.labels.demo.workforce import Worker

Rng = np.random.Generator
Answers = Sequence[Mapping[str, Any]]  # the content of each


@dataclass(frozen=True)
class Settled:
    """The consolidated label of a data object: its value and metadata in the manifest line.

    `labels` is how many labels that is, `picture` the content of a mask, whose address is the value.
    """

    value: Any
    metadata: Mapping[str, Any]
    labels: int
    picture: bytes | None = None


class Task(Protocol):
    """One kind of question about a data object."""

    def show(self, rng: Rng, *, plain: bool) -> Any:
        """Return a data object; a `plain` one is not easily mistaken."""

    def answer(self, shown: Any, worker: Worker, rng: Rng) -> tuple[dict[str, Any], int]:
        """Return a worker's answer and how many labels it has."""

    def settle(self, shown: Any, answers: Answers, rng: Rng, *, wrong: bool) -> Settled:
        """Return the consolidated label of some answers; a `wrong` one has a class that nobody gave."""


class Classes:
    """Which of a few classes an image shows."""

    def __init__(self, classes: tuple[str, ...]) -> None:
        self._classes = classes

    def show(self, rng: Rng, *, plain: bool) -> int:
        """Return the number of the class; van and truck are common."""
        shares = np.array([0.26, 0.24, 0.24, 0.14, 0.12][: len(self._classes)])
        return 0 if plain else int(rng.choice(len(shares), p=shares / shares.sum()))

    def answer(self, shown: int, worker: Worker, rng: Rng) -> tuple[dict[str, Any], int]:
        """Return the class, taken for another one now and then."""
        label = self._classes[shown]
        if worker.role == "confuser" and label in ("Van", "Truck") and rng.random() < 0.85:
            label = "Truck" if label == "Van" else "Van"
        elif rng.random() < worker.errors * 4:
            label = self._classes[rng.integers(len(self._classes))]
        return {"crowd-image-classifier": {"label": label}}, 1

    def settle(self, shown: int, answers: Answers, rng: Rng, *, wrong: bool) -> Settled:
        """Return the class that most people named."""
        named = self._classes.index(_most(answers, self._classes[shown]))
        label = (named + 3) % len(self._classes) if wrong else named
        confidence = round(float(rng.uniform(0.86, 0.97)), 2)
        return Settled(label, {"class-name": self._classes[label], "confidence": confidence}, 1)


class Notes:
    """Which kind of incident a text is about."""

    def show(self, rng: Rng, *, plain: bool) -> tuple[str, int]:
        """Return the text and its kind."""
        return texts.note(rng)

    def answer(self, shown: tuple[str, int], worker: Worker, rng: Rng) -> tuple[dict[str, Any], int]:
        """Return the kind."""
        mistaken = rng.random() < worker.errors * 2
        kind = int(rng.integers(len(texts.KINDS))) if mistaken else shown[1]
        return {"crowd-classifier": {"label": texts.KINDS[kind]}}, 1

    def settle(self, shown: tuple[str, int], answers: Answers, rng: Rng, *, wrong: bool) -> Settled:
        """Return the kind that most people named."""
        confidence = round(float(rng.uniform(0.86, 0.97)), 2)
        kind = _most(answers, texts.KINDS[shown[1]])
        return Settled(texts.KINDS.index(kind), {"class-name": kind, "confidence": confidence}, 1)


class Entities:
    """Who and what a contract names."""

    def show(self, rng: Rng, *, plain: bool) -> tuple[str, list[texts.Entity]]:
        """Return the text and its entities."""
        return texts.clause(rng)

    def answer(
        self, shown: tuple[str, list[texts.Entity]], worker: Worker, rng: Rng
    ) -> tuple[dict[str, Any], int]:
        """Return the entities: some missed, some begun a word late."""
        text, entities = shown
        found = []
        for start, end, label in entities:
            if rng.random() < 0.03:
                continue
            space = text.find(" ", start, end)
            begin = space + 1 if space >= 0 and rng.random() < 0.05 else start
            found.append({"startOffset": begin, "endOffset": end, "label": label})
        return {"crowd-entity-annotation": {"entities": found}}, len(found)

    def settle(
        self, shown: tuple[str, list[texts.Entity]], answers: Answers, rng: Rng, *, wrong: bool
    ) -> Settled:
        """Return the entities that most people marked."""
        found = [{"startOffset": start, "endOffset": end, "label": label} for start, end, label in shown[1]]
        names = [{"label": name, "shortDisplayName": name[:3]} for name in texts.ENTITIES]
        confidence = [{"confidence": round(float(rng.uniform(0.7, 0.97)), 2)} for _ in found]
        value = {"annotations": {"entities": found, "labels": names}}
        return Settled(value, {"entities": confidence}, len(found))


Boxes = list[tuple[str, NDArray[np.float64]]]


class Vehicles:
    """Which vehicles an image shows, and where."""

    def show(self, rng: Rng, *, plain: bool) -> Boxes:
        """Return kind and box of each."""
        seen = film(rng, 12)
        return [(vehicle.kind, vehicle.boxes[-1]) for vehicle in seen if vehicle.shown[-1]]

    def answer(self, shown: Boxes, worker: Worker, rng: Rng) -> tuple[dict[str, Any], int]:
        """Return the boxes with the hand's jitter; some missed, some called another kind."""
        names = list(KINDS)
        boxes = []
        for kind, box in shown:
            if rng.random() < 0.03:
                continue
            label = names[rng.integers(len(names))] if rng.random() < worker.errors else kind
            noise = rng.normal(size=4) * worker.jitter * (0.4 + 0.01 * box[2])
            if worker.role == "shifter":
                noise[:2] += box[2:] * (0.3, 0.25)
            boxes.append({**_whole(box + noise), "label": label})
        size = {"height": HEIGHT, "width": WIDTH}
        return {"boundingBox": {"boundingBoxes": boxes, "inputImageProperties": size}}, len(boxes)

    def settle(self, shown: Boxes, answers: Answers, rng: Rng, *, wrong: bool) -> Settled:
        """Return the boxes that most people drew."""
        names = list(KINDS)
        found = [
            {"class_id": names.index(kind), **_whole(box + rng.normal(size=4) * 0.4)} for kind, box in shown
        ]
        if wrong:
            found[0]["class_id"] = (found[0]["class_id"] + 3) % len(names)
        value = {"image_size": [{"width": WIDTH, "height": HEIGHT, "depth": 3}], "annotations": found}
        confidence = [{"confidence": round(float(rng.uniform(0.75, 0.97)), 2)} for _ in found]
        drawn = sorted({box["class_id"] for box in found})
        class_map = {str(number): names[number] for number in drawn}
        return Settled(value, {"objects": confidence, "class-map": class_map}, len(found))


class Markings:
    """Where the markings of a road run."""

    def show(self, rng: Rng, *, plain: bool) -> list[lanes.Line]:
        """Return the markings."""
        return lanes.road(rng)

    def answer(self, shown: list[lanes.Line], worker: Worker, rng: Rng) -> tuple[dict[str, Any], int]:
        """Return the polylines of one worker."""
        (drawn,) = lanes.draw(shown, 1, worker, rng)
        size = {"height": HEIGHT, "width": WIDTH}
        return {"annotatedResult": {"inputImageProperties": size, "polylines": _polylines(drawn)}}, len(drawn)

    def settle(self, shown: list[lanes.Line], answers: Answers, rng: Rng, *, wrong: bool) -> Settled:
        """Return the polylines that the customer's own function settles on."""
        return Settled({"polylines": _polylines(shown)}, {}, len(shown))


class Surfaces:
    """What each pixel shows: road, verge or sky."""

    def show(self, rng: Rng, *, plain: bool) -> NDArray[np.uint8]:
        """Return the picture of classes."""
        return masks.paint(rng)

    def answer(self, shown: NDArray[np.uint8], worker: Worker, rng: Rng) -> tuple[dict[str, Any], int]:
        """Return the picture as the tool sends it."""
        picture = np.roll(shown, int(rng.integers(-1, 2)), axis=0)
        mappings = {name: {"color": colour} for name, colour in masks.CLASSES.items()}
        image = {"pngImageData": base64.b64encode(masks.png(picture)).decode()}
        size = {"height": masks.HEIGHT, "width": masks.WIDTH}
        answer = {"inputImageProperties": size, "labelMappings": mappings, "labeledImage": image}
        return {"crowd-semantic-segmentation": answer}, len(mappings)

    def settle(self, shown: NDArray[np.uint8], answers: Answers, rng: Rng, *, wrong: bool) -> Settled:
        """Return the picture, which lies in a file of its own."""
        colours = {"0": {"class-name": "BACKGROUND", "hex-color": "#ffffff", "confidence": 0.09}}
        for number, (name, colour) in enumerate(masks.CLASSES.items(), 1):
            confidence = round(float(rng.uniform(0.6, 0.95)), 2)
            colours[str(number)] = {"class-name": name, "hex-color": colour, "confidence": confidence}
        described = {"internal-color-map": colours}
        return Settled(None, described, len(masks.CLASSES), picture=masks.png(shown))


TASKS: dict[str, Task] = {
    "vehicle-kind": Classes(("Car", "Van", "Truck", "Bus", "Motorcycle")),
    "vehicle-kind-late": Classes(("Car", "Van", "Truck", "Bus", "Motorcycle")),
    "weather": Classes(("Clear", "Rain", "Fog", "Snow")),
    "crossings": Vehicles(),
    "crossings-night": Vehicles(),
    "roadworks": Vehicles(),
    "road-surface": Surfaces(),
    "lane-markings": Markings(),
    "incident-notes": Notes(),
    "contracts": Entities(),
}


def _most(answers: Answers, right: str) -> str:
    """Return the label that most answers give; the right one where several are as frequent."""
    named = Counter(str(part["label"]) for answer in answers for part in answer.values() if "label" in part)
    return max(named, key=lambda label: (named[label], label == right))


def _whole(box: NDArray[np.float64]) -> dict[str, int]:
    left, top = (int(value) for value in np.clip(np.rint(box[:2]), 0, (WIDTH - 4, HEIGHT - 4)))
    width, height = (int(value) for value in np.rint(box[2:]))
    return {
        "left": left,
        "top": top,
        "width": max(4, min(width, WIDTH - left)),
        "height": max(4, min(height, HEIGHT - top)),
    }


def _polylines(lines: list[lanes.Line]) -> list[dict[str, Any]]:
    return [{"label": lanes.CLASSES[kind], "vertices": lanes.vertices(points)} for kind, points in lines]
