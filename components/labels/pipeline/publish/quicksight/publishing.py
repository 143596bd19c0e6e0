"""Publish the dashboard to QuickSight: data source and sets, refresh, analysis, dashboard.

All is found again by ids made of the name, and only what differs is changed. The account must have signed up
for QuickSight (Enterprise edition: others have no hourly refresh), and QuickSight's service role must be
allowed to read the lake's bucket and to write the workgroup's results.

Source of the lists of permissions: "IAM policy examples and asset permissions", Amazon QuickSight User Guide.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow.compute as pc
from botocore.exceptions import BotoCoreError, ClientError

from brume.aws.client import client
from brume.aws.waiting import StillWaitingError, wait_until
from brume.labels.model.lake import Lake
from brume.labels.model.schema import DATABASE
from brume.labels.pipeline import aws_errors
from brume.labels.pipeline.dashboard.views import Board
from brume.labels.pipeline.publish.quicksight import data_sets, definition
from brume.labels.pipeline.publish.quicksight.data_sets import DataSet
from brume.labels.pipeline.publish.quicksight.visuals import Members, UnknownColumnError, identity

NAME = "Brume labelling"
_SCHEDULE = "hourly"
_WAIT_SECONDS, _LOOK_SECONDS = 300.0, 1.0
_NOT_SIGNED_UP = "sign up for QuickSight (Enterprise edition) in this account, and name one of its users"


class QuickSightError(RuntimeError):
    """A dashboard that cannot be published; the message gives the cause and the remedy."""


@dataclass
class Summary:
    """The dashboard's id and version, and what was created and changed ("data-set/brume-answers")."""

    dashboard: str
    version: int = 0
    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)


def publish(
    lake: Lake,
    board: Board,
    principal: str,
    *,
    name: str = NAME,
    database: str = DATABASE,
    workgroup: str = "primary",
) -> Summary:
    """Bring a board to QuickSight over the tables that Glue has of the lake (`publish.glue`).

    `principal` is the ARN of the QuickSight user or group that owns everything and can share it on. A second
    time only what differs is changed; a changed dashboard is a new version, which is published once it is
    made. Raises `QuickSightError`.
    """
    if not lake.uri.startswith("s3://"):
        raise QuickSightError(
            f"QuickSight reads a lake in S3 alone, not {lake.uri}: use lake=s3://BUCKET/FOLDER"
        )
    times = lake.table("answers", columns=["submitted"])["submitted"]
    first: datetime.datetime | None = pc.min(times).as_py()
    try:
        account = _Account(principal, name)
        return account.publish(board, data_sets.load(database), workgroup, first)
    except (ClientError, BotoCoreError) as error:
        cause = aws_errors.explain("quicksight", error, UnsupportedUserEditionException=_NOT_SIGNED_UP)
        raise QuickSightError(f"publishing {name!r} to QuickSight: {cause}") from error
    except UnknownColumnError as error:
        raise QuickSightError(f"publishing {name!r} to QuickSight: {error}") from error


@dataclass(frozen=True)
class _Kind:
    """A kind of asset: the word in its operations, its id's and description's members, an owner's actions."""

    word: str
    key: str
    described: str
    actions: Sequence[str]


def _owner(noun: str, *others: str) -> list[str]:
    own = [f"Describe{noun}", f"Update{noun}", f"Delete{noun}", f"Describe{noun}Permissions"]
    return [f"quicksight:{action}" for action in (*own, f"Update{noun}Permissions", *others)]


_INGESTION = ("CreateIngestion", "CancelIngestion", "DescribeIngestion", "ListIngestions")
_SOURCE = _Kind("data_source", "DataSourceId", "DataSource", _owner("DataSource", "PassDataSource"))
_SET = _Kind("data_set", "DataSetId", "DataSet", _owner("DataSet", "PassDataSet", *_INGESTION))
_ANALYSIS = _Kind(
    "analysis", "AnalysisId", "Analysis", _owner("Analysis", "QueryAnalysis", "RestoreAnalysis")
)
_DASHBOARD = _Kind(
    "dashboard",
    "DashboardId",
    "Dashboard",
    _owner("Dashboard", "QueryDashboard", "ListDashboardVersions", "UpdateDashboardPublishedVersion"),
)


