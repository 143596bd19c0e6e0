"""The dashboard comes to QuickSight whole, is kept up to date, and refuses in words.

Every request goes over HTTP to our server, which checks it by QuickSight's own model; see `account` for what
moto answers and what a double does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from brume.aws.client import client
from brume.aws.wire.server import Engine
from brume.labels.model.lake import Lake
from brume.labels.pipeline import dashboard
from brume.labels.pipeline.dashboard.views import Board
from brume.labels.pipeline.publish import quicksight
from brume.labels.pipeline.publish.quicksight import publishing
from tests.aws.serving import serve_engine
from tests.components.labels.dashboard import tables
from tests.components.labels.lakes import answer, put
from tests.components.labels.publish.quicksight.account import QuickSight

LEAD = "arn:aws:quicksight:us-east-1:123456789012:user/default/lead"
CREW = "arn:aws:quicksight:us-east-1:123456789012:group/default/crew"
KEY = "Brume-labelling"


@pytest.fixture(scope="module")
def served(s3_server: str) -> Iterator[tuple[QuickSight, str]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_QUICKSIGHT", s3_server)
        double = QuickSight(client("quicksight"))
    with serve_engine(Engine({"quicksight": double}), keys=None) as url:
        yield double, url


@pytest.fixture
def account(s3_server: str, served: tuple[QuickSight, str], monkeypatch: pytest.MonkeyPatch) -> QuickSight:
    double, url = served
    double.forget()
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", s3_server)
    monkeypatch.setenv("AWS_ENDPOINT_URL_QUICKSIGHT", url)
    monkeypatch.setattr(publishing, "_LOOK_SECONDS", 0.01)
    return double


@pytest.fixture(scope="module")
def board() -> Board:
    with tables.connect(**tables.effort()) as connection:
        return dashboard.build(connection).board


@pytest.fixture
def lake(account: QuickSight) -> Lake:
    client("s3").create_bucket(Bucket="labels-quicksight")
    lake = Lake("s3://labels-quicksight/lake")
    put(lake, answers=[answer("ann")])
    return lake


def test_everything_is_made_and_refreshed_every_hour(lake: Lake, board: Board, account: QuickSight) -> None:
    done = quicksight.publish(lake, board, LEAD)
    assert account.sources[KEY]["Type"] == "ATHENA"
    assert account.sources[KEY]["DataSourceParameters"] == {"AthenaParameters": {"WorkGroup": "primary"}}
    assert {key.removeprefix(KEY) for key in account.sets} >= {"-answers", "-tasks", "-values", "-findings"}
    for data_set in account.sets.values():
        assert data_set["ImportMode"] == "SPICE"
        [table] = data_set["PhysicalTableMap"].values()
        assert table["CustomSql"]["DataSourceArn"] == account.sources[KEY]["Arn"]
        assert '"smgt-gluedatabase".' in table["CustomSql"]["SqlQuery"]
    assert account.schedules.keys() == account.sets.keys()
    for schedule in account.schedules.values():
        assert schedule["ScheduleFrequency"] == {"Interval": "HOURLY"}
        assert schedule["RefreshType"] == "FULL_REFRESH"
    [version] = account.dashboards[KEY]
    assert version["Definition"] == account.analyses[KEY]["Definition"]
    assert (done.dashboard, done.version, account.published[KEY]) == (KEY, 1, 1)
    kinds = {place.partition("/")[0] for place in done.created}
    assert kinds == {"data-source", "data-set", "refresh-schedule", "analysis", "dashboard"}
    assert done.updated == []
    assert {grant["Principal"] for grants in account.grants.values() for grant in grants} == {LEAD}


def test_a_second_time_nothing_is_made_again(lake: Lake, board: Board, account: QuickSight) -> None:
    quicksight.publish(lake, board, LEAD)
    account.asked.clear()
    again = quicksight.publish(lake, board, CREW)
    assert account.asked == []
    assert (again.created, again.updated, again.version) == ([], [], 1)
    # Who it is for may be somebody else now.
    assert {grant["Principal"] for grants in account.grants.values() for grant in grants} == {CREW}


def test_other_views_are_a_new_version_which_is_published_when_it_is_made(
    lake: Lake, board: Board, account: QuickSight
) -> None:
    quicksight.publish(lake, board, LEAD)
    account.asked.clear()
    fewer = dataclasses.replace(board, sections=board.sections[:2])
    done = quicksight.publish(lake, fewer, LEAD, workgroup="reports")
    assert account.sources[KEY]["DataSourceParameters"]["AthenaParameters"]["WorkGroup"] == "reports"
    assert account.asked == [
        "UpdateDataSource",
        "UpdateAnalysis",
        "UpdateDashboard",
        "UpdateDashboardPublishedVersion",
    ]
    assert (done.version, account.published[KEY], len(account.dashboards[KEY])) == (2, 2, 2)


def test_changed_data_sets_and_schedules_are_put_right(lake: Lake, board: Board, account: QuickSight) -> None:
    quicksight.publish(lake, board, LEAD)
    account.sets[f"{KEY}-jobs"]["PhysicalTableMap"]["jobs"]["CustomSql"]["SqlQuery"] = "SELECT 1"
    account.schedules[f"{KEY}-jobs"]["ScheduleFrequency"]["Interval"] = "DAILY"
    account.asked.clear()
    done = quicksight.publish(lake, board, LEAD)
    assert account.asked == ["UpdateDataSet", "UpdateRefreshSchedule"]
    assert done.updated == [f"data-set/{KEY}-jobs", f"refresh-schedule/{KEY}-jobs"]


def test_a_version_that_quicksight_cannot_make_is_not_published(
    lake: Lake, board: Board, account: QuickSight
) -> None:
    quicksight.publish(lake, board, LEAD)
    account.broken = "the column number is not a number"
    put(lake, answers=[answer("ann", "2023-12-31T09:30:00")])  # the time filter begins earlier
    with pytest.raises(
        quicksight.QuickSightError, match=rf"dashboard {KEY}: CREATION_FAILED: the column number"
    ):
        quicksight.publish(lake, board, LEAD)
    assert account.published[KEY] == 1


@pytest.mark.parametrize(("edition", "words"), [("", "has no QuickSight"), ("STANDARD", "Standard edition")])
def test_an_account_without_quicksight_says_what_to_do(
    lake: Lake, board: Board, account: QuickSight, edition: str, words: str
) -> None:
    account.edition = edition
    with pytest.raises(quicksight.QuickSightError, match=rf"{words}.*: sign up for QuickSight \(Enterprise"):
        quicksight.publish(lake, board, LEAD)
    assert account.asked == []


def test_a_lake_that_is_not_in_s3_says_where_it_must_be(tmp_path: Path, board: Board) -> None:
    with pytest.raises(quicksight.QuickSightError, match="lake=s3://BUCKET/FOLDER"):
        quicksight.publish(Lake(str(tmp_path)), board, LEAD)
