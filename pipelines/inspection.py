"""Visual inspection: from pictures of parts to a trained, evaluated, hosted and packaged model.

brume run inspection images=DIR trial_images=NEW --out out/inspection
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kfp import dsl

from brume import storage
from brume.inspection.pipeline import stages
from brume.inspection.pipeline.settings import check_inspection
from brume.inspection.pipeline.sources import is_manifest
from brume.pipelines.running import steps


def check(arguments: Mapping[str, Any]) -> None:
    """Raise `ValueError` that names every parameter the pipeline cannot work with."""
    check_inspection(arguments)


def engines(arguments: Mapping[str, Any], out: Path) -> dict[str, dict[str, str]]:
    """Return the engines of a local run, each with the folders that stand for its addresses."""
    folders = {"s3://brume-run/": f"{out}/"}
    for name in ("images", "test_images", "trial_images"):
        uri = arguments[name]
        if uri and not storage.is_remote(uri):
            folder = Path(uri).absolute()
            folders[f"s3://{name.replace('_', '-')}/"] = f"{folder.parent if is_manifest(uri) else folder}/"
    return {"inspection": folders}


@steps.pipeline("inspection", "Train, evaluate, host and package a model that finds bad parts.")
def pipeline(
    images: str = "",
    project: str = "inspection",
    test_images: str = "",
    trial_images: str = "",
    deploy: bool = False,
    units: int = 1,
    timeout_minutes: int = 120,
) -> None:
    """Train, evaluate, host and package a model that finds bad parts.

    Args:
        images: Folder or s3:// prefix with normal/ and anomaly/ in it, or a manifest; empty: rendered bricks.
        project: Name of the project; its datasets are added to when it is there.
        test_images: Pictures to evaluate by, like images; empty holds some of the training pictures out.
        trial_images: New pictures to look at with the trained model: folder, s3:// prefix or manifest.
        deploy: Whether the model stays hosted at the end.
        units: Inference units that the model is hosted with.
        timeout_minutes: Minutes that training, and starting to host, may take.
    """
    step = steps.Steps({**locals(), "run": dsl.PIPELINE_JOB_ID_PLACEHOLDER})
    listed = step(stages.list_images, cpu="2", memory="2Gi").outputs
    trial = step(
        stages.list_trial_images, scenes=listed["scenes"], lists=listed["lists"], cpu="1", memory="2Gi"
    ).outputs["trial"]
    lists = listed["lists"]
    filled = step(stages.fill_datasets, lists=lists, cpu="500m", memory="512Mi")
    trained = step(stages.train_model, lists=lists, entries=filled.output, cpu="500m", memory="512Mi")
    version, evaluation = trained.outputs["Output"], trained.outputs["evaluation"]
    model = {"version": version, "evaluation": evaluation}
    step(stages.evaluate_model, **model, cpu="500m", memory="1Gi")
    packaged = step(stages.package_model, **model, cpu="500m", memory="512Mi")
    with dsl.ExitHandler(step(stages.stop_model, cpu="500m", memory="512Mi")):
        hosted = step(stages.host_model, lists=lists, trial=trial, **model, cpu="500m", memory="512Mi")
        detected = step(
            stages.detect_anomalies,
            version=hosted.output,
            lists=lists,
            trial=trial,
            evaluation=evaluation,
            cpu="500m",
            memory="512Mi",
        )
        step(
            stages.write_report,
            lists=lists,
            trial=trial,
            evaluation=evaluation,
            bundle=packaged.outputs["bundle"],
            detections=detected.outputs["detections"],
            cpu="1",
            memory="2Gi",
        )
