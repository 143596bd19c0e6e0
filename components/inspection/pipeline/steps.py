"""Every step of the inspection pipeline: thin wrappers that make functions of `stages.py` kfp components."""

from functools import partial

from kfp import dsl

from brume.cluster.images import reference

# The image holds this package and what it needs: nothing is installed when a step starts.
step = partial(
    dsl.component, base_image=reference("pipeline"), packages_to_install=[], install_kfp_package=False
)


@step()
def list_images(
    images: str,
    test_images: str,
    trial_images: str,
    scenes: dsl.Output[dsl.Dataset],
    lists: dsl.Output[dsl.Dataset],
) -> None:
    """Look through all pictures and list those that can be used; without any, render brick scenes."""
    from brume.inspection.pipeline import stages

    stages.images(images, test_images, trial_images, scenes, lists)


@step()
def fill_datasets(project: str, lists: dsl.Input[dsl.Dataset]) -> int:
    """Create the project and its datasets."""
    from brume.inspection.pipeline import stages

    return stages.datasets(project, lists)


@step()
def train_model(
    project: str,
    entries: int,
    run: str,
    minutes: int,
    evaluation: dsl.Output[dsl.Artifact],
) -> str:
    """Train a model and wait for its end."""
    from brume.inspection.pipeline import stages

    return stages.train(project, entries, run, minutes, evaluation)


@step()
def evaluate_model(
    project: str,
    version: str,
    evaluation: dsl.Input[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    classification: dsl.Output[dsl.ClassificationMetrics],
) -> None:
    """Judge the model by the service's own predictions for its test images."""
    from brume.inspection.pipeline import stages

    stages.evaluate(project, version, evaluation, metrics, classification)


@step()
def package_model(project: str, version: str, minutes: int, bundle: dsl.Output[dsl.Model]) -> None:
    """Make the bundle that a device runs."""
    from brume.inspection.pipeline import stages

    stages.package(project, version, minutes, bundle)


@step()
def host_model(
    project: str,
    version: str,
    lists: dsl.Input[dsl.Dataset],
    run: str,
    minutes: int,
    units: int,
    deploy: bool,
) -> str:
    """Host the model and wait until it answers."""
    from brume.inspection.pipeline import stages

    return stages.host(project, version, lists, run, minutes, units, deploy)


@step()
def stop_model(project: str, run: str, deploy: bool, status: dsl.PipelineTaskFinalStatus) -> None:
    """End the hosting, however the run went, unless the model is to stay deployed."""
    from brume.inspection.pipeline import stages

    stages.stop(project, run, deploy)


@step()
def detect_anomalies(
    project: str, version: str, lists: dsl.Input[dsl.Dataset], detections: dsl.Output[dsl.Dataset]
) -> None:
    """Send every test and trial picture to the hosted model."""
    from brume.inspection.pipeline import stages

    stages.detect(project, version, lists, detections)


@step()
def write_report(
    project: str,
    version: str,
    lists: dsl.Input[dsl.Dataset],
    evaluation: dsl.Input[dsl.Artifact],
    bundle: dsl.Input[dsl.Model],
    detections: dsl.Input[dsl.Dataset],
    report: dsl.Output[dsl.HTML],
) -> None:
    """Write the report of the run, one self-contained page."""
    from brume.inspection.pipeline import stages

    stages.report(project, version, lists, evaluation, bundle, detections, report)
