"""Ground Truth's output for tests, a file at a time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from brume import storage


class Output:
    """A tree of labelling output below a folder, local or s3://."""

    def __init__(self, root: str | Path) -> None:
        self.root = str(root)

    def write(self, path: str, content: Any) -> str:
        """Write bytes and text as they are, anything else as JSON; returns the path below the root."""
        if not isinstance(content, bytes):
            content = (content if isinstance(content, str) else json.dumps(content)).encode()
        storage.write_bytes(storage.join(self.root, path), content)
        return path

    def remove(self, path: str) -> None:
        storage.remove(storage.join(self.root, path))


class Job:
    """One job of a tree."""

    def __init__(
        self,
        output: Output,
        name: str = "cars",
        *,
        batch: str = "batch-1",
        level: str = "1",
        modality: str = "VideoObjectTracking",
    ) -> None:
        self.output, self.name, self.modality = output, name, modality
        self.folder = f"batch_manifests/{modality}/{batch}-{level}-{name}/output/{name}"

    def sequence(self, item: int, content: Any) -> str:
        """Write the consolidated annotations of a data object; a list is its frames."""
        path = f"{self.folder}/annotations/consolidated-annotation/output/{item}/SeqLabel.json"
        return self.output.write(
            path, {"tracking-annotations": content} if isinstance(content, list) else content
        )

    def answers(
        self, item: int, content: Any, *, iteration: int = 1, name: str = "2024-03-01_10:00:00"
    ) -> str:
        """Write a worker response; a list is its answers."""
        path = f"{self.folder}/annotations/worker-response/iteration-{iteration}/{item}/{name}.json"
        return self.output.write(path, {"answers": content} if isinstance(content, list) else content)

    def manifest(self, lines: Sequence[Any]) -> str:
        """Write the output manifest; a line that is no text is written as JSON."""
        text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
        return self.output.write(f"{self.folder}/manifests/output/output.manifest", text)

    def describe(self, **answer: Any) -> str:
        """Write what DescribeLabelingJob answers."""
        whole = {"LabelingJobName": self.name, "LabelingJobStatus": "Completed", **answer}
        return self.output.write(f"{self.folder}/labeling-job.json", whole)

    def line(self, item: int, **metadata: Any) -> dict[str, Any]:
        """Return a manifest line of a sequence."""
        where = f"s3://b/{self.folder}/annotations/consolidated-annotation/output/{item}/SeqLabel.json"
        return still(self.name, where, ref="-ref", source=f"s3://b/{item}.json", **metadata)


def still(
    job: str, value: Any, *, ref: str = "", source: str = "s3://b/1.jpg", **metadata: Any
) -> dict[str, Any]:
    """Return a manifest line with one label attribute, named as its job."""
    about = {
        "job-name": f"labeling-job/{job}",
        "human-annotated": "yes",
        "creation-date": "2024-03-01T12:00:00.000000",
        "type": "groundtruth/video-object-tracking",
        **{key.replace("_", "-"): one for key, one in metadata.items()},
    }
    return {"source-ref": source, f"{job}{ref}": value, f"{job}{ref}-metadata": about}


def box(number: int = 1, **more: Any) -> dict[str, Any]:
    """Return a label of a sequence as SeqLabel.json holds it."""
    label = {
        "height": 30,
        "width": 40,
        "top": 10,
        "left": 20.5,
        "class-id": "0",
        "label-category-attributes": {"moving": "yes"},
        "object-id": f"id-{number}",
        "object-name": f"Vehicle:{number}",
    }
    return {**label, **{key.replace("_", "-"): value for key, value in more.items()}}


def frame(number: int, /, *labels: Mapping[str, Any], **attributes: Any) -> dict[str, Any]:
    """Return a frame with its labels."""
    return {
        "frame-no": str(number),
        "frame": f"frame_{number:04}.jpeg",
        "frame-attributes": attributes,
        "annotations": list(labels),
    }


def answer(content: Any, worker: str = "w1", **more: Any) -> dict[str, Any]:
    """Return an answer; a list is its frames. A value None leaves a key out."""
    if isinstance(content, list):
        content = {"trackingAnnotations": {"frameData": {"entries": content}}}
    whole = {
        "acceptanceTime": "2024-03-01T09:00:00.000Z",
        "submissionTime": "2024-03-01T09:01:40.000Z",
        "timeSpentInSeconds": 90.5,
        "workerId": f"private.{worker}",
        "answerContent": content,
        "workerMetadata": {
            "identityData": {"identityProviderType": "Cognito", "issuer": "https://issuer", "sub": worker}
        },
        **more,
    }
    return {key: value for key, value in whole.items() if value is not None}


FRAMES = [frame(0, box(1), box(2)), frame(1, box(1))]


def small_job(output: Output, name: str = "cars", items: int = 2, **place: str) -> Job:
    """Write a job of some sequences, each with an answer of its own."""
    job = Job(output, name, **place)
    for item in range(items):
        job.sequence(item, FRAMES)
        job.answers(item, [answer(FRAMES, f"w{item}")])
    job.manifest([job.line(item, class_map={"0": "Vehicle"}) for item in range(items)])
    return job
