"""Whole-slide pathology: from slides and labels to a trained, served and explained model.

brume run slides slides=DIR labels=FILE.csv tile_size=224 --out out/slides
"""

from collections.abc import Mapping
from typing import Any

from kfp import dsl

from brume.pipelines.running.pods import pod
from brume.slides.pipeline import steps
from brume.slides.pipeline.settings import check_training

STAGES = ("cohort", "tiling", "shards", "training", "serving", "prediction", "scores", "report")


def check(arguments: Mapping[str, Any]) -> None:
    """Raise `ValueError` that names every parameter the pipeline cannot work with."""
    check_training(arguments)


def cut(
    admitted: Any,
    *,
    assume_mpp: Any,
    ranks: Any,
    batch_size: Any,
    seed: Any,
    max_rejected: Any,
) -> Any:
    """Tile the admitted slides, group by group side by side, and shard the tiles; returns the last task."""
    with dsl.ParallelFor(admitted.outputs["Output"]) as group:
        tiles = pod(
            steps.cut_tiles(cohort=admitted.outputs["cohort"], group=group, assume_mpp=assume_mpp),
            cpu="4",
            memory="8Gi",
        )
    return pod(
        steps.make_shards(
            cohort=admitted.outputs["cohort"],
            groups=dsl.Collected(tiles.outputs["Output"]),
            ranks=ranks,
            batch_size=batch_size,
            seed=seed,
            max_rejected=max_rejected,
        ),
        cpu="1",
        memory="4Gi",
    )


def explain(admitted: Any, sharded: Any, *, title: str, model_uri: Any, assume_mpp: Any, seed: Any) -> None:
    """Serve the model, score every tile and slide through it, report, and end the serving in any case."""
    name = f"brume-{dsl.PIPELINE_JOB_ID_PLACEHOLDER}"
    tiles_uri = sharded.outputs["Output"]
    with dsl.ExitHandler(pod(steps.stop_model(name=name), cpu="500m", memory="512Mi")):
        deployed = pod(
            steps.deploy_model(
                tiles_uri=tiles_uri, model_uri=model_uri, name=name, cpu="2", memory="4Gi"
            ).set_caching_options(False),
            cpu="500m",
            memory="512Mi",
        )
        predicted = pod(
            steps.predict_tiles(
                tiles_uri=tiles_uri,
                model_uri=model_uri,
                url=deployed.output,
                name=name,
                cohort=admitted.outputs["cohort"],
            ),
            cpu="1",
            memory="4Gi",
        )
        scored = pod(
            steps.score_slides(
                cohort=admitted.outputs["cohort"],
                tile_scores=predicted.outputs["tile_scores"],
                assume_mpp=assume_mpp,
                seed=seed,
            ),
            cpu="2",
            memory="4Gi",
        )
        pod(
            steps.write_report(
                title=title,
                model_uri=model_uri,
                rejects=sharded.outputs["rejects"],
                slide_scores=scored.outputs["slide_scores"],
                heatmaps=scored.outputs["heatmaps"],
                evaluation=scored.outputs["evaluation"],
            ),
            cpu="1",
            memory="2Gi",
        )


@dsl.pipeline(name="slides", description="Train, serve and explain a model of whole-slide images.")
def pipeline(
    slides: str,
    labels: str,
    tile_size: int = 512,
    mpp: float = 0.0,
    assume_mpp: float = 0.0,
    max_background: float = 0.5,
    tissue: str = "otsu",
    jpeg_quality: int = 90,
    max_rejected: float = 0.1,
    tile_groups: int = 2,
    model: str = "small",
    weights: str = "",
    epochs: int = 10,
    batch_size: int = 32,
    learning_rate: float = 0.001,
    ranks: int = 2,
    collective: str = "auto",
    seed: int = 0,
    worker_cpu: str = "2",
    worker_memory: str = "8Gi",
    gpus: int = 0,
    tolerations: list[dict] = [],  # type: ignore[type-arg]  # noqa: B006 - read by the compiler alone
) -> None:
    """Train, serve and explain a model of whole-slide images.

    Args:
        slides: Folder or s3:// prefix with the slides.
        labels: CSV file with the columns slide, patient, label; or a folder of tcga-lung-LABEL.txt lists.
        tile_size: Side of a tile in pixels.
        mpp: Microns per pixel of the tiles; 0 or empty takes each slide as it is.
        assume_mpp: Microns per pixel of slides that do not say theirs.
        max_background: Largest share of background in a tile that is kept.
        tissue: What is tissue: otsu, saturation, or grey (share of grey values of 220 and above).
        jpeg_quality: Quality of the tiles' JPEG, 1 to 100.
        max_rejected: Largest share of slides that may be set aside before the run stops.
        tile_groups: Groups of slides that are tiled side by side.
        model: small (a compact CNN for CPUs) or resnet50 (ImageNet weights).
        weights: File with the weights that resnet50 starts from; empty fetches those of Keras Applications.
        epochs: Passes over the training tiles, at most; training stops early when validation gets worse.
        batch_size: Tiles a rank takes per step.
        learning_rate: Learning rate of one rank; it grows with the ranks after a warm-up.
        ranks: MPI ranks.
        collective: What averages the gradients: horovod, mpi4py, or auto (horovod where it is installed).
        seed: Seed of the split, the shuffling and the weights.
        worker_cpu: CPUs of one rank, on a cluster.
        worker_memory: Memory of one rank, on a cluster.
        gpus: NVIDIA GPUs of one rank, on a cluster.
        tolerations: Tolerations of the rank pods, a JSON list as in a pod's spec.
    """
    admitted = pod(
        steps.admit_slides(
            slides=slides,
            labels=labels,
            assume_mpp=assume_mpp,
            max_rejected=max_rejected,
            seed=seed,
            groups=tile_groups,
            tile_size=tile_size,
            mpp=mpp,
            max_background=max_background,
            jpeg_quality=jpeg_quality,
            tissue=tissue,
        ),
        cpu="2",
        memory="2Gi",
    )
    sharded = cut(
        admitted,
        assume_mpp=assume_mpp,
        ranks=ranks,
        batch_size=batch_size,
        seed=seed,
        max_rejected=max_rejected,
    )
    trained = pod(
        steps.train_model(
            tiles_uri=sharded.outputs["Output"],
            model_name=model,
            weights=weights,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            ranks=ranks,
            collective=collective,
            seed=seed,
            worker_cpu=worker_cpu,
            worker_memory=worker_memory,
            gpus=gpus,
            tolerations=tolerations,
        ),
        cpu="1",
        memory="1Gi",
    )
    explain(
        admitted,
        sharded,
        title="Slides: training and evaluation",
        model_uri=trained.outputs["Output"],
        assume_mpp=assume_mpp,
        seed=seed,
    )
