"""What each step of the slides pipelines does, in order: the inputs it reads and the files it leaves.

Here are the steps from slides to a model; those from a model to the report are in `results.py`. The steps in
`steps.py` are thin wrappers of these functions; the work itself is in the modules named here. An argument of
type `Artifact` is one that Kubeflow Pipelines (or its local runner) made. Data that grows with the cohort
travels between steps as a URI: an artifact would be copied to every step that reads it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from brume import storage
from brume.cluster import images
from brume.cluster.resources import Resources
from brume.run.step import Artifact, Output, Step
from brume.slides.model import admission
from brume.slides.model.cohort import Reject
from brume.slides.model.grid import Tiling
from brume.slides.model.parameters import TrainingParameters

SHARDS_PER_RANK = 4  # enough for shuffling whole shards to matter, few enough to keep them large
_TILING = "tiling.json"


class TilingSettings(NamedTuple):
    """How tiles are cut, as pipeline parameters; an mpp of 0 means as it is."""

    tile_size: int
    mpp: float
    max_background: float
    jpeg_quality: int
    tissue: str

    def tiling(self, assume_mpp: float) -> Tiling:
        """Return the checked settings. Raises `ValueError` that names the one that makes no sense."""
        return Tiling(
            self.tile_size,
            self.mpp or None,
            assume_mpp or None,
            self.max_background,
            self.jpeg_quality,
            self.tissue,  # type: ignore[arg-type]  # a word from outside: Tiling checks it
        )


def cohort(
    slides: str,
    labels: str,
    assume_mpp: float,
    max_rejected: float,
    seed: int,
    groups: int,
    settings: TilingSettings | None,
    model_uri: str,
    cohort: Artifact,
    splits: Artifact,
) -> list[str]:
    """Admit the slides and split them by patient; returns the names of the groups they are tiled in.

    How tiles are cut goes with the cohort: by `settings`, or like those that the model at `model_uri` was
    trained on. With `labels` empty every slide is admitted, without label or split, for prediction.
    """
    slides, labels = storage.absolute(slides), storage.absolute(labels) if labels else ""
    step = Step(
        "cohort",
        inputs=[uri for uri in (slides, labels, model_uri and storage.join(model_uri, _TILING)) if uri],
        parameters={
            "assume_mpp": assume_mpp,
            "max_rejected": max_rejected,
            "seed": seed,
            "groups": groups,
            "settings": settings,
        },
        outputs=[
            Output(cohort, "work/cohort"),
            Output(splits, "splits.csv" if labels else "work/splits.csv"),
        ],
    )

    def work() -> list[str]:
        chosen = settings or describe(model_uri)
        if labels:
            admitted, rejects = admission.build(
                slides, labels, assume_mpp=assume_mpp, seed=seed, groups=groups
            )
        else:
            admitted, rejects = admission.build_unlabelled(slides, assume_mpp=assume_mpp, groups=groups)
        rejects_uri = storage.join(cohort.uri, "rejects.csv")
        table_uri = step.place("rejects.csv") or rejects_uri
        for uri in (rejects_uri, table_uri):
            admission.write_rejects(rejects, uri)
        admission.check_rejects(rejects, len(admitted) + len(rejects), max_rejected, table_uri)
        admission.write_json(chosen._asdict(), storage.join(cohort.uri, _TILING))
        admission.write_slides(admitted, storage.join(cohort.uri, "slides.csv"))
        admission.write_splits(admitted, splits.uri)
        return admission.groups_of(admitted)

    result: list[str] = step.run(work)
    return result


def describe(model_uri: str) -> TilingSettings:
    """Read how the tiles were cut that a model was trained on. Raises `FileNotFoundError` for no model."""
    try:
        return _settings(model_uri)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"model={model_uri} is no model of the slides pipeline: {error}") from error


def _settings(folder: str) -> TilingSettings:
    return TilingSettings(**json.loads(storage.read_bytes(storage.join(folder, _TILING))))


def tile(cohort: Artifact, group: str, assume_mpp: float, tiles_of_group: Artifact) -> str:
    """Cut the tiles of one group of slides; returns the URI of the list of its tile files and rejects."""
    from brume.slides.model import tiles

    slides_uri = storage.join(cohort.uri, "slides.csv")
    step = Step(
        "tiling",
        part=group,
        inputs=[slides_uri, storage.join(cohort.uri, _TILING)],
        parameters={"assume_mpp": assume_mpp, "group": group},
        outputs=[Output(tiles_of_group, f"work/tiles/group-{group}.json")],
    )

    def work() -> str:
        mine = [slide for slide in admission.read_slides(slides_uri) if slide.group == group]
        records_uri = storage.join(tiles_of_group.uri.rsplit("/", 1)[0], "records")
        files, rejects = tiles.tile_group(mine, records_uri, _settings(cohort.uri).tiling(assume_mpp))
        content = {"files": files, "rejects": [reject._asdict() for reject in rejects]}
        admission.write_json(content, tiles_of_group.uri)
        return tiles_of_group.uri

    result: str = step.run(work)
    return result


def shard(
    cohort: Artifact,
    groups: Sequence[str],
    ranks: int,
    batch_size: int,
    seed: int,
    max_rejected: float,
    tiles: Artifact,
    rejects: Artifact,
) -> str:
    """Shuffle the tiles of all groups into shards; returns the URI of the folder of shards.

    Tiles of slides without a split (of a prediction) are kept by slide, like those of the test split.
    """
    from brume.slides.model import shards

    slides_uri = storage.join(cohort.uri, "slides.csv")
    before_uri = storage.join(cohort.uri, "rejects.csv")
    step = Step(
        "shards",
        inputs=[slides_uri, before_uri, storage.join(cohort.uri, _TILING), *groups],
        parameters={
            "ranks": ranks,
            "batch_size": batch_size,
            "seed": seed,
            "max_rejected": max_rejected,
        },
        outputs=[Output(tiles, "tiles"), Output(rejects, "rejects.csv")],
    )

    def work() -> str:
        slides, settings = admission.read_slides(slides_uri), _settings(cohort.uri)
        before = admission.read_rejects(before_uri)
        lists = [json.loads(storage.read_bytes(uri)) for uri in groups]
        refused = before + [Reject(**reject) for content in lists for reject in content["rejects"]]
        admission.write_rejects(refused, rejects.uri)
        admission.check_rejects(refused, len(slides) + len(before), max_rejected, rejects.uri)
        told = shards.write_shards(
            [uri for content in lists for uri in content["files"]],
            {slide.slide: slide.split for slide in slides},
            tiles.uri,
            ranks=ranks,
            shards_per_rank=SHARDS_PER_RANK,
            batch_size=batch_size,
            seed=seed,
            classes=sorted({slide.label for slide in slides} - {""}),
            tile_size=settings.tile_size,
            mpp=settings.mpp or None,
        )
        admission.write_json(settings._asdict(), storage.join(tiles.uri, _TILING))
        tiles.metadata.update({"tiles": sum(shard["tiles"] for shard in told["shards"]), "cut": told["cut"]})
        return tiles.uri

    result: str = step.run(work)
    return result


def fit(
    tiles_uri: str, parameters: TrainingParameters, resources: Resources, model: Artifact, metrics: Artifact
) -> str:
    """Train a model by MPI; returns the URI of its folder."""
    from brume.slides.pipeline import training_job

    step = Step(
        "training",
        inputs=[storage.join(tiles_uri, "shards.json")],
        parameters=asdict(parameters),
        outputs=[Output(model, "model"), Output(metrics, "work/metrics/training.json")],
    )

    def work() -> str:
        work_uri = step.place("work/training") or storage.join(model.uri, "checkpoints")
        training_job.launch(
            tiles_uri,
            model.uri,
            work_uri,
            parameters,
            resources=resources,
            image=images.reference("training"),
            log=print,
        )
        storage.write_bytes(
            storage.join(model.uri, _TILING), storage.read_bytes(storage.join(tiles_uri, _TILING))
        )
        told = json.loads(storage.read_bytes(storage.join(model.uri, "training.json")))
        model.metadata.update({"framework": "tensorflow", "format": "SavedModel"})
        metrics.metadata.update(_training_metrics(told))
        return model.uri

    result: str = step.run(work)
    return result


def _training_metrics(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the dashboard shows of a training: its figures, and the last row of its best epoch."""
    names = ("ranks", "collective", "best_epoch", "steps", "images_per_second", "input_wait_share", "weights")
    best: Mapping[str, Any] = next((row for row in told["history"] if row["epoch"] == told["best_epoch"]), {})
    shown = ("loss", "accuracy", "valid_loss", "valid_accuracy")
    return {name: told[name] for name in names} | {name: best[name] for name in shown if name in best}
