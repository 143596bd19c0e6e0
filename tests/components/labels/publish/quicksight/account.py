"""A double of an account's QuickSight; our own server holds every request to the service's model.

What moto implements (data sources, creating data sets and dashboards) is also asked of moto over HTTP, so
that its own checks act. The rest moto does not have, and the double does it: refresh schedules, analyses,
permissions, subscriptions, versions of dashboards, updates and descriptions of data sets.
"""

from __future__ import annotations

import copy
from typing import Any

from botocore.exceptions import ClientError

from brume.aws.wire.server import Call, ServiceError

ARN = "arn:aws:quicksight:us-east-1:123456789012"


class QuickSight:
    """Keeps what it is given; assets are made when they have been described once."""

    def __init__(self, moto: Any) -> None:
        self._moto = moto
        self.forget()

    def forget(self) -> None:
        """Begin anew, with an account that has signed up and nothing in it."""
        self.edition = "ENTERPRISE"
        self.asked: list[str] = []  # the operations that change something, in order
        self.sources: dict[str, dict[str, Any]] = {}
        self.sets: dict[str, dict[str, Any]] = {}
        self.schedules: dict[str, dict[str, Any]] = {}
        self.analyses: dict[str, dict[str, Any]] = {}
        self.dashboards: dict[str, list[dict[str, Any]]] = {}  # all versions
        self.published: dict[str, int] = {}
        self.grants: dict[str, list[Any]] = {}
        self.seen: set[str] = set()  # assets that are made
        self.broken = ""  # why the next version of a dashboard is not made

    def describe_account_subscription(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        if not self.edition:
            raise ServiceError("ResourceNotFoundException", "Directory information for account is not found.")
        return {"AccountInfo": {"Edition": self.edition, "AccountSubscriptionStatus": "ACCOUNT_CREATED"}}

    def create_data_source(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        self.asked.append(call.operation)
        self._forward("create_data_source", request)
        key = request["DataSourceId"]
        self.sources[key] = _without(request, "AwsAccountId", "Permissions") | {
            "Arn": f"{ARN}:datasource/{key}"
        }
        self.grants[f"datasource/{key}"] = request["Permissions"]
        return {
            "Arn": self.sources[key]["Arn"],
            "DataSourceId": key,
            "CreationStatus": "CREATION_IN_PROGRESS",
        }

    def update_data_source(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        self.asked.append(call.operation)
        self._forward("update_data_source", request)
        self.sources[request["DataSourceId"]] |= _without(request, "AwsAccountId")
        return {"DataSourceId": request["DataSourceId"]}

    def describe_data_source(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        known = self._forward("describe_data_source", request)["DataSource"]
        own = _found(self.sources, request["DataSourceId"])
        assert known["Name"] == own["Name"]
        return {"DataSource": own | {"Status": self._status(own["Arn"])}}

    def update_data_source_permissions(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        self.grants[f"datasource/{request['DataSourceId']}"] = request["GrantPermissions"]
        return {"DataSourceId": request["DataSourceId"]}

    def create_data_set(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        self.asked.append(call.operation)
        self._forward("create_data_set", request)
        key = request["DataSetId"]
        self.sets[key] = _without(request, "AwsAccountId", "Permissions") | {"Arn": f"{ARN}:dataset/{key}"}
        self.grants[f"dataset/{key}"] = request["Permissions"]
        return {"Arn": self.sets[key]["Arn"], "DataSetId": key, "IngestionId": "first"}

    def update_data_set(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        self.asked.append(call.operation)
        self.sets[request["DataSetId"]] |= _without(request, "AwsAccountId")
        return {"DataSetId": request["DataSetId"]}

    def describe_data_set(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {"DataSet": _found(self.sets, request["DataSetId"]) | {"ConsumedSpiceCapacityInBytes": 1}}

    def update_data_set_permissions(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        self.grants[f"dataset/{request['DataSetId']}"] = request["GrantPermissions"]
        return {"DataSetId": request["DataSetId"]}

    def create_refresh_schedule(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        self.asked.append(call.operation)
        self.schedules[request["DataSetId"]] = request["Schedule"]
        return {"ScheduleId": request["Schedule"]["ScheduleId"]}

    update_refresh_schedule = create_refresh_schedule

    def describe_refresh_schedule(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        schedule = _found(self.schedules, request["DataSetId"])
        assert schedule["ScheduleId"] == request["ScheduleId"]
        return {"RefreshSchedule": schedule}

    def create_analysis(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        self.asked.append(call.operation)
        key = request["AnalysisId"]
        self.analyses[key] = _without(request, "AwsAccountId", "Permissions")
        self.grants[f"analysis/{key}"] = request["Permissions"]
        return {"AnalysisId": key, "CreationStatus": "CREATION_IN_PROGRESS"}

    def update_analysis(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        self.asked.append(call.operation)
        self.analyses[request["AnalysisId"]] = _without(request, "AwsAccountId")
        return {"AnalysisId": request["AnalysisId"], "UpdateStatus": "UPDATE_IN_PROGRESS"}

    def describe_analysis(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        own = _found(self.analyses, request["AnalysisId"])
        return {
            "Analysis": {
                "AnalysisId": own["AnalysisId"],
                "Name": own["Name"],
                "Status": self._status(f"analysis {own['AnalysisId']}"),
            }
        }

    def update_analysis_permissions(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        self.grants[f"analysis/{request['AnalysisId']}"] = request["GrantPermissions"]
        return {"AnalysisId": request["AnalysisId"]}

    def create_dashboard(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        self.asked.append(call.operation)
        self._forward("create_dashboard", request)
        key = request["DashboardId"]
        self.grants[f"dashboard/{key}"] = request["Permissions"]
        self.published[key] = 1
        return self._version(request)

    def update_dashboard(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        self.asked.append(call.operation)
        return self._version(request)

    def describe_dashboard(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        key = request["DashboardId"]
        versions = _found(self.dashboards, key)
        number = request.get("VersionNumber") or self.published[key]
        one = versions[number - 1]
        version = {
            "VersionNumber": number,
            "Description": one["VersionDescription"],
            "Status": self._status(f"{key} {number}"),
        }
        if one.get("broken"):
            version |= {
                "Status": "CREATION_FAILED",
                "Errors": [{"Type": "COLUMN_TYPE_MISMATCH", "Message": one["broken"]}],
            }
        return {"Dashboard": {"DashboardId": key, "Name": one["Name"], "Version": version}}

    def update_dashboard_permissions(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        self.grants[f"dashboard/{request['DashboardId']}"] = request["GrantPermissions"]
        return {"DashboardId": request["DashboardId"]}

    def update_dashboard_published_version(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        self.asked.append(call.operation)
        assert f"{request['DashboardId']} {request['VersionNumber']}" in self.seen, "it is not made yet"
        self.published[request["DashboardId"]] = request["VersionNumber"]
        return {"DashboardId": request["DashboardId"]}

    def _version(self, request: dict[str, Any]) -> dict[str, Any]:
        key = request["DashboardId"]
        versions = self.dashboards.setdefault(key, [])
        versions.append(
            copy.deepcopy(_without(request, "AwsAccountId", "Permissions")) | {"broken": self.broken}
        )
        return {"DashboardId": key, "VersionArn": f"{ARN}:dashboard/{key}/version/{len(versions)}"}

    def _status(self, asset: str) -> str:
        seen = asset in self.seen
        self.seen.add(asset)
        return "CREATION_SUCCESSFUL" if seen else "CREATION_IN_PROGRESS"

    def _forward(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        try:
            return dict(getattr(self._moto, operation)(**request))
        except ClientError as error:
            about = error.response["Error"]
            raise ServiceError(about["Code"], about["Message"]) from error


def _without(request: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in request.items() if name not in names}


def _found(known: dict[str, Any], key: str) -> Any:
    if key not in known:
        raise ServiceError("ResourceNotFoundException", f"{key} is not there")
    return known[key]
