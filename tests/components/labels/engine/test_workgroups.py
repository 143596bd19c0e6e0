"""Workgroups and named queries."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from brume.labels.model.lake import Lake
from brume.labels.model.schema import DATABASE
from tests.aws.lake import RESULTS, finished, refused, served
from tests.aws.serving import client_of
from tests.components.labels.lakes import put


def test_a_workgroup_sets_where_results_go(athena: Any) -> None:
    athena.create_work_group(
        Name="team",
        Description="of the tests",
        Configuration={
            "ResultConfiguration": {"OutputLocation": "s3://results/team/"},
            "EnforceWorkGroupConfiguration": True,
        },
    )
    execution = finished(athena, "SELECT 1", WorkGroup="team", ResultConfiguration=RESULTS)
    assert execution["ResultConfiguration"]["OutputLocation"].startswith("s3://results/team/")
    athena.update_work_group(WorkGroup="team", ConfigurationUpdates={"EnforceWorkGroupConfiguration": False})
    execution = finished(athena, "SELECT 1", WorkGroup="team", ResultConfiguration=RESULTS)
    assert execution["ResultConfiguration"]["OutputLocation"].startswith("s3://results/out/")
    athena.update_work_group(
        WorkGroup="team", ConfigurationUpdates={"BytesScannedCutoffPerQuery": 10_000_000}
    )
    assert finished(athena, "SELECT * FROM labels", WorkGroup="team")["Status"]["State"] == "SUCCEEDED"
    group = athena.get_work_group(WorkGroup="team")["WorkGroup"]
    assert group["Configuration"]["BytesScannedCutoffPerQuery"] == 10_000_000
    athena.update_work_group(WorkGroup="team", State="DISABLED")
    assert "is disabled" in refused(athena, "SELECT 1", WorkGroup="team")
    assert {one["Name"]: one["State"] for one in athena.list_work_groups()["WorkGroups"]} == {
        "primary": "ENABLED",
        "team": "DISABLED",
    }
    with pytest.raises(ClientError, match="is not empty"):
        athena.delete_work_group(WorkGroup="team")
    athena.delete_work_group(WorkGroup="team", RecursiveDeleteOption=True)
    with pytest.raises(ClientError, match="is not found"):
        athena.get_work_group(WorkGroup="team")


def test_a_query_over_the_cutoff_of_its_workgroup_is_not_run(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    put(lake, labels=[{"modality": "V", "job": "j", "class": secrets.token_hex(11_000_000)}])
    assert sum(part.size for part in lake.snapshot().parts("labels")) > 10_000_000
    with served(tmp_path, lake) as url:
        athena = client_of(url, "athena")
        athena.create_work_group(Name="small", Configuration={"BytesScannedCutoffPerQuery": 10_000_000})
        execution = finished(athena, "SELECT count(*) FROM labels", WorkGroup="small")
        assert execution["Status"]["State"] == "FAILED"
        assert "Bytes scanned limit was exceeded" in execution["Status"]["StateChangeReason"]
        assert (
            finished(athena, "SELECT count(*) FROM jobs", WorkGroup="small")["Status"]["State"] == "SUCCEEDED"
        )


def test_primary_cannot_be_deleted(athena: Any) -> None:
    with pytest.raises(ClientError, match="primary workgroup cannot be deleted"):
        athena.delete_work_group(WorkGroup="primary", RecursiveDeleteOption=True)


def test_named_queries_are_kept_changed_and_deleted(athena: Any) -> None:
    made = athena.create_named_query(Name="mine", Database=DATABASE, QueryString="SELECT 1")["NamedQueryId"]
    athena.update_named_query(NamedQueryId=made, Name="ours", QueryString="SELECT 2", Description="two")
    query = athena.get_named_query(NamedQueryId=made)["NamedQuery"]
    assert (query["Name"], query["QueryString"], query["Description"]) == (
        "ours",
        "SELECT 2",
        "two",
    )
    assert made in athena.list_named_queries()["NamedQueryIds"]
    athena.delete_named_query(NamedQueryId=made)
    with pytest.raises(ClientError, match="was not found"):
        athena.get_named_query(NamedQueryId=made)


def test_a_token_makes_one_named_query(athena: Any) -> None:
    asked = {"Name": "a", "Database": DATABASE, "QueryString": "SELECT 1", "ClientRequestToken": "t" * 32}
    made = athena.create_named_query(**asked)["NamedQueryId"]
    assert athena.create_named_query(**asked)["NamedQueryId"] == made
    with pytest.raises(ClientError, match="Idempotent parameters do not match"):
        athena.create_named_query(**asked | {"QueryString": "SELECT 2"})
    athena.delete_named_query(NamedQueryId=made)
