"""Plan the jobs of a tree: their sizes, and the faults planted in their data objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Size = Literal["small", "full"]
SIZES: tuple[Size, ...] = ("small", "full")

# Labels of one pass over one sequence, of tracking and of detection.
PASS_LABELS: Mapping[Size, int] = {"small": 330, "full": 874}


@dataclass(frozen=True)
class Job:
    """One labelling job: whom it asks, when it runs (in working days from the start), what is wrong with it.

    `items` is how many data objects it has, `done` how many of them were labelled before it ended, `pool` how
    many people work on it, `roles` who of those that stand out are among them. `faults` names by item what
    is planted there (`track_faults`, `output_tree`, `sequences` and `stills` know the names). `reviews` names
    the job that it audits.
    """

    modality: str
    batch: str
    name: str
    items: int
    workers: int
    pool: int
    start: float
    days: float
    roles: tuple[str, ...] = ()
    level: str = "1"
    status: str = "Completed"
    reason: str = ""
    done: int | None = None
    reviews: str = ""
    described: bool = True
    first_iteration: int = 0  # items in iteration 1; 0 for all
    faults: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    new_keys: bool = False  # frame attributes as the template of batch-10 names them
    late_key: int | None = None  # the item from which on records hold a key more

    @property
    def folder(self) -> str:
        """Return the folder of the job's output, below the tree."""
        return f"batch_manifests/{self.modality}/{self.batch}-{self.level}-{self.name}/output/{self.name}"

    @property
    def finished(self) -> int:
        """Return how many data objects came to their end, labelled or not."""
        return self.items if self.done is None else self.done


# The job of a tree copied by hand: Ground Truth itself allows letters, digits and hyphens.
UNUSUAL = "Südbrücke 100% nachts"

_TRACKS = (
    ("jump",),
    ("swap",),
    ("vanish",),
    ("flicker", "flicker attribute"),
    ("outside", "size"),
    ("odd type",),
)


