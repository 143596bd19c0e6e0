"""Evaluations, thresholds, comparisons and the dashboard, through boto3 over HTTP."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brume.inspection.engine.console import dashboard
from tests.components.inspection.console.conftest import PROJECT, Served
from tests.components.inspection.parts import photo, refused, wait

FIRST = {"ProjectName": PROJECT, "ModelVersion": "1"}


@pytest.fixture
def own_threshold(served: Served) -> Iterator[float]:
    """The threshold that version 1 was trained to, which it has again after the test."""
    yield served.console.get_model_evaluation(**FIRST)["Threshold"]
    served.query("update models set threshold = null where version = 1")


@pytest.mark.slow
def test_what_training_found_is_event(served: Served) -> None:
    facts = served.console.get_model_evaluation(**FIRST)
    assert (facts["NormalImages"], facts["AnomalousImages"]) == (13, 6)
    assert [item["Chosen"] for item in facts["Tried"]].count(True) == 1
    assert {item["Name"] for item in facts["Tried"] if item["Chosen"]} == {facts["Detector"]}
    curve = facts["Curve"]
    assert [point["Threshold"] for point in curve] == sorted(point["Threshold"] for point in curve)
    recalls = [point["Recall"] for point in curve]
    assert recalls == sorted(recalls, reverse=True) and recalls[0] == 1
    assert facts["Current"]["Threshold"] == facts["Threshold"]


@pytest.mark.slow
def test_a_threshold_is_set_without_training_and_decides_from_then_on(
    served: Served, own_threshold: float
) -> None:
    trial = served.console.create_trial(**FIRST)["Trial"]["TrialId"]

    def prediction(name: str) -> dict[str, Any]:
        return served.console.detect_trial_image(
            TrialId=trial, Name=name, ContentType="image/png", Body=photo(970)
        )["Result"]

    assert not prediction("a.png")["IsAnomalous"]
    low = served.console.update_model_threshold(**FIRST, Threshold=0.0)
    assert low["Expected"]["Recall"] == 1 and low["Expected"]["FalseAlarmRate"] == 1
    assert prediction("b.png")["IsAnomalous"]
    misses = served.console.update_model_threshold(**FIRST, MissCost=100, FalseAlarmCost=1)["Threshold"]
    alarms = served.console.update_model_threshold(**FIRST, MissCost=1, FalseAlarmCost=100)["Threshold"]
    assert misses < alarms
    assert served.console.get_model_evaluation(**FIRST)["Threshold"] == pytest.approx(alarms)
    for wrong in (
        {},
        {"MissCost": 1},
        {"MissCost": 0, "FalseAlarmCost": 0},
        {"Threshold": 0.5, "MissCost": 1},
    ):
        with refused(served.console, "ValidationException", "Cost"):
            served.console.update_model_threshold(**FIRST, **wrong)
    with refused(served.console, "ValidationException", "Threshold"):
        served.console.update_model_threshold(**FIRST, Threshold=1.5)


@pytest.mark.slow
def test_versions_are_compared_on_pictures_that_none_was_trained_on(served: Served) -> None:
    def look() -> dict[str, Any]:
        return dict(served.console.compare_models(ProjectName=PROJECT, ModelVersions=["1", "2"]))

    found = wait(look, ("COMPLETE", "FAILED"))
    assert found["Status"] == "COMPLETE", found
    (project,) = served.query("select id from projects where name = ?", PROJECT)[0]
    training = json.loads((served.data / f"models/{project}/1/bundle/training.json").read_text())
    (entries,) = served.query("select count(*) from entries where type = 'train' and anomalous is not null")[
        0
    ]
    assert found["Images"] == entries - len(training["out_of_fold"])
    one, two = found["Models"]
    assert (two["Recall"], two["Counts"]["TrueNormals"]) == (1.0, 0)  # it calls everything anomalous
    assert two["AreaUnderCurve"] == one["AreaUnderCurve"]  # they are one model but for the threshold
    differing = found["Differences"]
    assert differing and all(
        [one["IsAnomalous"] for one in item["Predictions"]] == [False, True] for item in differing
    )
    picture = served.console.get_dataset_picture(
        ProjectName=PROJECT, PictureId=differing[0]["PictureId"], Kind="HEATMAP", ModelVersion="1"
    )
    assert picture["ContentType"] == "image/png" and picture["Body"].read()[:4] == b"\x89PNG"
    with refused(served.console, "ValidationException", "ModelVersion"):
        served.console.get_dataset_picture(
            ProjectName=PROJECT, PictureId=differing[0]["PictureId"], Kind="HEATMAP"
        )
    with refused(served.console, "ValidationException", "twice"):
        served.console.compare_models(ProjectName=PROJECT, ModelVersions=["1", "1"])
    with refused(served.console, "ResourceNotFoundException", "9"):
        served.console.compare_models(ProjectName=PROJECT, ModelVersions=["1", "9"])


@pytest.mark.slow
def test_the_dashboard_counts_every_project_and_tells_of_drift(served: Served) -> None:
    (project, bundle) = served.query("select project, bundle from models where version = 1")[0]
    drift = json.loads(bundle)["drift"]
    mean, deviation = (
        dict(zip(drift["names"], drift[key], strict=True))["brightness"] for key in ("mean", "std")
    )
    now = int(time.time() // 60)
    served.vision.create_project(ProjectName="idle")
    for minutes, bright in ((1, 5.0), (90, 0.0)):
        served.query("insert into detections values (?, 1, ?, 60, 6)", project, now - minutes)
        total = 60 * (mean + bright * deviation)
        row = ("brightness", total, int(bright > 0))
        served.query("insert into drift_sums values (?, 1, ?, ?, ?, ?)", project, now - minutes, *row)
    try:
        found = served.console.get_dashboard()
        assert found["Period"] == "HOUR"
        assert {item["ProjectName"]: item["Processed"] for item in found["Projects"]} == {
            PROJECT: 120,
            "idle": 0,
        }
        total = found["Total"]
        assert (total["Processed"], total["Anomalous"], total["AnomalyRatio"]) == (
            120,
            12,
            pytest.approx(0.1),
        )
        assert sum(point["Processed"] for point in total["Points"]) == 120
        (alarm,) = found["Alarms"]
        assert alarm["Active"] and alarm["Statistic"] == "brightness"
        assert (
            alarm["Distance"] == pytest.approx(5, abs=0.1)
            and "5.0 standard deviations above" in alarm["Message"]
        )
        until = datetime.now(UTC) - timedelta(hours=1)
        earlier = served.console.get_dashboard(ProjectName=PROJECT, Until=until, Period="MINUTE")
        assert (earlier["Total"]["Processed"], earlier.get("Alarms")) == (60, [])
        with refused(served.console, "ValidationException", "Period"):
            served.console.get_dashboard(Since=until - timedelta(days=30), Period="MINUTE")
        with refused(served.console, "ValidationException", "Since"):
            served.console.get_dashboard(Since=datetime.now(UTC) + timedelta(hours=1))
    finally:
        served.query("delete from detections")
        served.query("delete from drift_sums")
        served.vision.delete_project(ProjectName="idle")


@given(st.integers(0, 2**31), st.integers(1, 80), st.sampled_from(["MINUTE", "HOUR", "DAY", "WEEK"]))
def test_every_moment_lies_in_one_period(first: int, periods: int, period: str) -> None:
    length = {"MINUTE": 1, "HOUR": 60, "DAY": 1440, "WEEK": 10080}[period]
    since = datetime.fromtimestamp(first, UTC)
    starts = dashboard._starts(since, since + timedelta(minutes=periods * length), period)
    assert starts[0] <= first // 60 < starts[0] + length
    assert all(later - earlier == length for earlier, later in itertools.pairwise(starts))
    assert starts[-1] <= first // 60 + periods * length < starts[-1] + length
    begins = datetime.fromtimestamp(starts[0] * 60, UTC)
    if period in ("DAY", "WEEK"):
        assert (begins.hour, begins.minute) == (0, 0)
    if period == "WEEK":
        assert begins.weekday() == 0
