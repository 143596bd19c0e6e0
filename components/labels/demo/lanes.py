"""Lane markings as polylines, in single images and frame by frame."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from brume.labels.demo.scene import HEIGHT, LANES, WIDTH
from brume.labels.demo.workforce import Worker

CLASSES = ("Solid line", "Dashed line", "Kerb")

Line = tuple[int, NDArray[np.float64]]  # class, vertices [n, 2] as x, y in pixels


def road(rng: np.random.Generator) -> list[Line]:
    """Return the markings of a road: one below each lane, a kerb above the first."""
    tilt = rng.uniform(-14, 14)
    grounds = [LANES[0][0] - 34, *(ground + scale * 0.9 for ground, scale, _ in LANES)]
    lines = []
    for number, ground in enumerate(grounds):
        across = np.linspace(0, WIDTH, int(rng.integers(4, 7)))
        down = ground + tilt * (across / WIDTH - 0.5) + 6 * np.sin(across / 400)
        kind = 2 if number == 0 else 0 if number in (3, len(grounds) - 1) else 1
        lines.append((kind, np.column_stack([across, np.clip(down, 0, HEIGHT - 1)])))
    return lines


def draw(lines: list[Line], frames: int, worker: Worker, rng: np.random.Generator) -> list[list[Line]]:
    """Return a worker's markings of each frame: the camera trembles, and so does the hand."""
    drawn = [
        (int((kind + 1) % 3 if rng.random() < worker.errors else kind), points)
        for kind, points in lines
        if rng.random() > 0.02
    ]
    tremble = np.cumsum(rng.normal(0, 0.4, (frames, 2)), axis=0)
    return [
        [
            (kind, points + tremble[frame] + rng.normal(0, 0.9 * worker.jitter, points.shape))
            for kind, points in drawn
        ]
        for frame in range(frames)
    ]


def vertices(points: NDArray[np.float64]) -> list[dict[str, float]]:
    """Return vertices as answers hold them, to a tenth of a pixel and within the frame."""
    inside = np.clip(points, 0, (WIDTH, HEIGHT)).round(1)
    return [{"x": x, "y": y} for x, y in inside.tolist()]


def frames_of(drawn: list[list[Line]], *, camel: bool = False) -> list[dict[str, Any]]:
    """Return frames with their markings; `camel` writes keys as some templates' answers do."""
    keys = ("classId", "labelCategoryAttributes", "frameNo", "frameAttributes")
    if not camel:
        keys = ("class-id", "label-category-attributes", "frame-no", "frame-attributes")
    class_id, attributes, frame_no, frame_attributes = keys
    return [
        {
            "annotations": [
                {
                    class_id: str(kind),
                    "vertices": vertices(points),
                    attributes: {"colour": "White" if kind < 2 else "None"},
                }
                for kind, points in lines
            ],
            frame_no: str(number),
            "frame": f"frame_{number:04d}.jpeg",
            frame_attributes: {"quality_of_the_frame": "Good"},
        }
        for number, lines in enumerate(drawn)
    ]
