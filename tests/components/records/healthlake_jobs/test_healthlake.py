"""HealthLake by boto3: data stores, imports with faults, exports, and rights of keys."""

from __future__ import annotations

import gzip
import json
import shutil
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from prometheus_client import CollectorRegistry
from sqlalchemy import insert

from brume.aws.client import client
from brume.aws.engine.background import Background
from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.records.engine.access.audit import Audit
from brume.records.engine.access.scopes import Scopes
from brume.records.engine.healthlake.job_run import JobRun
from brume.records.engine.healthlake.jobs import Jobs
from brume.records.engine.healthlake.tables import DATASTORES
from brume.records.engine.parts import State
from brume.records.engine.tables import SCHEMA
from brume.records.model import ingest
from brume.records.model.deidentify import Mode
from brume.records.model.lake import Lake
from brume.records.model.resources import Resources
from brume.records.pipeline import healthlake_export
from tests.aws.serving import KEY, OTHER, client_of
from tests.components.records import healthlake as hl
from tests.components.records.conftest import Export
from tests.components.records.two_patients import ABOUT, PEOPLE, STUDY, WARD
from tests.polling import until


def test_a_data_store_from_its_beginning_to_its_end(boto: Any, url: str) -> None:
    asked = {"DatastoreName": "ward 7", "ClientToken": "once", "Tags": [{"Key": "k", "Value": "v"}]}
    made = boto.create_fhir_datastore(DatastoreTypeVersion="R4", **asked)
    again = boto.create_fhir_datastore(DatastoreTypeVersion="R4", **asked)
    identity = made["DatastoreId"]
    assert again["DatastoreId"] == identity and made["DatastoreStatus"] == "CREATING"
    assert made["DatastoreEndpoint"] == f"{url}/datastore/{identity}/r4/"
    until(lambda: hl.describe(boto, identity)["DatastoreStatus"] == "ACTIVE")
    found = hl.describe(boto, identity)
    assert (found["DatastoreName"], found["DatastoreTypeVersion"]) == ("ward 7", "R4")
    assert found["NlpConfiguration"] == {"Status": "DISABLED"}
    arn = found["DatastoreArn"]
    assert arn == f"arn:aws:healthlake:eu-west-1:{KEY.account}:datastore/fhir/{identity}"
    boto.tag_resource(ResourceARN=arn, Tags=[{"Key": "other", "Value": ""}])
    boto.untag_resource(ResourceARN=arn, TagKeys=["k"])
    assert boto.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "other", "Value": ""}]
    changed = boto.update_fhir_datastore(DatastoreId=identity, DatastoreName="ward 8")
    assert changed["DatastoreProperties"]["DatastoreName"] == "ward 8"
    with pytest.raises(ClientError, match="There is no data store"):
        client_of(url, "healthlake", key=OTHER).describe_fhir_datastore(DatastoreId=identity)
    assert boto.delete_fhir_datastore(DatastoreId=identity)["DatastoreStatus"] == "DELETING"
    until(lambda: hl.describe(boto, identity)["DatastoreStatus"] == "DELETED")
    gone = boto.list_fhir_datastores(Filter={"DatastoreStatus": "DELETED", "DatastoreName": "ward 8"})
    assert [one["DatastoreId"] for one in gone["DatastorePropertiesList"]] == [identity]
    with pytest.raises(ClientError, match="it has to be ACTIVE"):
        hl.start_export(boto, identity)


def test_data_stores_are_listed_in_pages_the_newest_first(boto: Any, people: str) -> None:
    made = [hl.make_datastore(boto, DatastoreName=f"page {number}") for number in range(2)]
    first = boto.list_fhir_datastores(MaxResults=1, Filter={"DatastoreStatus": "ACTIVE"})
    more = {"MaxResults": 100, "NextToken": first["NextToken"]}
    rest = boto.list_fhir_datastores(**more, Filter={"DatastoreStatus": "ACTIVE"})
    listed = [*first["DatastorePropertiesList"], *rest["DatastorePropertiesList"]]
    ids = [one["DatastoreId"] for one in listed]
    assert ids[:2] == made[::-1] and people in ids and len(set(ids)) == len(ids)
    newest = hl.describe(boto, made[1])["CreatedAt"]
    before = boto.list_fhir_datastores(Filter={"CreatedBefore": newest})["DatastorePropertiesList"]
    assert made[1] not in {one["DatastoreId"] for one in before}


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"IdentityProviderConfiguration": {"AuthorizationStrategy": "SMART_ON_FHIR_V1"}}, "use AWS_AUTH"),
        (
            {"SseConfiguration": {"KmsEncryptionConfig": {"CmkType": "CUSTOMER_MANAGED_KMS_KEY"}}},
            "encrypt its disk",
        ),
        ({"AnalyticsConfiguration": {"Status": "ENABLED"}}, "the lake of the pipeline"),
        ({"BackupConfiguration": {"Status": "ENABLED"}}, "copy its database"),
    ],
)
def test_what_is_not_done_is_refused_with_what_to_do(boto: Any, members: dict[str, Any], named: str) -> None:
    with pytest.raises(ClientError, match=named) as raised:
        boto.create_fhir_datastore(DatastoreTypeVersion="R4", **members)
    assert raised.value.response["Error"]["Code"] == "ValidationException"