def jobs(size: Size) -> list[Job]:
    """Return the jobs of a tree, each audit after the job that it reviews."""
    full = size == "full"

    def of(small: int, large: int) -> int:
        return large if full else small

    sloppy = ("sloppy",)
    multi = ("mistyper", "fast")
    track = dict(enumerate(_TRACKS))
    more = {of(1, 3): ("jump",), of(2, 20): ("flicker",), of(3, 34): ("vanish",)}
    stills = ("fast", "slow", "unlisted", "no-email")
    tracking, auditing, detection = "VideoObjectTracking", "VideoObjectTrackingAudit", "VideoObjectDetection"
    return [
        Job(tracking, "batch-1", "bridge-day", of(4, 38), 1, of(4, 16), 0.0, 3, sloppy),
        Job(tracking, "batch-1", "bridge-night", of(4, 36), 1, of(4, 16), 0.5, 3, sloppy),
        Job(
            auditing, "batch-1", "bridge-day-audit", of(4, 38), 1, 6, 4.0, 2, level="2", reviews="bridge-day"
        ),
        Job(
            auditing,
            "batch-1",
            "bridge-night-audit",
            of(4, 36),
            1,
            6,
            4.5,
            2,
            level="2",
            reviews="bridge-night",
        ),
        Job(
            "ImageClassification",
            "batch-1",
            "vehicle-kind",
            of(52, 330),
            5,
            of(11, 56),
            1.0,
            3,
            (*stills, "confuser"),
            faults={
                5: ("label error",),
                8: ("idle",),
                11: ("no metadata",),
                14: ("backwards",),
                17: ("no answers",),
                23: ("label error",),
            },
            late_key=of(50, 320),
        ),
        Job(
            "BoundingBox",
            "batch-1",
            "crossings",
            of(14, 170),
            3,
            of(8, 40),
            2.0,
            3,
            ("fast", "slow", "shifter"),
            faults={4: ("label error",), 7: ("broken line",), 9: ("no worker",)},
        ),
        Job(detection, "batch-1", "yard", of(3, 16), 1, of(3, 12), 2.5, 2),
        Job(
            tracking,
            "batch-2",
            "ring-road",
            of(8, 30),
            2,
            of(8, 24),
            5.0,
            3,
            multi,
            faults={**track, 6: ("cut",)},
        ),
        Job(tracking, "batch-2", UNUSUAL, of(2, 16), 2, of(4, 12), 6.0, 2, described=False),
        Job(
            tracking,
            "batch-2",
            "tunnel",
            of(4, 12),
            1,
            of(3, 8),
            6.5,
            2,
            status="Failed",
            done=of(2, 5),
            reason="ClientError: The IAM role cannot read the label category configuration file. Check the "
            "permissions of the role and the address of the file.",
        ),
        Job(
            tracking,
            "batch-2",
            "parking-deck",
            of(3, 10),
            1,
            of(3, 8),
            6.0,
            1,
            status="Failed",
            done=0,
            reason="ClientError: The input manifest file is empty or cannot be read.",
        ),
        Job(detection, "batch-2", "lanes", of(3, 18), 2, of(4, 12), 6.0, 3),
        Job(
            "BoundingBox",
            "batch-2",
            "crossings-night",
            of(10, 100),
            3,
            of(7, 40),
            7.0,
            2,
            ("fast", "shifter"),
            faults={2: ("expired",), 5: ("failed",), 8: ("expired",)},
        ),
        Job(
            "SemanticSegmentation", "batch-2", "road-surface", of(4, 30), 2, of(4, 20), 7.5, 2, ("no-email",)
        ),
        Job(
            "TextClassification",
            "batch-2",
            "incident-notes",
            of(12, 139),
            3,
            of(7, 40),
            8.0,
            2,
            stills,
            faults={3: ("cut answers",), 6: ("idle",)},
        ),
        Job(
            "NamedEntityRecognition",
            "batch-2",
            "contracts",
            of(8, 110),
            2,
            of(6, 32),
            8.5,
            2,
            ("fast", "slow"),
        ),
        Job(
            tracking,
            "batch-10",
            "bridge-dusk",
            of(3, 34),
            1,
            of(3, 16),
            10.0,
            2,
            sloppy,
            new_keys=True,
        ),
        Job(
            auditing,
            "batch-10",
            "bridge-dusk-audit",
            of(3, 34),
            1,
            6,
            12.5,
            2,
            level="2",
            reviews="bridge-dusk",
            new_keys=True,
        ),
        Job(
            tracking,
            "batch-10",
            "highway",
            of(6, 56),
            3,
            of(9, 30),
            10.5,
            3,
            multi,
            faults=more,
            new_keys=True,
            late_key=of(5, 51),
        ),
        Job(
            "ImageClassification",
            "batch-10",
            "vehicle-kind-late",
            of(14, 150),
            3,
            of(8, 40),
            11.0,
            2,
            (*stills, "confuser"),
            first_iteration=10,
        ),
        Job("Polylines", "batch-10", "lane-markings", of(6, 81), 2, of(5, 30), 11.5, 2, ("slow",)),
        Job(
            "BoundingBox",
            "batch-10",
            "roadworks",
            of(6, 40),
            3,
            of(5, 20),
            12.0,
            1,
            status="Stopped",
            done=of(3, 22),
        ),
        Job(
            "ImageClassification",
            "batch-10",
            "weather",
            of(8, 60),
            3,
            of(5, 20),
            13.0,
            1.5,
            status="InProgress",
            done=of(5, 37),
        ),
        Job(
            tracking,
            "batch-10",
            "yard-night",
            of(3, 9),
            1,
            of(3, 10),
            13.0,
            1.5,
            status="Incomplete",
            done=of(2, 8),
            described=False,
            new_keys=True,
        ),
    ]
