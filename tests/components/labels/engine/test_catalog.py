"""The catalog: its tables, by operations and by statements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from brume.labels.model.lake import Lake
from brume.labels.model.schema import DATABASE
from tests.aws.lake import RESULTS, fill, finished, rows, served
from tests.aws.serving import client_of


def test_the_catalog_describes_the_tables_and_their_columns(athena: Any) -> None:
    assert athena.list_data_catalogs()["DataCatalogsSummary"][0]["CatalogName"] == "AwsDataCatalog"
    (database,) = athena.list_databases(CatalogName="AwsDataCatalog")["DatabaseList"]
    assert database["Name"] == DATABASE
    names = {"CatalogName": "AwsDataCatalog", "DatabaseName": DATABASE}
    pages = athena.get_paginator("list_table_metadata").paginate(**names, PaginationConfig={"PageSize": 7})
    tables = [table for page in pages for table in page["TableMetadataList"]]
    assert [table["Name"] for table in tables] == sorted(table["Name"] for table in tables)
    assert {"labels", "annotations_batch_manifests", "findings"} <= {table["Name"] for table in tables}
    table = athena.get_table_metadata(**names, TableName="annotations_batch_manifests")["TableMetadata"]
    kinds = {column["Name"]: column["Type"] for column in table["Columns"]}
    assert (
        "label-category-attributes:struct<audit:string,moving:string,vehicle_type:string>"
        in kinds["tracking-annotations"]
    )
    assert [column["Name"] for column in table["PartitionKeys"]] == ["partition_0", "partition_1"]
    with pytest.raises(athena.exceptions.MetadataException):
        athena.get_table_metadata(**names, TableName="absent")


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SHOW DATABASES", [DATABASE]),
        ("SHOW TABLES 'quality_w*|findings'", ["findings", "quality_workers"]),
        ("SHOW PARTITIONS labels", ["modality=VideoObjectTracking/job=cars-0"]),
        ("SHOW COLUMNS IN workers", ["worker", "name", "email", "team", "source"]),
        ("SHOW VIEWS", []),
    ],
)
def test_statements_that_look(athena: Any, sql: str, expected: list[str]) -> None:
    assert [row[0] for row in rows(athena, finished(athena, sql))] == expected


def test_descriptions_of_a_table(athena: Any, root: Path) -> None:
    execution = finished(athena, "DESCRIBE labels", ResultConfiguration=RESULTS)
    assert execution["StatementType"] == "DDL"
    lines = [str(row[0]) for row in rows(athena, execution)]
    assert "attributes          \tmap<string,string>  \t                    " in lines
    address = execution["ResultConfiguration"]["OutputLocation"]
    assert address.endswith(".txt")
    assert (root / address.removeprefix("s3://")).read_text().splitlines() == lines
    created = "\n".join(str(row[0]) for row in rows(athena, finished(athena, "SHOW CREATE TABLE labels")))
    assert created.startswith(f"CREATE EXTERNAL TABLE `{DATABASE}.labels`(")
    plan = "\n".join(str(row[0]) for row in rows(athena, finished(athena, "EXPLAIN SELECT * FROM labels")))
    assert "labels" in plan or "Parquet" in plan
    assert str(root) not in plan


def test_each_query_sees_one_state_of_the_lake(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    with served(tmp_path, lake) as url:
        athena = client_of(url, "athena")
        counted = "SELECT count(*) AS n FROM labels"
        assert rows(athena, finished(athena, counted)) == [["n"], ["0"]]  # a lake that is not there yet
        fill(lake, jobs=3)
        assert rows(athena, finished(athena, counted)) == [["n"], ["6"]]
        fill(lake, jobs=1)
        assert rows(athena, finished(athena, counted)) == [["n"], ["2"]]