class _Account:
    """QuickSight in one account, and what has been done there so far."""

    def __init__(self, principal: str, name: str) -> None:
        self._api = client("quicksight")
        self._account = {"AwsAccountId": client("sts").get_caller_identity()["Account"]}
        self._principal = principal
        self._name = name
        self._done = Summary(identity(name))

    def publish(
        self, board: Board, found: Mapping[str, DataSet], workgroup: str, first: datetime.datetime | None
    ) -> Summary:
        self._require_subscription()
        source = self._data_source(workgroup)
        arns = {one.name: self._data_set(one, source) for one in found.values()}
        self._dashboard(definition.build(board, found, arns, first))
        return self._done

    def _require_subscription(self) -> None:
        try:
            about = self._api.describe_account_subscription(**self._account)["AccountInfo"]
        except self._api.exceptions.ResourceNotFoundException as error:
            raise QuickSightError(f"this account has no QuickSight: {_NOT_SIGNED_UP}") from error
        if about.get("Edition") == "STANDARD":
            raise QuickSightError(f"this account has QuickSight's Standard edition: {_NOT_SIGNED_UP}")

    def _data_source(self, workgroup: str) -> str:
        wanted = {"Name": self._name, "DataSourceParameters": {"AthenaParameters": {"WorkGroup": workgroup}}}
        there = self._bring(
            _SOURCE,
            identity(self._name),
            wanted,
            lambda there: {key: there.get(key) for key in wanted} == wanted,
            Type="ATHENA",
        )
        return str(there["Arn"])

    def _data_set(self, one: DataSet, source: str) -> str:
        columns = [
            {"Name": name, "Type": kind} | ({"SubType": "FLOAT"} if kind == "DECIMAL" else {})
            for name, kind in one.columns.items()
        ]
        table = {"DataSourceArn": source, "Name": one.name, "SqlQuery": one.sql, "Columns": columns}
        wanted = {
            "Name": f"{self._name}: {one.name.replace('_', ' ')}",
            "PhysicalTableMap": {one.name.replace("_", "-"): {"CustomSql": table}},
            "ImportMode": "SPICE",
        }
        key = identity(self._name, one.name)
        there = self._bring(_SET, key, wanted, lambda there: _essence(there) == _essence(wanted))
        self._refresh_hourly(key)
        return str(there["Arn"])

    def _refresh_hourly(self, data_set: str) -> None:
        schedule = {
            "ScheduleId": _SCHEDULE,
            "ScheduleFrequency": {"Interval": "HOURLY"},
            "RefreshType": "FULL_REFRESH",
        }
        key = {**self._account, "DataSetId": data_set}
        try:
            there = self._api.describe_refresh_schedule(**key, ScheduleId=_SCHEDULE)["RefreshSchedule"]
        except self._api.exceptions.ResourceNotFoundException:
            self._api.create_refresh_schedule(**key, Schedule=schedule)
            self._done.created.append(f"refresh-schedule/{data_set}")
            return
        interval = there.get("ScheduleFrequency", {}).get("Interval")
        if (interval, there.get("RefreshType")) != ("HOURLY", "FULL_REFRESH"):
            self._api.update_refresh_schedule(**key, Schedule=schedule)
            self._done.updated.append(f"refresh-schedule/{data_set}")

    def _dashboard(self, made: Members) -> None:
        """Bring analysis and dashboard to a definition, whose digest the dashboard's version remembers."""
        content = json.dumps([self._name, made], sort_keys=True, default=str).encode()
        digest = f"brume {hashlib.sha256(content).hexdigest()}"
        key = identity(self._name)
        before = self._describe(_DASHBOARD, key)
        same = before is not None and before["Version"].get("Description") == digest
        wanted = {"Name": self._name, "Definition": made}
        self._bring(_ANALYSIS, key, wanted, lambda _: same)
        after = self._bring(
            _DASHBOARD,
            key,
            wanted
            | {
                "VersionDescription": digest,
                "DashboardPublishOptions": {"ExportToCSVOption": {"AvailabilityStatus": "ENABLED"}},
            },
            lambda _: same,
        )
        self._done.version = int(after["Version"]["VersionNumber"])

    def _bring(
        self, kind: _Kind, key: str, wanted: Members, same: Callable[[Members], bool], **only_new: Any
    ) -> Members:
        """Create an asset, or update one that differs; returns its description when QuickSight is done."""
        asked = {**self._account, kind.key: key}
        permissions = [{"Principal": self._principal, "Actions": list(kind.actions)}]
        there = self._describe(kind, key)
        place = f"{kind.word.replace('_', '-')}/{key}"
        version: Members = {}
        if there is None:
            self._ask("create", kind, **asked, **wanted, **only_new, Permissions=permissions)
            self._done.created.append(place)
        else:
            if not same(there):
                answer = self._ask("update", kind, **asked, **wanted)
                if kind is _DASHBOARD:
                    version = {"VersionNumber": int(answer["VersionArn"].rsplit("/", 1)[1])}
                self._done.updated.append(place)
            grant = getattr(self._api, f"update_{kind.word}_permissions")
            grant(**asked, GrantPermissions=permissions)
        settled = self._settled(kind, key, **version)
        if version:
            self._api.update_dashboard_published_version(**asked, **version)
        return settled

    def _ask(self, verb: str, kind: _Kind, **members: Any) -> Members:
        return dict(getattr(self._api, f"{verb}_{kind.word}")(**members))

    def _describe(self, kind: _Kind, key: str, **members: Any) -> Members | None:
        try:
            answer = self._ask("describe", kind, **self._account, **{kind.key: key}, **members)
        except self._api.exceptions.ResourceNotFoundException:
            return None
        return dict(answer[kind.described])

    def _settled(self, kind: _Kind, key: str, **version: Any) -> Members:
        """Wait until QuickSight has made an asset, and return its description."""
        noun = kind.word.replace("_", " ")

        def is_made(asset: Members) -> bool:
            status = _status(asset)
            if status.endswith("SUCCESSFUL"):
                return True
            if status.endswith("IN_PROGRESS"):
                return False
            about = _version(asset)
            faults = [*about.get("Errors", []), *filter(None, [about.get("ErrorInfo")])]
            cause = "; ".join(fault.get("Message", "") for fault in faults)
            raise QuickSightError(f"QuickSight did not make the {noun} {key}: {status}: {cause}")

        try:
            return wait_until(
                lambda: self._describe(kind, key, **version) or {},
                is_made,
                seconds=_WAIT_SECONDS,
                first_pause=_LOOK_SECONDS,
                longest_pause=_LOOK_SECONDS,
            )
        except StillWaitingError as error:
            status = _status(error.last)
            raise QuickSightError(
                f"QuickSight still makes the {noun} {key} ({status}): publish again later"
            ) from None


def _version(asset: Members) -> Members:
    """Return what has the state of an asset: of a dashboard, its version."""
    return dict(asset.get("Version", asset))


def _status(asset: Members) -> str:
    return str(_version(asset).get("Status", "SUCCESSFUL"))


def _essence(data_set: Mapping[str, Any]) -> list[Any]:
    """Return what distinguishes two data sets; QuickSight's description has more fields."""
    found: list[Any] = [data_set.get("Name"), data_set.get("ImportMode")]
    for key, table in data_set.get("PhysicalTableMap", {}).items():
        sql = table.get("CustomSql", {})
        columns = [(column["Name"], column["Type"]) for column in sql.get("Columns", [])]
        found.append((key, sql.get("DataSourceArn"), sql.get("SqlQuery"), columns))
    return found
