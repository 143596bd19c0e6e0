"""Lines of output manifests and descriptions of jobs, as AWS documents them.

Sources: "Labeling job output data" of the SageMaker developer guide for the lines of each task type, and the
answer of DescribeLabelingJob in the API reference, as the AWS command line prints it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from brume.labels.demo.job_plan import Job

BUCKET = "s3://lumen-road-labels"
_ACCOUNT = "111122223333"
_REGION = "eu-west-1"

# Task type in the metadata of a line, and the name of AWS's consolidation function for it.
TYPES = {
    "VideoObjectTracking": ("groundtruth/video-object-tracking", "VideoObjectTracking"),
    "VideoObjectTrackingAudit": ("groundtruth/video-object-tracking", "AdjustmentVideoObjectTracking"),
    "VideoObjectDetection": ("groundtruth/video-object-detection", "VideoObjectDetection"),
    "ImageClassification": ("groundtruth/image-classification", "ImageMultiClass"),
    "BoundingBox": ("groundtruth/object-detection", "BoundingBox"),
    "SemanticSegmentation": ("groundtruth/semantic-segmentation", "SemanticSegmentation"),
    "Polylines": ("groundtruth/custom", "lane-markings"),
    "TextClassification": ("groundtruth/text-classification", "TextMultiClass"),
    "NamedEntityRecognition": ("groundtruth/text-span", "NamedEntityRecognition"),
}
_REFERENCES = ("Video", "SemanticSegmentation")  # whose labels lie in a file of their own


def attribute(job: Job) -> str:
    """Return the label attribute's name; that of a label in a file of its own ends in -ref."""
    return job_name(job) + ("-ref" if job.modality.startswith(_REFERENCES) else "")


def plain(name: str) -> str:
    """Return a name of what Ground Truth allows: letters, digits and hyphens."""
    spelt = name.replace("ü", "ue").replace("%", "").replace(" ", "-")
    return "-".join(part for part in spelt.lower().split("-") if part)


def job_name(job: Job) -> str:
    """Return the job's name as Ground Truth had it, which a folder renamed by hand no longer shows."""
    return plain(job.name)


def metadata(job: Job, created: datetime, **more: Any) -> dict[str, Any]:
    """Return the metadata that every label has, and `more`."""
    return {
        **more,
        "job-name": f"labeling-job/{job_name(job)}",
        "human-annotated": "yes",
        "creation-date": created.strftime("%Y-%m-%dT%H:%M:%S.%f"),
        "type": TYPES[job.modality][0],
    }


def line(
    job: Job, source: Mapping[str, str], value: Any, described: Mapping[str, Any], earlier: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a manifest line: its source, the labels of earlier jobs, and this job's own."""
    name = attribute(job)
    return {**source, **earlier, name: value, f"{name}-metadata": dict(described)}


def failure(job: Job, source: Mapping[str, str], created: datetime, reason: str) -> dict[str, Any]:
    """Return the line of a data object that got no label."""
    described = metadata(job, created, **{"failure-reason": reason})
    return {**source, f"{attribute(job)}-metadata": described}


def description(
    job: Job, *, created: datetime, modified: datetime, labelled: int, failed: int, as_number: bool
) -> dict[str, Any]:
    """Return what DescribeLabelingJob answers for a job.

    `as_number` writes times as seconds, as the first version of the AWS command line does.
    """

    def time(value: datetime) -> str | float:
        return value.timestamp() if as_number else value.isoformat(timespec="milliseconds")

    name, task = job_name(job), TYPES[job.modality][1]
    where = f"{BUCKET}/batch_manifests/{job.modality}/{job.batch}-{job.level}-{name}"
    arn = f"arn:aws:sagemaker:{_REGION}:{_ACCOUNT}"
    function = f"arn:aws:lambda:{_REGION}:568282634449:function"
    answer: dict[str, Any] = {
        "LabelingJobStatus": job.status,
        "LabelCounters": {
            "TotalLabeled": labelled,
            "HumanLabeled": labelled,
            "MachineLabeled": 0,
            "FailedNonRetryableError": failed,
            "Unlabeled": job.items - labelled - failed,
        },
    }
    if job.reason:
        answer["FailureReason"] = job.reason
    answer |= {
        "CreationTime": time(created),
        "LastModifiedTime": time(modified),
        "JobReferenceCode": f"{name}-{job.batch}",
        "LabelingJobName": name,
        "LabelingJobArn": f"{arn}:labeling-job/{name}",
        "LabelAttributeName": attribute(job),
        "InputConfig": {"DataSource": {"S3DataSource": {"ManifestS3Uri": f"{where}/input.manifest"}}},
        "OutputConfig": {"S3OutputPath": f"{where}/output/"},
        "RoleArn": f"arn:aws:iam::{_ACCOUNT}:role/labelling",
        "LabelCategoryConfigS3Uri": f"{where}/categories.json",
        "HumanTaskConfig": {
            "WorkteamArn": f"{arn}:workteam/private-crowd/road-labelling",
            "UiConfig": {"UiTemplateS3Uri": f"{BUCKET}/templates/{task}.liquid"},
            "PreHumanTaskLambdaArn": f"{function}:PRE-{task}",
            "TaskTitle": f"{job.modality} of {job.batch}",
            "TaskDescription": "Label what the guidelines name, and nothing else.",
            "NumberOfHumanWorkersPerDataObject": job.workers,
            "TaskTimeLimitInSeconds": 28800,
            "TaskAvailabilityLifetimeInSeconds": int(timedelta(days=10).total_seconds()),
            "AnnotationConsolidationConfig": {"AnnotationConsolidationLambdaArn": f"{function}:ACS-{task}"},
        },
        "Tags": [{"Key": "batch", "Value": job.batch}, {"Key": "level", "Value": job.level}],
    }
    if job.status in ("Completed", "Stopped"):
        answer["LabelingJobOutput"] = {
            "OutputDatasetS3Uri": f"{where}/output/{name}/manifests/output/output.manifest"
        }
    return answer
