"""An engine with two trained versions and, where a test needs it, its page in a browser."""

from __future__ import annotations

import contextlib
import fcntl
import json
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from brume.aws.engine import catalog
from brume.aws.engine.page_token import TOKEN
from tests.aws.serving import KEY, OTHER, client_of
from tests.components.inspection.parts import Running, dataset_ready, running, source

PROJECT = "plates"


@dataclass(frozen=True)
class Served:
    """A running engine, and clients of both its services."""

    url: str
    vision: Any
    console: Any
    stranger: Any  # a client of the console's service in another account
    root: Path
    data: Path

    def address(self) -> str:
        """The address that opens the page, once."""
        return f"{self.url}/console/?token={(self.data / TOKEN).read_text()}"

    def query(self, statement: str, *values: Any) -> list[Any]:
        """Read or change the engine's database behind its back."""
        with sqlite3.connect(self.data / "state.db", timeout=30) as database:
            return list(database.execute(statement, values))


def plant_model(trained: Running, served: Served, version: int, threshold: float | None = None) -> None:
    """Give the engine the model that another one trained: what a training of its own would leave behind."""
    (project,) = served.query("select id from projects where name = ?", PROJECT)[0]
    data = trained.settings.data
    with sqlite3.connect(data / "state.db", timeout=30) as database:
        database.row_factory = sqlite3.Row
        row = dict(database.execute("select * from models where version = 1").fetchone())
    folder = data / "models" / row["project"] / "1"
    shutil.copytree(folder, served.data / "models" / project / str(version))
    row |= {"project": project, "version": version, "status": "TRAINED", "url": "", "threshold": threshold}
    marks = ", ".join("?" * len(row))
    served.query(f"insert into models ({', '.join(row)}) values ({marks})", *row.values())
    served.query("update projects set versions = ? where id = ?", version, project)


@pytest.fixture(scope="session")
def served(trained: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Project `plates` with a training dataset of 24 pictures and two versions of one model.

    Version 1 decides as it was trained to; version 2 calls everything anomalous.
    """
    root = tmp_path_factory.mktemp("console")
    shutil.copytree(trained.root / "pictures", root / "pictures")
    with running(root) as found, contextlib.ExitStack() as stack:
        console = client_of(found.url, "brumeinspection")
        stranger = client_of(found.url, "brumeinspection", key=OTHER)
        data = found.settings.data
        # What the program that runs an engine writes beside it: the page takes its account from there, and
        # commands find the engine by it.
        keys = data / "credentials"
        keys.write_text(
            f"[default]\naws_access_key_id = {KEY.access_key}\naws_secret_access_key = {KEY.secret}\n"
            f"account = {KEY.account}\n"
        )
        state = {"name": "inspection", "url": found.url, "pid": 1, "services": [], "credentials": str(keys)}
        (data / catalog.STATE).write_text(json.dumps(state))
        fcntl.flock(stack.enter_context((data / catalog.LOCK).open("a")), fcntl.LOCK_EX)
        made = Served(found.url, found.client, console, stranger, root, data)
        found.client.create_project(ProjectName=PROJECT)
        found.client.create_dataset(
            ProjectName=PROJECT, DatasetType="train", DatasetSource=source("train.manifest")
        )
        dataset_ready(found.client, PROJECT)
        plant_model(trained, made, 1)
        plant_model(trained, made, 2, threshold=0.0)
        yield made