def test_operations_that_are_refused_are_named(boto: Any) -> None:
    at = {"ContinuousBackupRestoreConfiguration": {"RestorePointTime": 0}}
    with pytest.raises(ClientError, match=r"RestoreFHIRDatastore of healthlake: this server makes no copies"):
        boto.restore_fhir_datastore(SourceDatastoreId="0" * 32, RestoreConfiguration=at)


def test_an_export_with_faults_is_taken_in_and_each_fault_has_its_line(
    boto: Any, root: Path, export: Export
) -> None:
    """Broken lines, byte-order marks, resources over several lines, log lines, deletions, huge numbers."""
    shutil.copytree(export.source, root / "inputs/demo")
    wide = {"resourceType": "Observation", "id": "wide", "status": "final", "valueInteger": 10**20}
    (root / "inputs/demo/Wide.ndjson").write_text(json.dumps(wide))
    store = hl.make_datastore(boto)
    found = hl.imported(boto, store, hl.start_import(boto, store, "s3://inputs/demo/", JobName="faults"))
    report, truth = found["JobProgressReport"], export.truth
    rejects = {*truth.rejects, ("Wide.ndjson", 1)}
    assert found["JobStatus"] == "COMPLETED_WITH_ERRORS" and found["JobName"] == "faults"
    folder = hl.folder_of(root, found)
    lines = {
        (path.relative_to(folder / "FAILURE").as_posix(), line["lineId"]): json.loads(line["exception"])
        for path in (folder / "FAILURE").rglob("*.ndjson")
        for line in map(json.loads, path.read_text().splitlines())
    }
    assert set(lines) == rejects
    assert all(one["issue"][0]["diagnostics"] for one in lines.values())
    assert report["TotalNumberOfResourcesWithCustomerError"] == len(rejects)
    succeeded = sum(len(path.read_text().splitlines()) for path in (folder / "SUCCESS").rglob("*.ndjson"))
    assert report["TotalNumberOfResourcesImported"] == succeeded
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["numberOfResourcesScanned"] == succeeded + len(rejects)
    assert manifest["successOutput"]["successOutputS3Uri"].endswith(f"-FHIR_IMPORT-{found['JobId']}/SUCCESS/")
    done = hl.exported(boto, store, hl.start_export(boto, store))
    there = hl.read(hl.folder_of(root, done))
    assert Counter(name.partition("/")[0] for name in there) == truth.resources
    assert not set(truth.deleted) & set(there)
    names = [
        json.dumps(one, ensure_ascii=False) for one in there.values() if one["resourceType"] == "Patient"
    ]
    assert any("ë" in one or "é" in one or not one.isascii() for one in names)


def test_what_was_exported_is_the_same_when_it_is_imported_again(boto: Any, root: Path, people: str) -> None:
    text = (
        '{"resourceType":"Observation","id":"digits","status":"final","subject":{"reference":"Patient/b"},'
        '"valueQuantity":{"value":1.10,"unit":"mg"}}\n'
    )
    (root / "inputs/digits.ndjson.gz").write_bytes(gzip.compress(text.encode()))
    done = hl.imported(boto, people, hl.start_import(boto, people, "s3://inputs/digits.ndjson.gz"))
    assert (done["JobStatus"], done["JobProgressReport"]["TotalNumberOfScannedFiles"]) == ("COMPLETED", 1)
    first = hl.folder_of(root, hl.exported(boto, people, hl.start_export(boto, people)))
    assert '"value":1.10' in (first / "Observation/Observation-0.ndjson").read_text()
    again = hl.make_datastore(boto)
    address = f"s3://outputs/{first.relative_to(root / 'outputs').as_posix()}"
    assert hl.imported(boto, again, hl.start_import(boto, again, address))["JobStatus"] == "COMPLETED"
    second = hl.folder_of(root, hl.exported(boto, again, hl.start_export(boto, again)))
    assert hl.plain(hl.read(first)) == hl.plain(hl.read(second))
    assert '"value":1.10' in (second / "Observation/Observation-0.ndjson").read_text()


