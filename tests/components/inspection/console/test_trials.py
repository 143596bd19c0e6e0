"""Trials, verdicts and what becomes of them, through boto3 over HTTP."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from PIL import Image

from brume.aws.engine.background import Background
from brume.aws.engine.store import Store
from brume.inspection.engine.console.service import mount
from brume.inspection.engine.locations import open_locations
from brume.inspection.engine.tables import SCHEMA
from tests.components.inspection.console.conftest import PROJECT, Served
from tests.components.inspection.parts import encoded, photo, picture, refused, wait

pytestmark = pytest.mark.slow


def make_trial(served: Served, **more: Any) -> str:
    made = served.console.create_trial(ProjectName=PROJECT, ModelVersion="1", **more)["Trial"]
    return str(made["TrialId"])


def send(served: Served, trial: str, name: str, data: bytes) -> dict[str, Any]:
    return served.console.detect_trial_image(TrialId=trial, Name=name, ContentType="image/png", Body=data)[
        "Result"
    ]


def verify(served: Served, trial: str, result: dict[str, Any], verdict: str) -> dict[str, Any]:
    answer = served.console.verify_trial_result(TrialId=trial, ResultId=result["ResultId"], Verdict=verdict)
    return dict(answer["Result"])


def entries(served: Served, kind: str, part: str) -> list[dict[str, Any]]:
    pages = served.vision.get_paginator("list_dataset_entries").paginate(
        ProjectName=PROJECT, DatasetType=kind, SourceRefContains=part
    )
    return [json.loads(line) for page in pages for line in page["DatasetEntries"]]


def test_from_uploaded_pictures_to_entries_of_the_dataset(served: Served) -> None:
    trial = make_trial(served, Name="Nachtschicht <b>3</b> ✓")
    good = send(served, trial, "normal/große 1.png", photo(900))
    bad = send(served, trial, "anomaly/stain.png", photo(901, "stain"))
    odd = send(served, trial, "anomaly/other.png", photo(903, "stain"))
    spare = send(served, trial, "spare.png", photo(904))
    broken = send(served, trial, "notes.png", b"no picture")
    assert (good["IsAnomalous"], bad["IsAnomalous"]) == (False, True)
    assert 0 <= good["Confidence"] <= 1 and (good["Width"], good["Height"]) == (96, 96)
    assert (
        bad["Anomalies"][0]["Name"] in ("stain", "hole")
        and 0 < bad["Anomalies"][0]["TotalPercentageArea"] < 1
    )
    assert broken["Status"] == "REJECTED" and "neither a PNG nor a JPEG" in broken["StatusMessage"]

    assert verify(served, trial, good, "CORRECT")["TrueLabel"] == "NORMAL"
    assert verify(served, trial, bad, "CORRECT")["TrueLabel"] == "ANOMALY"
    assert verify(served, trial, odd, "INCORRECT")["TrueLabel"] == "NORMAL"
    verify(served, trial, spare, "INCORRECT")
    assert "TrueLabel" not in verify(served, trial, spare, "UNVERIFIED")
    with refused(served.console, "ConflictException", "neither a PNG nor a JPEG"):
        verify(served, trial, broken, "CORRECT")
    counts = served.console.describe_trial(TrialId=trial)["Trial"]["Counts"]
    assert counts == {
        "Total": 5, "Detected": 4, "Rejected": 1, "Anomalous": 2, "Correct": 2, "Incorrect": 1, "Added": 0
    }  # fmt: skip

    answer = served.console.add_verified_to_dataset(TrialId=trial, DatasetType="train")
    assert (answer["Added"], answer["AlreadyAdded"], answer["Unverified"]) == (3, 0, 1)
    again = served.console.add_verified_to_dataset(TrialId=trial, DatasetType="train")
    assert (again["Added"], again["AlreadyAdded"]) == (0, 3)
    found = entries(served, "train", trial)
    assert sorted(item["anomaly-label-metadata"]["class-name"] for item in found) == [
        "anomaly",
        "normal",
        "normal",
    ]
    assert all(item["anomaly-label-metadata"]["human-annotated"] == "yes" for item in found)
    with refused(served.console, "ConflictException", "train dataset"):
        verify(served, trial, bad, "INCORRECT")

    kept = served.data / "images" / found[0]["source-ref"].removeprefix("brume://images/")
    assert len(list(kept.parent.glob(f"trial-{trial}-*"))) == 4 * 3
    served.console.delete_trial(TrialId=trial)
    assert len(list(kept.parent.glob(f"trial-{trial}-*"))) == 3 and kept.exists()
    with refused(served.console, "ResourceNotFoundException", trial):
        served.console.describe_trial(TrialId=trial)


def test_pictures_come_back_as_they_were_sent_small_and_with_a_heatmap(served: Served) -> None:
    trial = make_trial(served)
    sent = encoded(picture(910, "stain")[0].resize((640, 480)), "JPEG")
    found = send(served, trial, "a.jpg", sent)

    def get(kind: str) -> tuple[str, bytes]:
        answer = served.console.get_trial_picture(TrialId=trial, ResultId=found["ResultId"], Kind=kind)
        return answer["ContentType"], answer["Body"].read()

    assert get("IMAGE") == ("image/jpeg", sent)
    small = Image.open(io.BytesIO(get("THUMBNAIL")[1]))
    assert small.format == "JPEG" and max(small.size) <= 360
    kind, data = get("HEATMAP")
    heat = Image.open(io.BytesIO(data))
    assert (kind, heat.mode) == ("image/png", "RGBA") and heat.width / heat.height == pytest.approx(
        4 / 3, rel=0.02
    )
    low, high = heat.getchannel("A").getextrema()
    assert low == 0 and high > 100  # the stain is seen, the rest of the plate stays as it is
    with refused(served.console, "ResourceNotFoundException"):
        served.console.get_trial_picture(TrialId=trial, ResultId="0" * 16)


def test_results_are_filtered_sorted_and_paged(served: Served) -> None:
    trial = make_trial(served)
    for index in range(7):
        send(served, trial, f"{index}.png", photo(920 + index, "stain" if index % 3 == 0 else ""))
    send(served, trial, "text.png", b"text")

    def listed(size: int = 3, **filters: Any) -> list[dict[str, Any]]:
        pages = served.console.get_paginator("list_trial_results").paginate(
            TrialId=trial, PaginationConfig={"PageSize": size}, **filters
        )
        return [result for page in pages for result in page["Results"]]

    assert [item["Name"] for item in listed()] == [*(f"{index}.png" for index in range(7)), "text.png"]
    rising = listed(SortBy="CONFIDENCE_ASCENDING", Status="DETECTED")
    assert [item["Confidence"] for item in rising] == sorted(item["Confidence"] for item in rising)
    falling = listed(SortBy="CONFIDENCE_DESCENDING")
    assert falling[-1]["Name"] == "text.png" and len(falling) == 8
    assert {item["Name"] for item in listed(IsAnomalous=True)} == {"0.png", "3.png", "6.png"}
    verify(served, trial, rising[0], "CORRECT")
    assert [item["Name"] for item in listed(Verdict="CORRECT")] == [rising[0]["Name"]]
    token = served.console.list_trial_results(TrialId=trial, MaxResults=2)["NextToken"]
    with refused(served.console, "ValidationException", "NextToken"):
        served.console.list_trial_results(TrialId=trial, MaxResults=2, IsAnomalous=True, NextToken=token)


def test_a_trial_of_a_folder_runs_in_the_background_and_goes_on_after_a_restart(served: Served) -> None:
    trial = make_trial(served, Source="s3://pictures/anomaly", ClientToken="once")
    assert make_trial(served, Source="s3://pictures/anomaly", ClientToken="once") == trial

    def look() -> dict[str, Any]:
        return dict(served.console.describe_trial(TrialId=trial)["Trial"])

    done = wait(look, ("READY", "FAILED"))
    assert done["Status"] == "READY" and done["Counts"]["Detected"] == 8
    with refused(served.console, "ConflictException", "s3://pictures/anomaly"):
        send(served, trial, "more.png", photo(1))
    # As a kill would have left it: two pictures wait, and the trial is not ended.
    served.query("update console_trials set status = 'IN_PROGRESS' where id = ?", trial)
    served.query("update console_results set status = 'PENDING' where trial = ? and name < '018'", trial)
    assert look()["Counts"]["Detected"] == 6
    store, background = Store("", served.data, SCHEMA), Background()
    where = open_locations(served.data, {"s3://pictures/": str(served.root / "pictures")})
    mount(store, where, background)
    background.resume(store)
    assert wait(look, ("READY", "FAILED"))["Counts"]["Detected"] == 8
    background.close()
    store.close()

    empty = make_trial(served, Source="s3://pictures/nowhere/")
    failed = wait(lambda: dict(served.console.describe_trial(TrialId=empty)["Trial"]), ("READY", "FAILED"))
    assert failed["Status"] == "FAILED" and "no PNG or JPEG" in failed["StatusMessage"]
    with refused(served.console, "ValidationException", "leads out"):
        make_trial(served, Source="s3://pictures/../../")


def test_pictures_of_the_test_dataset_are_not_added_to_training(served: Served) -> None:
    for name, label in (("one.png", "NORMAL"), ("two.png", "ANOMALY")):
        put = served.console.put_dataset_image(
            ProjectName=PROJECT,
            DatasetType="test",
            Name=name,
            Label=label,
            ContentType="image/png",
            Body=photo(950),
        )
    assert put["SourceRef"].startswith("brume://images/")
    again = served.console.put_dataset_image(
        ProjectName=PROJECT,
        DatasetType="test",
        Name="two.png",
        Label="NORMAL",
        ContentType="image/png",
        Body=photo(951),
    )
    assert again["SourceRef"] == put["SourceRef"]
    stats = served.vision.describe_dataset(ProjectName=PROJECT, DatasetType="test")["DatasetDescription"][
        "ImageStats"
    ]
    assert stats == {"Total": 2, "Labeled": 2, "Normal": 2, "Anomaly": 0}
    with refused(served.console, "ValidationException", "Body", "64"):
        served.console.put_dataset_image(
            ProjectName=PROJECT, DatasetType="test", Name="x", ContentType="image/png",
            Body=encoded(Image.new("RGB", (63, 80))),
        )  # fmt: skip
    trial = make_trial(served)
    found = send(served, trial, "b.png", photo(952))
    verify(served, trial, found, "CORRECT")
    served.console.add_verified_to_dataset(TrialId=trial, DatasetType="test")
    other = make_trial(served, Source="s3://pictures/normal/")
    wait(lambda: dict(served.console.describe_trial(TrialId=other)["Trial"]), ("READY",))
    first = served.console.list_trial_results(TrialId=other, MaxResults=1)["Results"][0]
    verify(served, other, first, "CORRECT")
    answer = served.console.add_verified_to_dataset(TrialId=other, DatasetType="test")
    assert (answer["Added"], answer["AlreadyAdded"]) == (0, 1)  # it is trained on
    served.vision.delete_dataset(ProjectName=PROJECT, DatasetType="test")


def test_another_account_sees_none_of_it(served: Served) -> None:
    trial = make_trial(served)
    found = send(served, trial, "mine.png", photo(960))
    result = {"TrialId": trial, "ResultId": found["ResultId"]}
    stranger = served.stranger
    for call in (
        lambda: stranger.describe_trial(TrialId=trial),
        lambda: stranger.delete_trial(TrialId=trial),
        lambda: stranger.list_trial_results(TrialId=trial),
        lambda: stranger.get_trial_picture(**result),
        lambda: stranger.verify_trial_result(**result, Verdict="CORRECT"),
        lambda: stranger.add_verified_to_dataset(TrialId=trial, DatasetType="train"),
        lambda: stranger.detect_trial_image(TrialId=trial, Name="x", ContentType="image/png", Body=photo(1)),
        lambda: stranger.create_trial(ProjectName=PROJECT, ModelVersion="1"),
        lambda: stranger.compare_models(ProjectName=PROJECT, ModelVersions=["1", "2"]),
        lambda: stranger.update_model_threshold(ProjectName=PROJECT, ModelVersion="1", Threshold=0.1),
        lambda: stranger.put_dataset_image(
            ProjectName=PROJECT, DatasetType="train", Name="x", ContentType="image/png", Body=photo(1)
        ),
    ):
        with refused(stranger, "ResourceNotFoundException"):
            call()
    assert stranger.list_trials()["Trials"] == []
    assert stranger.get_dashboard()["Projects"] == []
