"""Projects, datasets and tags of the engine, as boto3 sees them over HTTP."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from brume.aws.engine.catalog import EngineError
from brume.inspection.engine import engine
from tests.aws.serving import OTHER, client_of
from tests.components.inspection.parts import (
    BUCKET,
    OUTPUT,
    Running,
    dataset_ready,
    line,
    photo,
    refused,
    running,
    source,
    write_dataset,
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("engine")) as found:
        write_dataset(found.root / "pictures", 6, 4, masks=True)
        yield found


@pytest.fixture
def project(served: Running) -> str:
    name = "p" + uuid.uuid4().hex
    served.client.create_project(ProjectName=name)
    return name


@pytest.fixture
def client(served: Running) -> Any:
    return served.client


def filled(served: Running, project: str, text: str, kind: str = "train") -> dict[str, Any]:
    """Make a dataset from a manifest of this text, and wait for it."""
    key = f"{uuid.uuid4().hex}.manifest"
    (served.root / "pictures" / key).write_text(text)
    served.client.create_dataset(ProjectName=project, DatasetType=kind, DatasetSource=source(key))
    return dataset_ready(served.client, project, kind)


def lines_of(client: Any, project: str, **filters: Any) -> list[str]:
    pages = client.get_paginator("list_dataset_entries").paginate(
        ProjectName=project, DatasetType="train", PaginationConfig={"PageSize": 3}, **filters
    )
    refs = [json.loads(item)["source-ref"] for page in pages for item in page["DatasetEntries"]]
    return [ref.rsplit("/", 1)[-1] for ref in refs]


def test_a_project_is_made_described_listed_and_deleted(client: Any, project: str) -> None:
    about = client.describe_project(ProjectName=project)["ProjectDescription"]
    assert about["ProjectArn"] == f"arn:aws:lookoutvision:eu-west-1:123456789012:project/{project}"
    assert (datetime.now(UTC) - about["CreationTimestamp"]).total_seconds() < 60
    pages = client.get_paginator("list_projects").paginate(PaginationConfig={"PageSize": 1})
    names = [item["ProjectName"] for page in pages for item in page["Projects"]]
    assert project in names
    assert names == sorted(set(names))
    with refused(client, "ConflictException", project) as answer:
        client.create_project(ProjectName=project)
    assert (answer["ResourceId"], answer["ResourceType"]) == (project, "PROJECT")
    client.delete_project(ProjectName=project)
    with refused(client, "ResourceNotFoundException", project) as answer:
        client.describe_project(ProjectName=project)
    assert (answer["ResourceId"], answer["ResourceType"]) == (project, "PROJECT")


def test_a_project_with_a_dataset_is_not_deleted(client: Any, project: str) -> None:
    client.create_dataset(ProjectName=project, DatasetType="train")
    with refused(client, "ConflictException", "train dataset"):
        client.delete_project(ProjectName=project)
    client.delete_dataset(ProjectName=project, DatasetType="train")
    client.delete_project(ProjectName=project)


def test_another_account_sees_nothing(served: Running, client: Any, project: str) -> None:
    other = client_of(served.url, "lookoutvision", key=OTHER)
    assert other.list_projects()["Projects"] == []
    arn = client.describe_project(ProjectName=project)["ProjectDescription"]["ProjectArn"]
    for request in (
        lambda: other.describe_project(ProjectName=project),
        lambda: other.create_dataset(ProjectName=project, DatasetType="train"),
        lambda: other.delete_project(ProjectName=project),
        lambda: other.list_tags_for_resource(ResourceArn=arn),
        lambda: other.detect_anomalies(
            ProjectName=project, ModelVersion="1", Body=photo(0), ContentType="image/png"
        ),
    ):
        with refused(other, "ResourceNotFoundException"):
            request()
    other.create_project(ProjectName=project)
    other.delete_project(ProjectName=project)
    client.describe_project(ProjectName=project)


def test_a_client_token_takes_effect_once(client: Any) -> None:
    name, token = "once" + uuid.uuid4().hex, uuid.uuid4().hex
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: client.create_project(ProjectName=name, ClientToken=token), range(16))
        )
    assert len({str(answer["ProjectMetadata"]) for answer in answers}) == 1
    with refused(client, "ConflictException", token):
        client.create_project(ProjectName=name + "x", ClientToken=token)
    client.delete_project(ProjectName=name, ClientToken=token)
    client.delete_project(ProjectName=name, ClientToken=token)


def test_a_manifest_becomes_a_dataset(served: Running, client: Any, project: str) -> None:
    about = filled(served, project, (served.root / "pictures/train.manifest").read_text())
    assert about["Status"] == "CREATE_COMPLETE"
    assert about["ImageStats"] == {"Total": 10, "Labeled": 10, "Normal": 6, "Anomaly": 4}
    given = (served.root / "pictures/train.manifest").read_text().splitlines()
    assert client.list_dataset_entries(ProjectName=project, DatasetType="train")["DatasetEntries"] == given
    listed = client.describe_project(ProjectName=project)["ProjectDescription"]["Datasets"]
    assert [(item["DatasetType"], item["Status"]) for item in listed] == [("train", "CREATE_COMPLETE")]
    with refused(client, "ConflictException", "update_dataset_entries"):
        client.create_dataset(ProjectName=project, DatasetType="train")


def test_a_folder_becomes_a_dataset_labelled_by_folder_names(
    served: Running, client: Any, project: str
) -> None:
    (served.root / "pictures/more/Anomaly/deep").mkdir(parents=True)
    for name in ("more/a.PNG", "more/Anomaly/deep/b.jpg", "more/notes.txt"):
        (served.root / "pictures" / name).write_bytes(photo(1))
    client.create_dataset(ProjectName=project, DatasetType="train", DatasetSource=source("more/"))
    about = dataset_ready(client, project)
    assert about["ImageStats"] == {"Total": 2, "Labeled": 1, "Normal": 0, "Anomaly": 1}
    assert about["StatusMessage"] == "1 files that are no pictures were passed over"
    assert lines_of(client, project, AnomalyClass="anomaly") == ["b.jpg"]
    client.delete_dataset(ProjectName=project, DatasetType="train")
    client.create_dataset(ProjectName=project, DatasetType="train", DatasetSource=source("more/Anomaly/"))
    assert dataset_ready(client, project)["ImageStats"]["Anomaly"] == 1


def test_every_bad_line_of_a_manifest_is_in_the_status_message(served: Running, project: str) -> None:
    good = f"{BUCKET}normal/000.png"
    text = "\n".join(["{", line(good, False), line(BUCKET + "none.png", True), line("/etc/passwd", False)])
    about = filled(served, project, text)
    assert about["Status"] == "CREATE_FAILED"
    assert about["ImageStats"]["Total"] == 0
    message = about["StatusMessage"]
    assert "3 of 4 lines" in message
    assert "line 1: it is not JSON" in message
    assert "line 3: s3://pictures/none.png is not there" in message
    assert "line 4: /etc/passwd is no address" in message


@pytest.mark.parametrize(
    ("key", "message"),
    [("none.manifest", "none.manifest"), ("../secret.manifest", "leads out"), ("x/", "no file")],
)
def test_a_source_that_cannot_be_read_fails_with_its_name(
    served: Running, client: Any, project: str, key: str, message: str
) -> None:
    (served.root / "secret.manifest").write_text(line(BUCKET + "normal/000.png", False))
    key = key if not key.startswith("..") else "normal/../" + key
    client.create_dataset(ProjectName=project, DatasetType="train", DatasetSource=source(key))
    about = dataset_ready(client, project)
    assert about["Status"] == "CREATE_FAILED"
    assert message in about["StatusMessage"]


def test_entries_are_filtered_and_paged(served: Running, client: Any, project: str) -> None:
    late = {"anomaly-label-metadata": json.loads(line("", True))["anomaly-label-metadata"]}
    late["anomaly-label-metadata"]["creation-date"] = "2025-06-01T00:00:00Z"
    text = [line(f"{BUCKET}normal/{number:03}.png", False) for number in range(6)]
    text += [line(f"{BUCKET}anomaly/006.png", True, **late), line(f"{BUCKET}anomaly/007.png", None)]
    filled(served, project, "\n".join(text))
    everything = [f"{number:03}.png" for number in range(8)]
    assert lines_of(client, project) == everything
    assert lines_of(client, project, Labeled=False) == ["007.png"]
    assert lines_of(client, project, Labeled=True) == everything[:7]
    assert lines_of(client, project, AnomalyClass="normal") == everything[:6]
    assert lines_of(client, project, AnomalyClass="anomaly") == ["006.png"]
    assert lines_of(client, project, SourceRefContains="anomaly/00") == ["006.png", "007.png"]
    assert lines_of(client, project, SourceRefContains="%") == []
    year = datetime(2025, 1, 1, tzinfo=UTC)
    assert lines_of(client, project, BeforeCreationDate=year) == everything[:6]
    assert lines_of(client, project, AfterCreationDate=year, Labeled=True) == ["006.png"]


def test_a_page_token_belongs_to_its_listing(served: Running, client: Any, project: str) -> None:
    filled(served, project, (served.root / "pictures/train.manifest").read_text())
    page = {"ProjectName": project, "DatasetType": "train", "MaxResults": 2}
    token = client.list_dataset_entries(**page)["NextToken"]
    for wrong in ({**page, "Labeled": True, "NextToken": token}, {**page, "NextToken": "AAAA"}):
        with refused(client, "ValidationException", "NextToken"):
            client.list_dataset_entries(**wrong)


def test_entries_are_added_and_replaced_by_their_source_ref(
    served: Running, client: Any, project: str
) -> None:
    client.create_dataset(ProjectName=project, DatasetType="train")
    change = {"ProjectName": project, "DatasetType": "train"}
    first = [line(f"{BUCKET}normal/{number:03}.png", None) for number in range(3)]
    assert client.update_dataset_entries(**change, Changes="\n".join(first))["Status"] == "UPDATE_COMPLETE"
    second = [line(f"{BUCKET}normal/001.png", False), line(f"{BUCKET}anomaly/006.png", True)]
    client.update_dataset_entries(**change, Changes="\n".join(second).encode())
    found = client.list_dataset_entries(ProjectName=project, DatasetType="train")["DatasetEntries"]
    assert found == [first[0], second[0], first[2], second[1]]
    about = client.describe_dataset(ProjectName=project, DatasetType="train")["DatasetDescription"]
    assert about["Status"] == "UPDATE_COMPLETE"
    assert about["ImageStats"] == {"Total": 4, "Labeled": 2, "Normal": 1, "Anomaly": 1}


def test_a_change_with_a_bad_line_changes_nothing(served: Running, client: Any, project: str) -> None:
    client.create_dataset(ProjectName=project, DatasetType="train")
    text = "\n".join([line(f"{BUCKET}normal/001.png", False), "oops", '{"source-ref": "ftp://x"}'])
    with refused(client, "ValidationException", "2 of 3 lines", "line 2: ", "line 3: ftp://x"):
        client.update_dataset_entries(ProjectName=project, DatasetType="train", Changes=text)
    about = client.describe_dataset(ProjectName=project, DatasetType="train")["DatasetDescription"]
    assert about["ImageStats"]["Total"] == 0
    with refused(client, "ResourceNotFoundException", "test dataset") as answer:
        client.update_dataset_entries(ProjectName=project, DatasetType="test", Changes=text)
    assert answer["ResourceType"] == "DATASET"


def test_training_is_refused_where_it_cannot_go_well(served: Running, client: Any, project: str) -> None:
    with refused(client, "ResourceNotFoundException", "no train dataset"):
        client.create_model(ProjectName=project, OutputConfig=OUTPUT)
    filled(
        served, project, "\n".join(line(f"{BUCKET}anomaly/{number:03}.png", True) for number in range(6, 10))
    )
    with refused(client, "ValidationException", "has 0 labelled normal and 4 anomalous", "at least 12"):
        client.create_model(ProjectName=project, OutputConfig=OUTPUT)
    client.create_dataset(ProjectName=project, DatasetType="test")
    with refused(client, "ValidationException", "at least 10"):
        client.create_model(ProjectName=project, OutputConfig=OUTPUT)
    with refused(client, "ResourceNotFoundException", "no model version 7"):
        client.describe_model(ProjectName=project, ModelVersion="7")
    outside = {"S3Location": {"Bucket": "results", "Prefix": "a/../../data/"}}
    with refused(client, "ValidationException", "OutputConfig", "leads out"):
        client.create_model(ProjectName=project, OutputConfig=outside)


def test_a_failed_dataset_is_told_when_training_is_asked_for(
    served: Running, client: Any, project: str
) -> None:
    filled(served, project, "oops")
    with refused(client, "ConflictException", "CREATE_FAILED", "line 1"):
        client.create_model(ProjectName=project, OutputConfig=OUTPUT)
    with refused(client, "ConflictException", "CREATE_FAILED"):
        client.update_dataset_entries(
            ProjectName=project, DatasetType="train", Changes=line(f"{BUCKET}normal/000.png", False)
        )


def test_tags_are_added_changed_listed_and_removed(client: Any, project: str) -> None:
    arn = client.describe_project(ProjectName=project)["ProjectDescription"]["ProjectArn"]
    client.tag_resource(
        ResourceArn=arn, Tags=[{"Key": "line", "Value": "3"}, {"Key": "site", "Value": "Kyōto"}]
    )
    client.tag_resource(ResourceArn=arn, Tags=[{"Key": "line", "Value": "4"}])
    found = client.list_tags_for_resource(ResourceArn=arn)["Tags"]
    assert found == [{"Key": "line", "Value": "4"}, {"Key": "site", "Value": "Kyōto"}]
    many = [{"Key": f"k{number}", "Value": ""} for number in range(49)]
    with refused(client, "ServiceQuotaExceededException", "51 tags") as answer:
        client.tag_resource(ResourceArn=arn, Tags=many)
    assert answer["QuotaCode"] == "tags-per-resource"
    with refused(client, "ValidationException", "aws:"):
        client.tag_resource(ResourceArn=arn, Tags=[{"Key": "aws:x", "Value": ""}])
    client.untag_resource(ResourceArn=arn, TagKeys=["line", "none"])
    assert [item["Key"] for item in client.list_tags_for_resource(ResourceArn=arn)["Tags"]] == ["site"]
    for wrong, code in ((arn + "x", "ResourceNotFoundException"), ("nonsense", "ValidationException")):
        with refused(client, code):
            client.list_tags_for_resource(ResourceArn=wrong)


def test_names_of_users_never_become_folders(served: Running, client: Any, project: str) -> None:
    assert not [path for path in served.settings.data.rglob("*") if project in path.name]


def test_state_survives_a_restart_and_an_unfinished_dataset_is_read_again(tmp_path: Path) -> None:
    from sqlalchemy import create_engine, text

    with running(tmp_path) as first:
        write_dataset(tmp_path / "pictures", 3, 1)
        first.client.create_project(ProjectName="kept")
        first.client.create_dataset(
            ProjectName="kept", DatasetType="train", DatasetSource=source("train.manifest")
        )
        dataset_ready(first.client, "kept")
    database = create_engine(f"sqlite:///{tmp_path}/data/state.db")
    with database.begin() as db:  # as a kill in the middle would leave it
        db.execute(text("delete from entries"))
        db.execute(text("update datasets set status = 'CREATE_IN_PROGRESS'"))
    database.dispose()
    with running(tmp_path) as second:
        assert dataset_ready(second.client, "kept")["ImageStats"]["Total"] == 4
    with database.begin() as db:
        db.execute(text("update schema_version set version = 99"))
    database.dispose()
    with pytest.raises(EngineError, match="version 99 of the schema"):
        engine.create(first.settings)