def test_a_resource_that_fhir_does_not_allow_fails_alone(boto: Any, root: Path) -> None:
    secret = "Mrs Very Secret Name"
    hl.write(
        root / "inputs/wrong/Patient-0.ndjson",
        [
            {"resourceType": "Patient", "id": "no id of FHIR_", "name": [{"text": secret}]},
            {"resourceType": "Patient", "id": "ok"},
            {"resourceType": "Condition", "id": "c", "subject": {"reference": secret}},
            {"resourceType": "Practitioner", "id": "d", "name": [{"text": secret}]},
        ],
    )
    store = hl.make_datastore(boto)
    found = hl.imported(boto, store, hl.start_import(boto, store, "s3://inputs/wrong"))
    assert found["JobStatus"] == "COMPLETED_WITH_ERRORS"
    text = (hl.folder_of(root, found) / "FAILURE/Patient-0.ndjson").read_text()
    assert [json.loads(line)["lineId"] for line in text.splitlines()] == [1, 3]
    assert "Condition.subject.reference" in text and "Secret" not in text
    done = (hl.folder_of(root, found) / "SUCCESS/Patient-0.ndjson").read_text()
    plain, other = map(json.loads, done.splitlines())
    # aehrc/pathling#2528: a type that is not the file's, taken in without a word.
    assert (plain["lineId"], "warning" in plain, other["lineId"]) == (2, False, 4)
    assert "another type than the file's name states" in other["warning"] and "Secret" not in done


def test_a_file_that_stands_for_too_much_fails_and_the_others_do_not(boto: Any, root: Path) -> None:
    hl.write(root / "inputs/dense/Patient-0.ndjson", [{"resourceType": "Patient", "id": "x"}])
    (root / "inputs/dense/Patient-1.ndjson.gz").write_bytes(gzip.compress(b" " * (40 << 20)))
    store = hl.make_datastore(boto)
    found = hl.imported(boto, store, hl.start_import(boto, store, "s3://inputs/dense"))
    assert found["JobStatus"] == "COMPLETED_WITH_ERRORS"
    assert found["JobProgressReport"]["TotalNumberOfResourcesImported"] == 1
    text = (hl.folder_of(root, found) / "FAILURE/Patient-1.ndjson").read_text()
    assert "times its size" in text


def test_results_beside_the_input_are_not_imported_again(boto: Any, root: Path) -> None:
    hl.write(root / "inputs/beside/Patient-0.ndjson", [{"resourceType": "Patient", "id": "x"}])
    store = hl.make_datastore(boto)
    counts = []
    for _ in range(2):
        job = hl.start_import(boto, store, "s3://inputs/beside", to="s3://inputs/beside/results")
        counts.append(hl.imported(boto, store, job)["JobProgressReport"]["TotalNumberOfScannedFiles"])
    assert counts == [1, 1]


def test_a_job_without_files_or_out_of_its_folder_says_so(boto: Any, people: str) -> None:
    found = hl.imported(boto, people, hl.start_import(boto, people, "s3://inputs/nothing"))
    assert (found["JobStatus"], "names no files" in found["Message"]) == ("FAILED", True)
    with pytest.raises(ClientError, match=r"InputDataConfig: .* leads out"):
        hl.start_import(boto, people, "s3://inputs/../../etc")
    with pytest.raises(ClientError, match=r"There is no import job"):
        hl.import_job(boto, people, "0" * 32)


def test_jobs_are_started_once_and_listed(boto: Any, people: str) -> None:
    asked = {"DatastoreId": people, "OutputDataConfig": hl.output(), "DataAccessRoleArn": hl.ROLE}
    first = boto.start_fhir_export_job(**asked, JobName="twice", ClientToken="t1")["JobId"]
    assert boto.start_fhir_export_job(**asked, JobName="twice", ClientToken="t1")["JobId"] == first
    other = boto.start_fhir_export_job(**asked, JobName="twice")["JobId"]
    hl.exported(boto, people, other)
    listed = boto.list_fhir_export_jobs(DatastoreId=people, JobName="twice", JobStatus="COMPLETED")
    assert [one["JobId"] for one in listed["ExportJobPropertiesList"]] == [other, first]
    imports = boto.list_fhir_import_jobs(DatastoreId=people)["ImportJobPropertiesList"]
    assert first not in {one["JobId"] for one in imports} and imports


