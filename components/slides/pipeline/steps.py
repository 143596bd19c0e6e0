"""Every step of the slides pipelines: what `stages.py` and `results.py` do, as kfp components."""

from functools import partial

from kfp import dsl

from brume.cluster.images import reference

# The image holds this package and what it needs: nothing is installed when a step starts.
step = partial(
    dsl.component, base_image=reference("pipeline"), packages_to_install=[], install_kfp_package=False
)


@step()
def admit_slides(
    slides: str,
    labels: str,
    assume_mpp: float,
    max_rejected: float,
    seed: int,
    groups: int,
    tile_size: int,
    mpp: float,
    max_background: float,
    jpeg_quality: int,
    tissue: str,
    cohort: dsl.Output[dsl.Dataset],
    splits: dsl.Output[dsl.Dataset],
) -> list[str]:
    """Open every slide, set aside what cannot be used, and split the rest by patient."""
    from brume.slides.pipeline import stages

    settings = stages.TilingSettings(tile_size, mpp, max_background, jpeg_quality, tissue)
    return stages.cohort(slides, labels, assume_mpp, max_rejected, seed, groups, settings, "", cohort, splits)


@step()
def admit_new_slides(
    slides: str,
    model: str,
    assume_mpp: float,
    max_rejected: float,
    groups: int,
    cohort: dsl.Output[dsl.Dataset],
    splits: dsl.Output[dsl.Dataset],
) -> list[str]:
    """Open every slide, set aside what cannot be used; tiles will be cut as the model knows them."""
    from brume.slides.pipeline import stages

    return stages.cohort(slides, "", assume_mpp, max_rejected, 0, groups, None, model, cohort, splits)


@step()
def cut_tiles(
    cohort: dsl.Input[dsl.Dataset], group: str, assume_mpp: float, tiles: dsl.Output[dsl.Dataset]
) -> str:
    """Find the tissue of one group of slides and cut it into tiles."""
    from brume.slides.pipeline import stages

    return stages.tile(cohort, group, assume_mpp, tiles)


@step()
def make_shards(
    cohort: dsl.Input[dsl.Dataset],
    groups: list[str],
    ranks: int,
    batch_size: int,
    seed: int,
    max_rejected: float,
    tiles: dsl.Output[dsl.Dataset],
    rejects: dsl.Output[dsl.Dataset],
) -> str:
    """Shuffle the training tiles into equal shards; keep the rest by split and slide."""
    from brume.slides.pipeline import stages

    return stages.shard(cohort, groups, ranks, batch_size, seed, max_rejected, tiles, rejects)


@step()
def train_model(
    tiles_uri: str,
    model_name: str,
    weights: str,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    ranks: int,
    collective: str,
    seed: int,
    worker_cpu: str,
    worker_memory: str,
    gpus: int,
    tolerations: list[dict],  # type: ignore[type-arg]
    model: dsl.Output[dsl.Model],
    metrics: dsl.Output[dsl.Metrics],
) -> str:
    """Train by MPI: one rank a process here, one rank a pod of an MPIJob on a cluster."""
    from brume.cluster.resources import Resources
    from brume.slides.model.parameters import TrainingParameters
    from brume.slides.pipeline import stages

    parameters = TrainingParameters(
        model=model_name,
        weights=weights,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        ranks=ranks,
        collective=collective,
        seed=seed,
    )
    resources = Resources(worker_cpu, worker_memory, gpus, tuple(tolerations))
    return stages.fit(tiles_uri, parameters, resources, model, metrics)


@step()
def deploy_model(tiles_uri: str, model_uri: str, name: str, cpu: str, memory: str) -> str:
    """Serve the model: a process here, an InferenceService on a cluster."""
    from brume.cluster.resources import Resources
    from brume.slides.pipeline import results

    return results.deploy(tiles_uri, model_uri, name, Resources(cpu, memory))


@step()
def stop_model(name: str, status: dsl.PipelineTaskFinalStatus) -> None:
    """End the serving of the model, however the run went."""
    from brume.slides.pipeline import results

    results.stop(name)


@step()
def predict_tiles(
    tiles_uri: str,
    model_uri: str,
    url: str,
    name: str,
    cohort: dsl.Input[dsl.Dataset],
    tile_scores: dsl.Output[dsl.Dataset],
) -> None:
    """Send every tile to the served model, in batches."""
    from brume.slides.pipeline import results

    results.score_tiles(tiles_uri, model_uri, url, name, cohort, tile_scores)


@step()
def score_slides(
    cohort: dsl.Input[dsl.Dataset],
    tile_scores: dsl.Input[dsl.Dataset],
    assume_mpp: float,
    seed: int,
    slide_scores: dsl.Output[dsl.Dataset],
    heatmaps: dsl.Output[dsl.Artifact],
    evaluation: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    classification: dsl.Output[dsl.ClassificationMetrics],
) -> None:
    """Score the slides, judge the held-out ones, and draw the heatmaps."""
    from brume.slides.pipeline import results

    results.evaluate(
        cohort, tile_scores, assume_mpp, seed, slide_scores, heatmaps, evaluation, metrics, classification
    )


@step()
def write_report(
    title: str,
    model_uri: str,
    rejects: dsl.Input[dsl.Dataset],
    slide_scores: dsl.Input[dsl.Dataset],
    heatmaps: dsl.Input[dsl.Artifact],
    evaluation: dsl.Input[dsl.Artifact],
    report: dsl.Output[dsl.HTML],
) -> None:
    """Write the report of the run, one self-contained page."""
    from brume.slides.pipeline import results

    results.report(title, model_uri, rejects, slide_scores, heatmaps, evaluation, report)
