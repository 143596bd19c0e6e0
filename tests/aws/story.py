"""A program of Lookout for Vision's time, as its users wrote it: boto3 and nothing else.

    python story.py BUCKET MANIFEST_KEY PICTURES_FOLDER

It makes a project, trains, waits, hosts the model, looks at every picture and stops; it prints one line of
JSON. Where the service answers is left to the environment.
"""

import json
import sys
import time
from pathlib import Path

import boto3

PROJECT = "aliens"
bucket, manifest, folder = sys.argv[1:]
lookout = boto3.client("lookoutvision")


def wait(states):
    while True:
        model = lookout.describe_model(ProjectName=PROJECT, ModelVersion=version)["ModelDescription"]
        if model["Status"] in states:
            return model
        assert "FAILED" not in model["Status"], model
        time.sleep(0.5)


lookout.create_project(ProjectName=PROJECT)
lookout.create_dataset(
    ProjectName=PROJECT,
    DatasetType="train",
    DatasetSource={"GroundTruthManifest": {"S3Object": {"Bucket": bucket, "Key": manifest}}},
)
while (dataset := lookout.describe_dataset(ProjectName=PROJECT, DatasetType="train")["DatasetDescription"])[
    "Status"
] == "CREATE_IN_PROGRESS":
    time.sleep(0.2)
assert dataset["Status"] == "CREATE_COMPLETE", dataset
version = lookout.create_model(
    ProjectName=PROJECT, OutputConfig={"S3Location": {"Bucket": bucket, "Prefix": "output/"}}
)["ModelMetadata"]["ModelVersion"]
trained = wait(["TRAINED"])
lookout.start_model(ProjectName=PROJECT, ModelVersion=version, MinInferenceUnits=1)
wait(["HOSTED"])
found = {}
for path in sorted(Path(folder).rglob("*.png")):
    with path.open("rb") as image:
        answer = lookout.detect_anomalies(
            ProjectName=PROJECT, ModelVersion=version, Body=image, ContentType="image/png"
        )["DetectAnomalyResult"]
    found[str(path.relative_to(folder))] = answer["IsAnomalous"], answer["Confidence"]
lookout.stop_model(ProjectName=PROJECT, ModelVersion=version)
wait(["TRAINED"])
print(
    json.dumps(
        {
            "boto3": boto3.__version__,
            "images": dataset["ImageStats"],
            "performance": trained["Performance"],
            "found": found,
        }
    )
)