def test_a_key_for_reading_alone_changes_nothing(url: str, people: str) -> None:
    ward = client_of(url, "healthlake", key=WARD)
    for refused in (
        lambda: ward.create_fhir_datastore(DatastoreTypeVersion="R4"),
        lambda: ward.update_fhir_datastore(DatastoreId=people, DatastoreName="mine"),
        lambda: ward.delete_fhir_datastore(DatastoreId=people),
        lambda: hl.start_import(ward, people, "s3://inputs/people"),
    ):
        with pytest.raises(ClientError, match="needs the role full") as raised:
            refused()
        assert raised.value.response["Error"]["Code"] == "AccessDeniedException"


def test_an_export_has_what_its_key_may_see(url: str, root: Path, people: str) -> None:
    ward = client_of(url, "healthlake", key=WARD)
    there = hl.read(hl.folder_of(root, hl.exported(ward, people, hl.start_export(ward, people))))
    assert set(there) == {"Patient/a", "Condition/of-a", "Condition/by-record", "Practitioner/p", "Group/g"}
    with pytest.raises(ClientError, match="holds records as they are"):
        hl.start_export(client_of(url, "healthlake", key=STUDY), people)


def test_jobs_of_a_data_store_run_in_their_order(boto: Any, root: Path) -> None:
    store = hl.make_datastore(boto)
    for gender in ("female", "male"):
        hl.write(
            root / f"inputs/{gender}/all.ndjson", [{"resourceType": "Patient", "id": "x", "gender": gender}]
        )
    jobs = [hl.start_import(boto, store, f"s3://inputs/{one}") for one in ("female", "male")]
    export = hl.start_export(boto, store)
    there = hl.read(hl.folder_of(root, hl.exported(boto, store, export)))
    assert there["Patient/x"]["gender"] == "male" and there["Patient/x"]["meta"]["versionId"] == "2"
    assert {hl.import_job(boto, store, one)["JobStatus"] for one in jobs} == {"COMPLETED"}


def test_a_job_that_runs_can_be_cancelled(tmp_path: Path) -> None:
    store, background = Store("", tmp_path, SCHEMA), Background(1)
    entered, cancelled = threading.Event(), threading.Event()

    def endless(run: JobRun) -> str:
        entered.set()
        while not cancelled.wait(0.01):
            run.check()
        return "COMPLETED"

    state = State(store, background, tmp_path, {}, CollectorRegistry(), Scopes(None), Audit(store), Mode.MASK)
    jobs = Jobs(state, {"EXPORT": endless})
    row = {
        "id": "d",
        "account": KEY.account,
        "region": "here",
        "status": "ACTIVE",
        "given": {},
        "created": 0.0,
    }
    with store.write() as db:
        db.execute(insert(DATASTORES).values(**row))
    call = Call("1", KEY.account, "here", KEY.access_key, "healthlake", "StartFHIRExportJob")
    given = {"DatastoreId": "d", "OutputDataConfig": hl.output(), "DataAccessRoleArn": hl.ROLE}
    which = {"DatastoreId": "d", "JobId": jobs.start_export(call, given, {})["JobId"]}
    try:
        assert entered.wait(60)
        jobs.cancel(call, which)
        until(lambda: jobs.job("EXPORT", which, call).status == "CANCEL_COMPLETED", "the end of the job")
    finally:
        cancelled.set()
        background.close()
        store.close()


def test_the_pipeline_takes_a_data_store_as_its_source(
    url: str, people: str, s3_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client("s3").create_bucket(Bucket="exports-of-records")
    monkeypatch.setenv("AWS_ENDPOINT_URL_HEALTHLAKE", url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY.secret)
    monkeypatch.setattr(healthlake_export, "_PAUSES", (0.05,))
    folder = healthlake_export.export(people, "s3://exports-of-records/new", hl.ROLE, "alias/records")
    lake = Lake(str(tmp_path / "lake"))
    summary = ingest.run(folder, lake, processes=1)
    assert summary.rejects == 0 and summary.resources >= len(PEOPLE) + len(ABOUT)
    with Resources(lake) as found:
        assert found.patient_of(found.get(["Condition/by-record"])["Condition/by-record"]) == "a"
    with pytest.raises(healthlake_export.ExportError, match=r"ended as FAILED: .*no-such-bucket"):
        healthlake_export.export(people, "s3://no-such-bucket/new", hl.ROLE, "alias/records")
