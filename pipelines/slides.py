"""Whole-slide pathology: from slides and labels to a trained, served and explained model.

brume run slides slides=DIR labels=FILE.csv tile_size=224 --out out/slides
"""

from collections.abc import Mapping
from typing import Any

from kfp import dsl

from brume.pipelines.running import steps
from brume.slides.pipeline import results, stages
from brume.slides.pipeline.settings import check_training


def check(arguments: Mapping[str, Any]) -> None:
    """Raise `ValueError` that names every parameter the pipeline cannot work with."""
    check_training(arguments)


def cut(step: steps.Steps, cohort: Any) -> Any:
    """Tile the slides of a cohort step, group by group side by side, and shard the tiles.

    Returns the step of the shards.
    """
    with dsl.ParallelFor(cohort.outputs["Output"]) as group:
        tiles = step(stages.cut_tiles, cohort=cohort.outputs["cohort"], group=group, cpu="4", memory="8Gi")
    return step(
        stages.make_shards,
        cohort=cohort.outputs["cohort"],
        groups=dsl.Collected(tiles.outputs["Output"]),
        cpu="1",
        memory="4Gi",
    )


def explain(step: steps.Steps, cohort: Any, shards: Any, *, title: str, model_uri: Any) -> None:
    """Serve the model, score every tile and slide through it, report, and end the serving in any case."""
    run = dsl.PIPELINE_JOB_ID_PLACEHOLDER
    tiles_uri = shards.outputs["Output"]
    with dsl.ExitHandler(step(results.stop_model, run=run, cpu="500m", memory="512Mi")):
        deployed = step(
            results.deploy_model,
            tiles_uri=tiles_uri,
            model_uri=model_uri,
            run=run,
            cohort=cohort.outputs["cohort"],
            serving_cpu="2",
            serving_memory="4Gi",
            cpu="500m",
            memory="512Mi",
        )
        predicted = step(
            results.predict_tiles,
            tiles_uri=tiles_uri,
            model_uri=model_uri,
            url=deployed.output,
            run=run,
            cohort=cohort.outputs["cohort"],
            cpu="1",
            memory="4Gi",
        )
        scored = step(
            results.score_slides,
            cohort=cohort.outputs["cohort"],
            tile_scores=predicted.outputs["tile_scores"],
            cpu="2",
            memory="4Gi",
        )
        step(
            results.write_report,
            title=title,
            model_uri=model_uri,
            rejects=shards.outputs["rejects"],
            remarks=shards.outputs["remarks"],
            scans=shards.outputs["scans"],
            slide_scores=scored.outputs["slide_scores"],
            heatmaps=scored.outputs["heatmaps"],
            evaluation=scored.outputs["evaluation"],
            cpu="1",
            memory="2Gi",
        )


@steps.pipeline("slides", "Train, serve and explain a model of whole-slide images.")
def pipeline(
    slides: str,
    labels: str,
    tile_size: int = 512,
    mpp: float = 0.0,
    assume_mpp: float = 0.0,
    max_background: float = 0.5,
    tissue: str = "otsu",
    ink: str = "auto",
    jpeg_quality: int = 90,
    max_rejected: float = 0.1,
    tile_groups: int = 2,
    model: str = "small",
    weights: str = "",
    epochs: int = 10,
    batch_size: int = 32,
    learning_rate: float = 0.001,
    patience: int = 5,
    ranks: int = 2,
    collective: str = "auto",
    seed: int = 0,
    split_by: str = "patient",
    earlier_splits: str = "",
    worker_cpu: str = "2",
    worker_memory: str = "8Gi",
    gpus: int = 0,
    tolerations: list[dict] = [],  # type: ignore[type-arg]  # noqa: B006 - read by the compiler alone
) -> None:
    """Train, serve and explain a model of whole-slide images.

    Args:
        slides: Folder or s3:// prefix with the slides.
        labels: CSV file with the columns slide, patient, label, perhaps split, mpp and site; or a folder of
            tcga-lung-LABEL.txt lists.
        tile_size: Side of a tile in pixels.
        mpp: Microns per pixel of the tiles; 0: the slides' own where they are alike, else the coarsest.
        assume_mpp: Microns per pixel of slides that have none, in their labels neither, and no objective.
        max_background: Largest share of background in a tile that is kept.
        tissue: What is tissue: otsu, saturation, or grey (share of grey values of 220 and above).
        ink: Strokes of a pen on the glass: auto leaves them out, off takes them for tissue.
        jpeg_quality: Quality of the tiles' JPEG, 1 to 100.
        max_rejected: Largest share of slides that may be set aside before the run stops.
        tile_groups: Groups of slides that are tiled side by side.
        model: small (a compact CNN for CPUs) or resnet50 (ImageNet weights).
        weights: File with the weights that resnet50 starts from; empty fetches those of Keras Applications.
        epochs: Passes over the training tiles, at most; training stops early when validation gets worse.
        batch_size: Tiles a rank takes per step.
        learning_rate: Learning rate of one rank; it grows with the ranks after a warm-up.
        patience: Epochs without a better validation after which training stops early; 0 never does.
        ranks: MPI ranks.
        collective: What averages the gradients: horovod, mpi4py, or auto (horovod where it is installed).
        seed: Seed of the split, the shuffling and the weights.
        split_by: What is in one split as a whole: patient, or site (a column of labels, or TCGA's site code).
        earlier_splits: File splits.csv of an earlier run, whose patients keep their split.
        worker_cpu: CPUs of one rank, on a cluster.
        worker_memory: Memory of one rank, on a cluster.
        gpus: NVIDIA GPUs of one rank, on a cluster.
        tolerations: Tolerations of the rank pods, a JSON list as in a pod's spec.
    """
    step = steps.Steps(locals())
    cohort = step(stages.admit_slides, cpu="2", memory="2Gi")
    shards = cut(step, cohort)
    trained = step(stages.train_model, tiles_uri=shards.outputs["Output"], cpu="1", memory="1Gi")
    explain(
        step,
        cohort,
        shards,
        title="Slides: training and evaluation",
        model_uri=trained.outputs["Output"],
    )
