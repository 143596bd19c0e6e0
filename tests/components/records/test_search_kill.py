"""A kill of the engine while it indexes and while a sync job runs: the next engine ends up the same."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.aws.processes import EngineProcess
from tests.components.records.kendra import CONCEPTS, ROLE, document, make_index
from tests.polling import until

COUNT = 40
pytestmark = pytest.mark.slow


@contextlib.contextmanager
def engine(root: Path) -> Iterator[tuple[Any, subprocess.Popen[bytes]]]:
    """Run the engine without weights; yields boto3's client and the process."""
    concepts = root / "concepts.tsv"
    concepts.write_text(CONCEPTS)
    settings = {"EMBEDDINGS": "none", "MENTIONS": "none", "CONCEPTS": str(concepts)}
    environment = {f"BRUME_RECORDS_{name}": value for name, value in settings.items()}
    folders = {name: root / name for name in ("notes", "owned")}
    with EngineProcess(root, "records", folders, environment=environment) as made:
        yield made.connect("kendra"), made.process


def indexed(client: Any, index: str) -> int:
    statistics = client.describe_index(Id=index)["IndexStatistics"]["TextDocumentStatistics"]
    return int(statistics["IndexedTextDocumentsCount"])


def result(client: Any, index: str) -> list[tuple[str, str]]:
    """Return everything that a query of all documents shows, in its order."""
    answer = client.query(
        IndexId=index, QueryText="asthma inhaler", QueryResultTypeFilter="DOCUMENT", PageSize=100
    )
    return [(item["DocumentId"], item["DocumentExcerpt"]["Text"]) for item in answer["ResultItems"]]


def test_a_kill_loses_no_document_no_sync_job_and_no_faq(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    for number in range(COUNT):
        (tmp_path / "notes" / f"{number:03}.txt").write_text(f"Asthma, inhaler number {number}. " * 40)
    (tmp_path / "owned").mkdir()
    (tmp_path / "owned" / "faq.csv").write_text("Who has asthma?,Many.\n" * 2000)
    configuration = {"S3Configuration": {"BucketName": "notes"}}
    with engine(tmp_path) as (client, process):
        index = make_index(client)
        source = client.create_data_source(
            IndexId=index, Name="notes", Type="S3", Configuration=configuration
        )["Id"]
        for start in range(0, COUNT, 10):
            documents = [document(f"put-{n}", f"Asthma, put {n}. " * 40) for n in range(start, start + 10)]
            client.batch_put_document(IndexId=index, Documents=documents)
        client.start_data_source_sync_job(Id=source, IndexId=index)
        path = {"Bucket": "owned", "Key": "faq.csv"}
        faq = client.create_faq(IndexId=index, Name="faq", S3Path=path, RoleArn=ROLE)["Id"]
        process.kill()  # whatever of it has been done
        process.wait()
    with engine(tmp_path) as (client, process):
        until(lambda: indexed(client, index) > 0)
        client.batch_delete_document(IndexId=index, DocumentIdList=["put-0"])
        process.kill()
        process.wait()
    with engine(tmp_path) as (client, _):
        until(lambda: indexed(client, index) == 2 * COUNT - 1)
        jobs = client.list_data_source_sync_jobs(Id=source, IndexId=index)["History"]
        until(lambda: client.list_data_source_sync_jobs(Id=source, IndexId=index)["History"][0]["EndTime"])
        assert len(jobs) == 1
        until(lambda: client.describe_faq(IndexId=index, Id=faq)["Status"] == "ACTIVE")
        statistics = client.describe_index(Id=index)["IndexStatistics"]["FaqStatistics"]
        assert statistics["IndexedQuestionAnswersCount"] == 2000
        killed = result(client, index)
        execution = client.start_data_source_sync_job(Id=source, IndexId=index)["ExecutionId"]

        def last() -> dict[str, Any]:
            return dict(client.list_data_source_sync_jobs(Id=source, IndexId=index)["History"][0])

        until(lambda: last()["Status"] == "SUCCEEDED")
        assert last()["ExecutionId"] == execution
        assert {last()["Metrics"][f"Documents{name}"] for name in ("Added", "Modified", "Deleted")} == {"0"}
        assert result(client, index) == killed
        assert len(killed) == 2 * COUNT - 1
