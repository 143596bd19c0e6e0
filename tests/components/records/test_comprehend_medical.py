"""Comprehend Medical by boto3: entities and codes of a text, limits, and batch jobs to their files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from brume.aws.engine.catalog import Settings
from brume.records.engine import engine
from tests.aws.serving import OTHER, client_of, serve_engine
from tests.aws.test_sdks import installed_javascript, run
from tests.components.records.terminologies import extractor
from tests.polling import until

ROLE = "arn:aws:iam::123456789012:role/Entities"
KINDS = ("entities_detection_v2", "phi_detection", "icd10_cm_inference", "rx_norm_inference")
TEXT = "Mrs. Ana Lima, 61 years old, takes metformin 500 mg twice daily. She denies chest pain."


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("entities")
    for name in ("in", "out"):
        (made / name).mkdir()
    return made


@pytest.fixture(scope="module")
def url(root: Path) -> Iterator[str]:
    extractor()
    folders = {"s3://texts/": str(root / "in"), "s3://found/": str(root / "out")}
    with serve_engine(engine.create(Settings(root / "data", folders))) as made:
        yield made


@pytest.fixture(scope="module")
def boto(url: str) -> Any:
    return client_of(url, "comprehendmedical")


def test_entities_with_traits_attributes_and_offsets(boto: Any) -> None:
    found = boto.detect_entities_v2(Text=TEXT)
    by_text = {one["Text"]: one for one in found["Entities"]}
    drug = by_text["metformin"]
    assert (drug["Category"], drug["Type"]) == ("MEDICATION", "GENERIC_NAME")
    assert [(one["Type"], one["Text"]) for one in drug["Attributes"]] == [
        ("STRENGTH", "500 mg"),
        ("FREQUENCY", "twice daily"),
    ]
    assert {one["Name"] for one in by_text["chest pain"]["Traits"]} == {"NEGATION", "SYMPTOM"}
    assert by_text["Ana Lima"]["Type"] == "NAME" and by_text["61"]["Type"] == "AGE"
    ids = [one["Id"] for one in found["Entities"]]
    ids += [each["Id"] for one in found["Entities"] for each in one["Attributes"]]
    assert sorted(ids) == list(range(len(ids)))
    assert found["UnmappedAttributes"] == [] and found["ModelVersion"]
    assert boto.detect_entities(Text=TEXT)["Entities"] == found["Entities"]


@given(
    st.lists(
        st.sampled_from(["🫀 ", "é", "漢", "\n", "no fever. ", "asthma; ", "Dr. Zoë Stone ", "555-123-4567 "])
    )
)
@settings(max_examples=40, deadline=None)
def test_offsets_count_code_points(boto: Any, parts: list[str]) -> None:
    text = "".join(parts) + "x"
    for found in (boto.detect_entities_v2(Text=text), boto.detect_phi(Text=text)):
        for one in found["Entities"]:
            assert text[one["BeginOffset"] : one["EndOffset"]] == one["Text"]


def test_codes_of_conditions_come_best_first(boto: Any) -> None:
    found = boto.infer_icd10_cm(Text="High blood pressure. Mother had a stroke. No pneumonia.")["Entities"]
    codes = {one["Text"]: [each["Code"] for each in one["ICD10CMConcepts"]] for one in found}
    assert codes["High blood pressure"][0] == "I10" and codes["stroke"][0] == "I63.9"
    assert codes["pneumonia"][0].startswith("J18")
    for one in found:
        scores = [each["Score"] for each in one["ICD10CMConcepts"]]
        assert 1 <= len(scores) <= 5 and scores == sorted(scores, reverse=True)
    traits = {one["Text"]: {each["Name"] for each in one["Traits"]} for one in found}
    assert "PERTAINS_TO_FAMILY" in traits["stroke"] and "NEGATION" in traits["pneumonia"]


def test_a_drug_without_a_folder_of_rxnorm_has_no_codes(boto: Any) -> None:
    (found,) = boto.infer_rx_norm(Text="He takes Lipitor 20 mg daily.")["Entities"]
    assert (found["Text"], found["Type"], found["RxNormConcepts"]) == ("Lipitor", "BRAND_NAME", [])


@pytest.mark.parametrize(
    ("operation", "longest"),
    [
        ("detect_entities_v2", 20_000),
        ("detect_phi", 20_000),
        ("infer_icd10_cm", 10_000),
        ("infer_rx_norm", 10_000),
    ],
)
def test_a_text_that_is_too_long_is_refused(boto: Any, operation: str, longest: int) -> None:
    getattr(boto, operation)(Text="é" * longest)
    with pytest.raises(ClientError) as caught:
        getattr(boto, operation)(Text="é" * (longest + 1))
    assert caught.value.response["Error"]["Code"] == "InvalidRequestException"


def test_snomed_is_refused_with_the_reason(boto: Any) -> None:
    with pytest.raises(ClientError, match=r"InferSNOMEDCT of comprehendmedical: SNOMED CT's licence"):
        boto.infer_snomedct(Text="asthma")


def start(boto: Any, kind: str, root: Path, **more: Any) -> str:
    return str(
        getattr(boto, f"start_{kind}_job")(
            InputDataConfig={"S3Bucket": "texts", "S3Key": "notes/"},
            OutputDataConfig={"S3Bucket": "found", "S3Key": "here"},
            DataAccessRoleArn=ROLE,
            LanguageCode="en",
            **more,
        )["JobId"]
    )


def ended(boto: Any, kind: str, job: str) -> dict[str, Any]:
    def done() -> dict[str, Any] | None:
        found = getattr(boto, f"describe_{kind}_job")(JobId=job)["ComprehendMedicalAsyncJobProperties"]
        return found if found["JobStatus"] not in ("SUBMITTED", "IN_PROGRESS", "STOP_REQUESTED") else None

    return until(done, f"the end of {job}")


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_writes_what_a_request_answers(boto: Any, root: Path, kind: str) -> None:
    notes = root / "in/notes"
    (notes / "deep").mkdir(parents=True, exist_ok=True)
    (notes / "a.txt").write_text(TEXT)
    (notes / "deep/b.txt").write_text("Asthma.")
    (notes / "wrong.txt").write_bytes(b"\xff\xfe")
    (notes / "long.txt").write_text("x" * 40_001)
    job = start(boto, kind, root, JobName="mine")
    found = ended(boto, kind, job)
    assert (found["JobStatus"], found["Message"]) == ("PARTIAL_SUCCESS", "2 files failed")
    folder = root / "out" / found["OutputDataConfig"]["S3Key"]
    asked = {
        "entities_detection_v2": boto.detect_entities_v2,
        "phi_detection": boto.detect_phi,
        "icd10_cm_inference": boto.infer_icd10_cm,
        "rx_norm_inference": boto.infer_rx_norm,
    }[kind](Text=TEXT)
    written = json.loads((folder / "a.txt.out").read_text())
    assert written["Entities"] == asked["Entities"]
    assert written["Characters"] == {"OriginalTextCharacters": len(TEXT)}
    assert (folder / "deep/b.txt.out").is_file()
    summary = json.loads((root / "out" / found["ManifestFilePath"]).read_text())["Summary"]
    assert {one["File"]: one["Reason"] for one in summary["UnprocessedFiles"]} == {
        "long.txt": "40,001 bytes, at most 40,000 are analysed",
        "wrong.txt": "byte 0 is no UTF-8",
    }
    listed = getattr(boto, f"list_{kind}_jobs")(Filter={"JobName": "mine"})
    assert job in [one["JobId"] for one in listed["ComprehendMedicalAsyncJobPropertiesList"]]


def test_a_job_is_started_once_for_a_token_and_known_to_its_account_alone(
    boto: Any, url: str, root: Path
) -> None:
    (root / "in/notes").mkdir(exist_ok=True)
    (root / "in/notes/a.txt").write_text(TEXT)
    first = start(boto, "phi_detection", root, ClientRequestToken="once")
    assert start(boto, "phi_detection", root, ClientRequestToken="once") == first
    ended(boto, "phi_detection", first)
    with pytest.raises(ClientError, match="There is no job"):
        boto.describe_rx_norm_inference_job(JobId=first)
    with pytest.raises(ClientError, match="There is no job"):
        client_of(url, "comprehendmedical", key=OTHER).describe_phi_detection_job(JobId=first)
    assert boto.stop_phi_detection_job(JobId=first)["JobId"] == first
    assert ended(boto, "phi_detection", first)["JobStatus"] in ("COMPLETED", "PARTIAL_SUCCESS")


def test_a_folder_outside_or_without_files_is_named(boto: Any, root: Path) -> None:
    asked = {"DataAccessRoleArn": ROLE, "LanguageCode": "en", "OutputDataConfig": {"S3Bucket": "found"}}
    with pytest.raises(ClientError, match=r"InputDataConfig: .* leads out"):
        boto.start_phi_detection_job(InputDataConfig={"S3Bucket": "texts", "S3Key": "../../x"}, **asked)
    made = boto.start_phi_detection_job(InputDataConfig={"S3Bucket": "texts", "S3Key": "none/"}, **asked)
    found = ended(boto, "phi_detection", made["JobId"])
    assert found["JobStatus"] == "FAILED" and "names no files" in found["Message"]


@pytest.mark.slow
@pytest.mark.parametrize("cbor", [False, True])
def test_javascript_in_both_protocols(url: str, boto: Any, *, cbor: bool) -> None:
    asked = [
        ("DetectEntitiesV2", {"Text": TEXT}),
        ("InferICD10CM", {"Text": TEXT}),
        ("ListPHIDetectionJobs", {}),
        ("DescribePHIDetectionJob", {"JobId": "nothing"}),
        ("InferSNOMEDCT", {"Text": TEXT}),
    ]
    requests = [
        {"service": "comprehendmedical", "operation": name, "parameters": given} for name, given in asked
    ]
    folder = installed_javascript()
    answers = run(folder, "node", "main.mjs", call="send", endpoint=url, requests=requests, cbor=cbor)
    assert answers[0]["protocol"] == ("rpc-v2-cbor" if cbor else "application/x-amz-json-1.1")
    found = boto.detect_entities_v2(Text=TEXT)["Entities"]
    shown = answers[0]["output"]["Entities"]
    assert [(one["Text"], one["Type"]) for one in shown] == [(one["Text"], one["Type"]) for one in found]
    assert [one["Score"] for one in shown] == pytest.approx([one["Score"] for one in found])
    assert answers[1]["output"]["Entities"]
    assert isinstance(answers[2]["output"]["ComprehendMedicalAsyncJobPropertiesList"], list)
    assert answers[3]["error"] == "ResourceNotFoundException"
    assert "licence" in answers[4]["message"]
