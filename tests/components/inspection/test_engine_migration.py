"""State from before numbered schema steps (state-1.sql) is brought up to date."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from brume import storage
from tests.components.inspection.parts import Running, refused, running

OLD = Path(__file__).with_name("state-1.sql").read_text(encoding="utf-8")
PROJECT = "6494e563988872e4"
ARN = "arn:aws:lookoutvision:eu-west-1:123456789012"


def make_old(root: Path) -> Path:
    """Write the old state into ROOT/data, as `running` opens it, and a picture that a project keeps."""
    picture = root / "data" / "images" / PROJECT / "a.png"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"picture")
    db = sqlite3.connect(root / "data" / "state.db")
    db.executescript(OLD)
    db.close()
    return picture


def check_old(found: Running) -> None:
    """Check that what the old state held is there."""
    client = found.client
    assert [item["ProjectName"] for item in client.list_projects()["Projects"]] == ["empty", "plates"]
    tags = {
        name: client.list_tags_for_resource(ResourceArn=f"{ARN}:{name}")["Tags"]
        for name in ("model/plates/1", "project/plates", "project/empty")
    }
    assert tags == {
        "model/plates/1": [{"Key": "line", "Value": "three"}],
        "project/plates": [{"Key": "site", "Value": "north"}],
        "project/empty": [],
    }
    model = client.describe_model(ProjectName="plates", ModelVersion="1")["ModelDescription"]
    assert (model["Status"], model["Performance"]["Recall"]) == ("TRAINED", 1.0)
    entries = client.list_dataset_entries(ProjectName="plates", DatasetType="train")["DatasetEntries"]
    assert entries == ['{"source-ref": "s3://pictures/normal/000.png"}']
    # The token of a request that the old engine answered still stands for that answer.
    again = client.create_project(ProjectName="plates", ClientToken="make-plates")["ProjectMetadata"]
    assert again["ProjectName"] == "plates"
    with refused(client, "ConflictException", "ClientToken make-plates came before"):
        client.create_project(ProjectName="other", ClientToken="make-plates")


def test_old_state_is_used_and_goes_on(tmp_path: Path) -> None:
    picture = make_old(tmp_path)
    for _ in range(2):  # the second time no step is left to take
        with running(tmp_path) as found:
            check_old(found)
    with running(tmp_path) as found:
        found.client.delete_model(ProjectName="plates", ModelVersion="1")
        found.client.delete_dataset(ProjectName="plates", DatasetType="train")
        found.client.delete_project(ProjectName="plates")
        assert not picture.exists()
        found.client.create_project(ProjectName="plates")
        assert found.client.list_tags_for_resource(ResourceArn=f"{ARN}:project/plates")["Tags"] == []


def test_a_project_whose_deletion_was_cut_short_is_deleted_by_the_next_engine(tmp_path: Path) -> None:
    picture = make_old(tmp_path)
    with running(tmp_path):
        pass
    with sqlite3.connect(tmp_path / "data" / "state.db") as db:  # as a kill in the middle would leave it
        db.execute("UPDATE projects SET status = 'DELETING' WHERE name = 'plates'")
    with running(tmp_path) as found, refused(found.client, "ResourceNotFoundException", "plates"):
        found.client.describe_project(ProjectName="plates")
    with sqlite3.connect(tmp_path / "data" / "state.db") as db:
        assert [name for (name,) in db.execute("SELECT name FROM projects")] == ["empty"]
    assert not picture.exists()


def test_files_are_removed_outside_of_the_transaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, go = threading.Event(), threading.Event()

    def remove(uri: str) -> None:
        entered.set()
        assert go.wait(60)

    with running(tmp_path) as found:
        client: Any = found.client
        client.create_project(ProjectName="large")
        monkeypatch.setattr(storage, "remove", remove)
        deleting = threading.Thread(target=client.delete_project, kwargs={"ProjectName": "large"})
        deleting.start()
        assert entered.wait(60)
        client.create_project(ProjectName="other")  # others write meanwhile
        with refused(client, "ConflictException", "that is being deleted"):
            client.create_project(ProjectName="large")
        with refused(client, "ResourceNotFoundException", "large"):
            client.describe_project(ProjectName="large")
        assert [item["ProjectName"] for item in client.list_projects()["Projects"]] == ["other"]
        go.set()
        deleting.join()
        client.create_project(ProjectName="large")
