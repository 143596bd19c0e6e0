"""The engine's state in a real PostgreSQL server, where one can be started."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.aws.postgres import database as database
from tests.components.inspection import test_engine_migration
from tests.components.inspection.parts import (
    BUCKET,
    Running,
    dataset_ready,
    line,
    refused,
    running,
    source,
    write_dataset,
)

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def served(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("postgres"), database=database) as found:
        write_dataset(found.root / "pictures", 5, 3)
        yield found


def test_projects_datasets_and_tags_live_in_postgresql(served: Running) -> None:
    client = served.client
    arn = client.create_project(ProjectName="p")["ProjectMetadata"]["ProjectArn"]
    client.create_dataset(ProjectName="p", DatasetType="train", DatasetSource=source("train.manifest"))
    about = dataset_ready(client, "p")
    assert about["ImageStats"] == {"Total": 8, "Labeled": 8, "Normal": 5, "Anomaly": 3}
    pages = client.get_paginator("list_dataset_entries").paginate(
        ProjectName="p", DatasetType="train", SourceRefContains="NORMAL", PaginationConfig={"PageSize": 2}
    )
    assert sum(len(page["DatasetEntries"]) for page in pages) == 5
    changes = "\n".join(line(f"{BUCKET}normal/{number:03}.png", None) for number in range(2))
    client.update_dataset_entries(ProjectName="p", DatasetType="train", Changes=changes)
    about = client.describe_dataset(ProjectName="p", DatasetType="train")["DatasetDescription"]
    assert about["ImageStats"]["Labeled"] == 6
    client.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}])
    with refused(client, "ConflictException", "train dataset"):
        client.delete_project(ProjectName="p")
    client.delete_dataset(ProjectName="p", DatasetType="train")
    client.delete_project(ProjectName="p")
    assert not (served.settings.data / "state.db").exists()


def test_a_token_takes_effect_once_under_concurrency(served: Running) -> None:
    def create(_number: int) -> str:
        answer = served.client.create_project(ProjectName="once", ClientToken="t")
        return str(answer["ProjectMetadata"])

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(create, range(24)))) == 1


def test_the_state_is_there_for_the_next_engine(database: str, tmp_path: Path) -> None:
    with running(tmp_path / "a", database=database) as first:
        first.client.create_project(ProjectName="kept")
    with running(tmp_path / "b", database=database) as second:
        second.client.describe_project(ProjectName="kept")


def test_state_of_before_numbered_steps_is_brought_up_to_date(database: str, tmp_path: Path) -> None:
    from sqlalchemy import create_engine

    address = database.replace("postgresql:", "postgresql+pg8000:")
    server = create_engine(address, isolation_level="AUTOCOMMIT")
    with server.connect() as db:
        db.exec_driver_sql("CREATE DATABASE old")
    server.dispose()
    old = create_engine(address.replace("/postgres", "/old"))
    with old.begin() as db:
        for statement in test_engine_migration.OLD.split(";\n"):
            db.exec_driver_sql(statement)
    old.dispose()
    with running(tmp_path, database=database.replace("/postgres", "/old")) as found:
        test_engine_migration.check_old(found)


def test_a_server_that_is_away_is_told(tmp_path: Path) -> None:
    from brume.aws.engine.catalog import EngineError, Settings
    from brume.inspection.engine import engine

    with pytest.raises(
        EngineError, match=r"postgresql\+pg8000://brume:\*\*\*@127.0.0.1:9/x cannot be opened"
    ):
        engine.create(Settings(tmp_path, {}, "postgresql://brume:secret@127.0.0.1:9/x"))
