"""The jobs of all services and the quality of the data, as operations and on the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.aws.serving import client_of
from tests.components.conftest import Tab
from tests.components.records.conftest import Export
from tests.components.records.healthlake import output
from tests.components.records.kendra import ROLE
from tests.components.records.pages import Pages, serve_pages
from tests.polling import until


@pytest.fixture(scope="module")
def working(export: Export, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """An engine with the lake of the demo, in which one job of each service has ended."""
    folder = tmp_path_factory.mktemp("jobs")
    (folder / "bucket").mkdir()
    (folder / "bucket" / "a.pdf").write_bytes(b"%PDF")
    (folder / "bucket" / "graph.nq").write_text("<urn:a> <urn:b> <urn:c> .\n<urn:a> broken\n")
    mapped = {"s3://bucket/": str(folder / "bucket")}
    with serve_pages(folder, lake=export.lake.uri, folders=mapped) as pages:
        _sync(pages)
        graph = client_of(pages.url, "neptunedata")
        graph.start_loader_job(
            source="s3://bucket/graph.nq", format="nquads", s3BucketRegion="eu-west-1", iamRoleArn=ROLE
        )
        client_of(pages.url, "comprehendmedical").start_phi_detection_job(
            InputDataConfig={"S3Bucket": "absent"},
            OutputDataConfig={"S3Bucket": "bucket"},
            LanguageCode="en",
            DataAccessRoleArn=ROLE,
            JobName="personal-data",
        )
        _export(pages)
        until(lambda: ended(pages))
        yield pages


def ended(pages: Pages) -> bool:
    found = pages.console.list_jobs()
    return all(job["State"] != "RUNNING" for job in found["Jobs"]) and not found["Indexes"][0]["Waiting"]


def _export(pages: Pages) -> None:
    health = client_of(pages.url, "healthlake")
    store = health.create_fhir_datastore(DatastoreTypeVersion="R4", DatastoreName="ward")["DatastoreId"]
    until(
        lambda: (
            health.describe_fhir_datastore(DatastoreId=store)["DatastoreProperties"]["DatastoreStatus"]
            == "ACTIVE"
        )
    )
    health.start_fhir_export_job(
        DatastoreId=store,
        OutputDataConfig=output("s3://bucket/out"),
        DataAccessRoleArn=ROLE,
        JobName="monthly",
    )


def _sync(pages: Pages) -> None:
    where = {"S3Configuration": {"BucketName": "bucket", "InclusionPatterns": ["*.pdf"]}}
    source = pages.kendra.create_data_source(
        IndexId=pages.index, Name="ward-files", Type="S3", RoleArn=ROLE, Configuration=where
    )["Id"]
    wanted = {"IndexId": pages.index, "Id": source}
    until(lambda: pages.kendra.describe_data_source(**wanted)["Status"] == "ACTIVE")
    pages.kendra.start_data_source_sync_job(**wanted)


def test_jobs_of_all_services_are_listed(working: Pages) -> None:
    answer = working.console.list_jobs()
    jobs = {job["Kind"]: job for job in answer["Jobs"]}
    assert set(jobs) == {"SYNC", "LOAD", "ENTITIES", "EXPORT"}
    assert (jobs["SYNC"]["Name"], jobs["SYNC"]["State"]) == ("ward-files", "DONE")
    assert {"Name": "documents added", "Count": 1} in jobs["SYNC"]["Counts"]
    assert jobs["LOAD"]["State"] == "FAILED" and "graph.nq, line 2" in jobs["LOAD"]["Message"]
    assert (jobs["ENTITIES"]["Name"], jobs["ENTITIES"]["State"]) == ("personal-data", "FAILED")
    assert (jobs["EXPORT"]["Name"], jobs["EXPORT"]["State"]) == ("monthly", "DONE")
    assert all(job["Ended"] >= job["Started"] for job in answer["Jobs"])
    (index,) = answer["Indexes"]
    assert index["Failed"] == 1 and "PDF is not read by this server" in index["Reasons"][0]["Reason"]


def test_data_quality_has_what_was_mended_and_set_aside(working: Pages, export: Export) -> None:
    answer = working.console.get_data_quality()
    with export.lake.connect() as lake:
        ((notes,),) = lake.execute("select count(*) from notes").fetchall()
        rejects = lake.execute("select file, line, reason from rejects order by file, line").fetchall()
    assert answer["Notes"] == notes and answer["Rejected"] >= len(rejects) > 0
    assert [(one["File"], one["Line"], one["Reason"]) for one in answer["Rejects"]] == rejects
    assert all(one["Remedy"] for one in answer["Rejects"])
    assert sum(one["Count"] for one in answer["Repairs"]) > 0 and answer["NoteRejects"]


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_the_page_of_jobs(width: int, dark: bool, working: Pages, browse: Callable[..., Tab]) -> None:
    tab = browse(working.address(), width=width, dark=dark)
    tab.go("#/jobs")
    text = tab.text()
    assert "ward-files" in text and "graph.nq, line 2" in text and "PDF is not read" in text
    assert "Lines that were set aside" in text and tab.errors == [] and tab.failures == []
    assert tab.value("document.querySelector('.places [aria-current]').textContent") == "Jobs"
    assert tab.value("document.documentElement.scrollWidth <= window.innerWidth")
    ratio, where = tab.contrast("document.querySelectorAll('main :is(p, a, span, h1, h2, h3, td, th, li)')")
    assert ratio >= 4.5, where
