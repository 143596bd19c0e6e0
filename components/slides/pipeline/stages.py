"""The stages of the slides pipelines from slides to a model; `results.py` has the others.

The work itself is in the modules named here. Data that grows with the cohort travels between stages as a URI:
an artifact would be copied to every step that reads it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

from brume import storage
from brume.cluster import images
from brume.cluster.resources import Resources
from brume.run.artifacts import Dataset, Metrics, Model
from brume.run.rejects import Reject
from brume.run.stage import Content, Contents, Operational, context, stage
from brume.slides.model import admission, resolution
from brume.slides.model.grid import NATIVE_WITHIN, Tiling
from brume.slides.model.labels import read_resolutions, read_splits
from brume.slides.model.parameters import TrainingParameters
from brume.slides.model.remarks import FILE as REMARKS
from brume.slides.model.remarks import Remark, read_remarks, write_remarks

SHARDS_PER_RANK = 4  # enough for shuffling whole shards to matter, few enough to keep them large
_TILING = "tiling.json"


class TilingSettings(NamedTuple):
    """How tiles are cut, as pipeline parameters; an mpp of 0 means as it is."""

    tile_size: int
    mpp: float
    max_background: float
    jpeg_quality: int
    tissue: str
    ink: str = "auto"
    native_within: float = NATIVE_WITHIN

    def tiling(self, assume_mpp: float) -> Tiling:
        """Return the checked settings. Raises `ValueError` that names the one that makes no sense."""
        return Tiling(
            self.tile_size,
            self.mpp or None,
            assume_mpp or None,
            self.max_background,
            self.jpeg_quality,
            self.tissue,  # type: ignore[arg-type]  # a word from outside: Tiling checks it
            self.ink,  # type: ignore[arg-type]
            self.native_within,
        )


@stage("cohort", outputs={"cohort": "work/cohort", "splits": "splits.csv"})
def admit_slides(
    slides: Content,
    labels: Content,
    assume_mpp: float,
    max_rejected: float,
    seed: int,
    split_by: str,
    earlier_splits: Content,
    tile_groups: int,
    tile_size: int,
    mpp: float,
    max_background: float,
    jpeg_quality: int,
    tissue: str,
    ink: str,
    cohort: Dataset,
    splits: Dataset,
) -> list[str]:
    """Open every slide, set aside what cannot be used, and split the rest by patient or by site.

    Patients of `earlier_splits` (the splits.csv of a run; "" for none) keep theirs. Returns the names of
    the groups that the slides are tiled in.
    """
    settings = TilingSettings(tile_size, mpp, max_background, jpeg_quality, tissue, ink)
    slides, labels = storage.absolute(slides), storage.absolute(labels)
    placed = read_splits(storage.absolute(earlier_splits)) if earlier_splits else {}
    found = admission.build(
        slides,
        labels,
        assume_mpp=assume_mpp,
        seed=seed,
        groups=tile_groups,
        mpp=mpp,
        split_by=split_by,
        placed=placed,
    )
    if not mpp and found.mpp:
        settings = settings._replace(mpp=found.mpp, native_within=resolution.ALIKE)
        alike = resolution.are_alike([slide.mpp for slide in found.slides])
        why = "the slides are alike" if alike else "the coarsest slide, as the others differ"
        print(f"tiles are cut at {found.mpp:g} microns per pixel: {why}")
    return _keep_cohort(found, max_rejected, settings, cohort, splits)


@stage("cohort", outputs={"cohort": "work/cohort", "splits": "work/splits.csv"})
def admit_new_slides(
    slides: Content,
    model: Content,
    resolutions: Content,
    assume_mpp: float,
    max_rejected: float,
    tile_groups: int,
    cohort: Dataset,
    splits: Dataset,
) -> list[str]:
    """Open every slide, set aside what cannot be used; tiles will be cut as the model knows them.

    No slide has a label or a split. Raises `FileNotFoundError` when no model is at `model`.
    """
    slides = storage.absolute(slides)
    try:
        settings = _settings(model)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"model={model} is no model of the slides pipeline: {error}") from error
    given = read_resolutions(storage.absolute(resolutions)) if resolutions else {}
    found = admission.build_unlabelled(slides, assume_mpp=assume_mpp, groups=tile_groups, resolutions=given)
    return _keep_cohort(found, max_rejected, settings, cohort, splits)


def _keep_cohort(
    found: admission.Admission,
    max_rejected: float,
    settings: TilingSettings,
    cohort: Dataset,
    splits: Dataset,
) -> list[str]:
    """Write the tables of a cohort, and how its tiles are cut; returns the names of its groups."""
    rejects_uri = storage.join(cohort.uri, "rejects.csv")
    table_uri = context().place("rejects.csv") or rejects_uri
    for uri in (rejects_uri, table_uri):
        admission.write_rejects(found.rejects, uri)
    admission.check_rejects(found.rejects, len(found.slides) + len(found.rejects), max_rejected, table_uri)
    admission.write_json(settings._asdict(), storage.join(cohort.uri, _TILING))
    write_remarks(found.remarks, storage.join(cohort.uri, REMARKS))
    admission.write_slides(found.slides, storage.join(cohort.uri, "slides.csv"))
    admission.write_splits(found.slides, splits.uri)
    return admission.groups_of(found.slides)


def _settings(folder: str) -> TilingSettings:
    """Read how the tiles were cut that a folder, or a model, is of. Raises `FileNotFoundError`."""
    return TilingSettings(**json.loads(storage.read_bytes(storage.join(folder, _TILING))))


@stage("tiling", part="group", outputs={"tiles": "work/tiles/group-{group}.json"})
def cut_tiles(cohort: Dataset, group: str, assume_mpp: float, tiles: Dataset) -> str:
    """Find the tissue of one group of slides and cut it into tiles.

    Returns the URI of the list of its tile files, rejects and remarks.
    """
    from brume.slides.model.tiles import read_marks, tile_group

    slides = admission.read_slides(storage.join(cohort.uri, "slides.csv"))
    records_uri = storage.join(tiles.uri.rsplit("/", 1)[0], "records")
    files, rejects = tile_group(
        [slide for slide in slides if slide.group == group],
        records_uri,
        _settings(cohort.uri).tiling(assume_mpp),
    )
    marks = list(read_marks(files))
    content = {
        "files": files,
        "rejects": [asdict(reject) for reject in rejects],
        "remarks": [remark for mark in marks for remark in mark.remarks()],
        "scans": [mark.scan for mark in marks],
    }
    admission.write_json(content, tiles.uri)
    return tiles.uri


@stage(
    "shards",
    outputs={"tiles": "tiles", "rejects": "rejects.csv", "remarks": REMARKS, "scans": "work/scans.json"},
)
def make_shards(
    cohort: Dataset,
    groups: Contents,
    ranks: int,
    batch_size: int,
    seed: int,
    max_rejected: float,
    tiles: Dataset,
    rejects: Dataset,
    remarks: Dataset,
    scans: Dataset,
) -> str:
    """Shuffle the training tiles into equal shards; keep the rest by split and slide.

    `groups` are the lists of `cut_tiles`. Tiles of slides without a split (of a prediction) are kept by
    slide, like those of the test split. Training tiles that were cut as the slides are must be of one
    resolution. Returns the URI of the folder of shards.
    """
    from brume.slides.model import shards

    slides, settings = admission.read_slides(storage.join(cohort.uri, "slides.csv")), _settings(cohort.uri)
    before = admission.read_rejects(storage.join(cohort.uri, "rejects.csv"))
    lists = [json.loads(storage.read_bytes(uri)) for uri in groups]
    refused = before + [Reject(**reject) for content in lists for reject in content["rejects"]]
    admission.write_rejects(refused, rejects.uri)
    admission.check_rejects(refused, len(slides) + len(before), max_rejected, rejects.uri)
    found = read_remarks(storage.join(cohort.uri, REMARKS))
    found += [Remark(*remark) for content in lists for remark in content["remarks"]]
    write_remarks(found, remarks.uri)
    scanned = [resolution.Scan(*scan) for content in lists for scan in content["scans"]]
    admission.write_json(scanned, scans.uri)
    if not settings.mpp and any(slide.split for slide in slides):
        settings = settings._replace(mpp=resolution.check_tiles(scanned), native_within=resolution.ALIKE)
    written = shards.write_shards(
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
    tiles.metadata.update(
        {"tiles": sum(shard["tiles"] for shard in written["shards"]), "cut": written["cut"]}
    )
    return tiles.uri


@stage("training", outputs={"trained": "model", "metrics": "work/metrics/training.json"})
def train_model(
    tiles_uri: Content,
    model: str,
    weights: Content,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    patience: int,
    ranks: int,
    collective: str,
    seed: int,
    worker_cpu: Operational[str],
    worker_memory: Operational[str],
    gpus: Operational[int],
    tolerations: Operational[list[dict[str, Any]]],
    trained: Model,
    metrics: Metrics,
) -> str:
    """Train by MPI: one rank a process here, one rank a pod of an MPIJob on a cluster.

    Returns the URI of the folder of the model.
    """
    from brume.slides.pipeline import training_job

    parameters = TrainingParameters(
        model=model,
        weights=weights,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        patience=patience,
        ranks=ranks,
        collective=collective,
        seed=seed,
    )
    training_job.launch(
        tiles_uri,
        trained.uri,
        context().place("work/training") or storage.join(trained.uri, "checkpoints"),
        parameters,
        resources=Resources(worker_cpu, worker_memory, gpus, tuple(tolerations)),
        image=images.reference("training"),
        log=print,
    )
    storage.write_bytes(
        storage.join(trained.uri, _TILING), storage.read_bytes(storage.join(tiles_uri, _TILING))
    )
    record = json.loads(storage.read_bytes(storage.join(trained.uri, "training.json")))
    trained.metadata.update({"framework": "tensorflow", "format": "SavedModel"})
    metrics.metadata.update(_training_metrics(record))
    return trained.uri


def _training_metrics(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the dashboard shows of a training: its metrics, and the last row of its best epoch."""
    names = ("ranks", "collective", "best_epoch", "steps", "images_per_second", "input_wait_share", "weights")
    best: Mapping[str, Any] = next(
        (row for row in record["history"] if row["epoch"] == record["best_epoch"]), {}
    )
    shown = ("loss", "accuracy", "valid_loss", "valid_accuracy")
    return {name: record[name] for name in names} | {name: best[name] for name in shown if name in best}
