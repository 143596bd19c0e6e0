"""FAQs and thesauri: what an index's owner writes, and how it is found."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.aws.serving import KEY
from tests.components.records.kendra import (
    ROLE,
    allowed,
    found,
)
from tests.components.records.owner_files import BUCKET, Files

QUESTION = "When are visitors let in?"


CSV = f'{QUESTION},"From two to six, every day.",https://clinic.test/visits\nWho pays for parking?,You do.\n'


HEADER = (
    "_question,_answer,ward,tags,year,_created_at\n"
    "Where is the renal ward?,On floor 3.,renal,a; b,2020,2024-05-01\n"
    "Where is the cafe?,On floor 1.,,,,\n"
)


JSON = {
    "SchemaVersion": 1,
    "FaqDocuments": [
        {"Question": "How is the alarm reset?", "Answer": "Key 7.", "AccessControlList": allowed("ann")},
        {
            "Question": "How is a pump cleaned?",
            "Answer": "With soap 😀.",
            "Attributes": {"ward": "renal", "tags": ["a"], "year": 2019},
        },
    ],
}


@pytest.fixture
def faqs(client: Any, folder: Path, notes: str) -> Iterator[Files]:
    made = Files(client, folder, notes, "faq", "faqs", "S3Path")
    yield made
    for one in client.list_faqs(IndexId=notes)["FaqSummaryItems"]:
        made.delete(one["Id"])


@pytest.fixture
def thesauri(client: Any, folder: Path, notes: str) -> Iterator[Files]:
    made = Files(client, folder, notes, "thesaurus", "thesauri", "SourceS3Path")
    yield made
    for one in client.list_thesauri(IndexId=notes)["ThesaurusSummaryItems"]:
        made.delete(one["Id"])


def answers(client: Any, index: str, text: str, **members: Any) -> list[tuple[str, str]]:
    """Return questions and answers that a query finds."""
    answer = client.query(IndexId=index, QueryText=text, QueryResultTypeFilter="QUESTION_ANSWER", **members)
    shown = [
        {one["Key"]: one["Value"]["TextWithHighlightsValue"]["Text"] for one in item["AdditionalAttributes"]}
        for item in answer["ResultItems"]
    ]
    return [(one["QuestionText"], one["AnswerText"]) for one in shown]


def test_a_question_is_answered_by_the_owners_words_before_documents(client: Any, faqs: Files) -> None:
    made = faqs.make("visits.csv", CSV, Description="visits", Tags=[{"Key": "a", "Value": "b"}])
    assert (made["Status"], made["FileFormat"], made["Description"]) == ("ACTIVE", "CSV", "visits")
    statistics = client.describe_index(Id=faqs.index)["IndexStatistics"]["FaqStatistics"]
    assert statistics["IndexedQuestionAnswersCount"] == 2
    arn = f"arn:aws:kendra:{client.meta.region_name}:{KEY.account}:index/{faqs.index}/faq/{made['Id']}"
    assert client.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    items = client.query(IndexId=faqs.index, QueryText="when are visitors let in")["ResultItems"]
    (first,) = [item for item in items if item["Type"] == "QUESTION_ANSWER"]
    assert first is items[0]
    assert first["DocumentExcerpt"]["Text"] == "From two to six, every day."
    assert first["DocumentURI"] == "https://clinic.test/visits"
    question = first["AdditionalAttributes"][0]["Value"]["TextWithHighlightsValue"]
    marked = {question["Text"][one["BeginOffset"] : one["EndOffset"]] for one in question["Highlights"]}
    assert {"visitors", "let"} <= marked
    assert {"Key": "_faq_id", "Value": {"StringValue": made["Id"]}} in first["DocumentAttributes"]
    assert answers(client, faqs.index, "dialysis of visitors") == []
    faqs.delete(made["Id"])
    assert answers(client, faqs.index, QUESTION) == []
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client.describe_faq(IndexId=faqs.index, Id=made["Id"])


def test_answers_have_attributes_and_lists_of_access(client: Any, faqs: Files) -> None:
    assert faqs.make("wards.csv", HEADER, FileFormat="CSV_WITH_HEADER")["Status"] == "ACTIVE"
    assert faqs.make("devices.json", json.dumps(JSON), FileFormat="JSON")["Status"] == "ACTIVE"
    assert faqs.names() == ["devices", "wards"]
    renal = {"EqualsTo": {"Key": "tags", "Value": {"StringListValue": ["a", "b"]}}}
    where = "where is the renal ward"
    assert answers(client, faqs.index, where, AttributeFilter=renal) == [
        ("Where is the renal ward?", "On floor 3.")
    ]
    later = {"GreaterThan": {"Key": "year", "Value": {"LongValue": 2020}}}
    assert answers(client, faqs.index, where, AttributeFilter=later) == []
    assert answers(client, faqs.index, "how is a pump cleaned") == [
        ("How is a pump cleaned?", "With soap 😀.")
    ]
    alarm = "How is the alarm reset"
    assert answers(client, faqs.index, alarm) == []
    assert answers(client, faqs.index, alarm, UserContext={"UserId": "ann"}) == [(f"{alarm}?", "Key 7.")]


@pytest.mark.parametrize(
    ("name", "content", "form", "named"),
    [
        ("empty.csv", "\n\n", "CSV", "no question"),
        ("alone.csv", "Why?\n", "CSV", "line 1: Answer is empty"),
        ("many.csv", "a,b,http://c.test,d\n", "CSV", "line 1: it has 4 columns"),
        ("head.csv", "question,answer\n", "CSV_WITH_HEADER", "_question and _answer"),
        ("color.csv", "_question,_answer,color\na?,b,red\n", "CSV_WITH_HEADER", "line 2.*attribute color"),
        ("year.csv", "_question,_answer,year\na?,b,then\n", "CSV_WITH_HEADER", "line 2.*year is no LONG"),
        ("bad.json", "{", "JSON", "no JSON"),
        ("form.json", "[]", "JSON", "FaqDocuments"),
        ("acl.json", json.dumps({"FaqDocuments": [{"Question": "a?", "Answer": "b", "AccessControlList": [
            {"Name": "c"}]}]}), "JSON", "question 1.*ALLOW"),
        ("bytes.csv", b"\xff\xfe\xff", "CSV", "no UTF-8"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_named_by_its_line(
    faqs: Files, name: str, content: str | bytes, form: str, named: str
) -> None:
    made = faqs.make(name, content, FileFormat=form)
    assert made["Status"] == "FAILED"
    assert re.search(named, made["ErrorMessage"])


def test_a_file_that_is_not_there_is_named(client: Any, faqs: Files) -> None:
    path = {"Bucket": BUCKET, "Key": "nowhere.csv"}
    identity = client.create_faq(IndexId=faqs.index, Name="nowhere", S3Path=path, RoleArn=ROLE)["Id"]
    made = faqs.read(identity)
    assert made["Status"] == "FAILED"
    assert made["ErrorMessage"] == f"s3://{BUCKET}/nowhere.csv is not there"


def test_a_thesaurus_expands_queries_until_it_is_changed(client: Any, thesauri: Files) -> None:
    assert found(client, thesauri.index, "the blue river") == []
    made = thesauri.make("words.txt", "# ours\nblue river, renal dialysis\nzef => asthma\n")
    assert (made["Status"], made["SynonymRuleCount"], made["TermCount"]) == ("ACTIVE", 2, 4)
    assert thesauri.names() == ["words"]
    answer = client.query(
        IndexId=thesauri.index, QueryText="the blue river", QueryResultTypeFilter="DOCUMENT"
    )
    (item,) = answer["ResultItems"]
    assert item["DocumentId"] == "dialysis"
    assert {one["Type"] for one in item["DocumentExcerpt"]["Highlights"]} == {"THESAURUS_SYNONYM"}
    assert found(client, thesauri.index, "zef") == ["asthma"]
    members = {"IndexId": thesauri.index, "Id": made["Id"]}
    client.update_thesaurus(**members, **thesauri.write("words2.txt", "alone\n"), Description="second")
    failed = thesauri.read(made["Id"])
    assert (failed["Status"], failed["Description"]) == ("ACTIVE_BUT_UPDATE_FAILED", "second")
    assert failed["ErrorMessage"].startswith("line 1: ")
    assert found(client, thesauri.index, "zef") == ["asthma"]
    client.update_thesaurus(**members, **thesauri.write("words2.txt", "zef => renal dialysis\n"))
    assert thesauri.read(made["Id"])["Status"] == "ACTIVE"
    assert found(client, thesauri.index, "zef") == ["dialysis"]
    thesauri.delete(made["Id"])
    assert found(client, thesauri.index, "zef") == []


def test_a_request_that_is_sent_again_makes_nothing_new(client: Any, thesauri: Files) -> None:
    members = {"IndexId": thesauri.index, "Name": "words", "RoleArn": ROLE, "ClientToken": "one"}
    members |= thesauri.write("words.txt", "a, b\n")
    first, second = (client.create_thesaurus(**members)["Id"] for _ in range(2))
    assert first == second
    assert thesauri.names() == ["words"]
