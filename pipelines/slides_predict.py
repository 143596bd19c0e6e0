"""The batch transform: score and explain new slides with a model that the slides pipeline trained.

brume run slides_predict slides=DIR model=out/slides/model --out out/new-slides
"""

from collections.abc import Mapping
from typing import Any

from brume.pipelines.running import steps
from brume.pipelines.slides import cut, explain
from brume.slides.pipeline import stages
from brume.slides.pipeline.settings import check_prediction


def check(arguments: Mapping[str, Any]) -> None:
    """Raise `ValueError` that names every parameter the pipeline cannot work with."""
    check_prediction(arguments)


@steps.pipeline("slides-predict", "Score and explain new slides with a trained model.")
def pipeline(
    slides: str,
    model: str,
    resolutions: str = "",
    assume_mpp: float = 0.0,
    max_rejected: float = 0.1,
    tile_groups: int = 2,
) -> None:
    """Score and explain new slides with a trained model; they are cut as its training tiles were.

    Args:
        slides: Folder or s3:// prefix with the slides.
        model: Folder of a model that the slides pipeline made (its OUT/model).
        resolutions: CSV file with the columns slide and mpp, for slides without microns per pixel.
        assume_mpp: Microns per pixel of slides that have none, in `resolutions` neither, and no objective.
        max_rejected: Largest share of slides that may be set aside before the run stops.
        tile_groups: Groups of slides that are tiled side by side.
    """
    # Every slide is scored whole: there are no ranks to share tiles among, and nothing is drawn by chance.
    step = steps.Steps({**locals(), "ranks": 1, "batch_size": 1, "seed": 0})
    cohort = step(stages.admit_new_slides, cpu="2", memory="2Gi")
    explain(step, cohort, cut(step, cohort), title="Slides: prediction", model_uri=model)
