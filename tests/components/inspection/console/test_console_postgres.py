"""The console's service with its state in PostgreSQL."""

from __future__ import annotations

import shutil
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, insert, select, update

from brume.inspection.engine.tables import detections, models, projects
from tests.aws.postgres import database as database
from tests.aws.serving import client_of
from tests.components.inspection.parts import Running, dataset_ready, photo, running, source, wait

pytestmark = pytest.mark.long


def test_trials_comparisons_and_the_dashboard(trained: Running, database: str, tmp_path: Path) -> None:
    shutil.copytree(trained.root / "pictures", tmp_path / "pictures")
    with running(tmp_path, database=database) as served:
        vision, console = served.client, client_of(served.url, "brumeinspection")
        vision.create_project(ProjectName="console")
        vision.create_dataset(
            ProjectName="console", DatasetType="train", DatasetSource=source("train.manifest")
        )
        dataset_ready(vision, "console")
        plant(trained, served, database.replace("postgresql://", "postgresql+pg8000://"))
        trial = console.create_trial(ProjectName="console", ModelVersion="1", ClientToken="a")["Trial"][
            "TrialId"
        ]
        for index in range(3):
            found = console.detect_trial_image(
                TrialId=trial, Name=f"{index}.png", ContentType="image/png", Body=photo(3000 + index)
            )["Result"]
        console.verify_trial_result(TrialId=trial, ResultId=found["ResultId"], Verdict="CORRECT")
        assert console.add_verified_to_dataset(TrialId=trial, DatasetType="train")["Added"] == 1
        counts = console.list_trials(ProjectName="console")["Trials"][0]["Counts"]
        assert (counts["Detected"], counts["Correct"], counts["Added"]) == (3, 1, 1)

        def look() -> dict[str, Any]:
            return dict(console.compare_models(ProjectName="console", ModelVersions=["1", "2"]))

        assert wait(look, ("COMPLETE", "FAILED"))["Status"] == "COMPLETE"
        assert console.update_model_threshold(ProjectName="console", ModelVersion="1", Threshold=0.4)
        board = console.get_dashboard(ProjectName="console")
        assert (board["Total"]["Processed"], board["Total"]["Anomalous"]) == (12, 3)
        console.delete_trial(TrialId=trial)
        assert console.list_trials()["Trials"] == []


def plant(trained: Running, served: Running, url: str) -> None:
    """Put the trained model into the database as versions 1 and 2, and some detections of the last hours."""
    with sqlite3.connect(trained.settings.data / "state.db") as old:
        old.row_factory = sqlite3.Row
        row = dict(old.execute("select * from models where version = 1").fetchone())
    folder = trained.settings.data / "models" / row["project"] / "1"
    server = create_engine(url)
    with server.begin() as db:
        project = db.execute(select(projects.c.id).filter_by(name="console")).scalar_one()
        for version, threshold in ((1, None), (2, 0.0)):
            values = row | {"project": project, "version": version, "status": "TRAINED", "url": ""}
            db.execute(insert(models).values(values | {"threshold": threshold}))
            shutil.copytree(folder, served.settings.data / "models" / project / str(version))
        db.execute(update(projects).where(projects.c.id == project).values(versions=2))
        now = int(time.time() // 60)
        for minutes in (3, 70, 300):
            seen = {"minute": now - minutes, "processed": 4, "anomalous": 1}
            db.execute(insert(detections).values(project=project, version=1, **seen))
    server.dispose()
