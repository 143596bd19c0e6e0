"""What an index's owner adds to its documents: answers, synonyms, featured results, access."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.aws.serving import KEY, client_of, serve_engine
from tests.components.records.kendra import (
    ROLE,
    allowed,
    document,
    field,
    found,
    make_index,
    plain_engine,
    put,
)
from tests.polling import until

BUCKET = "brume-files"
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


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def client(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        engine = plain_engine(
            tmp_path_factory.mktemp("kendra"), patch, folders={f"s3://{BUCKET}/": str(folder)}
        )
        with serve_engine(engine) as url:
            yield client_of(url, "kendra")


@pytest.fixture(scope="module")
def notes(client: Any) -> str:
    """Make an index with three notes, which the tests leave as they are."""
    index = make_index(client, field("ward"), field("tags", "STRING_LIST_VALUE"), field("year", "LONG_VALUE"))
    put(
        client,
        index,
        [
            document("dialysis", "Renal dialysis three times a week.", Title="Plan"),
            document("asthma", "Asthma since childhood.", attributes={"ward": {"StringValue": "lungs"}}),
            document("pressure", "Essential hypertension.", AccessControlList=allowed("ann")),
        ],
    )
    return index


class Files:
    """One kind of file by boto3: `create` and so on are its operations' names."""

    def __init__(self, client: Any, folder: Path, index: str, noun: str, plural: str, path: str) -> None:
        self.client, self.folder, self.index = client, folder, index
        self.noun, self.plural, self.path = noun, plural, path

    def write(self, name: str, content: str | bytes) -> dict[str, Any]:
        data = content.encode() if isinstance(content, str) else content
        (self.folder / name).write_bytes(data)
        return {self.path: {"Bucket": BUCKET, "Key": name}}

    def make(self, name: str, content: str | bytes, **members: Any) -> dict[str, Any]:
        """Make one of a file; returns its description once it was read."""
        create = getattr(self.client, f"create_{self.noun}")
        file = self.write(name, content)
        made = create(IndexId=self.index, Name=name.split(".")[0], RoleArn=ROLE, **file, **members)
        return self.read(made["Id"])

    def read(self, identity: str) -> dict[str, Any]:
        def described() -> dict[str, Any]:
            return dict(getattr(self.client, f"describe_{self.noun}")(IndexId=self.index, Id=identity))

        until(lambda: described()["Status"] not in ("CREATING", "UPDATING"))
        return described()

    def names(self) -> list[str]:
        answer = getattr(self.client, f"list_{self.plural}")(IndexId=self.index)
        (items,) = (value for value in answer.values() if isinstance(value, list))
        return [one["Name"] for one in items]

    def delete(self, identity: str) -> None:
        getattr(self.client, f"delete_{self.noun}")(IndexId=self.index, Id=identity)


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


def test_featured_results_are_those_that_the_reader_may_read(client: Any, notes: str) -> None:
    made = client.create_featured_results_set(
        IndexId=notes,
        FeaturedResultsSetName="asthma first",
        QueryTexts=["Cough at night"],
        FeaturedDocuments=[{"Id": "pressure"}, {"Id": "asthma"}, {"Id": "gone"}],
    )["FeaturedResultsSet"]
    identity = made["FeaturedResultsSetId"]
    assert (made["Status"], made["QueryTexts"]) == ("ACTIVE", ["Cough at night"])

    def featured(text: str, **members: Any) -> list[str]:
        answer = client.query(IndexId=notes, QueryText=text, **members)
        return [one["DocumentId"] for one in answer.get("FeaturedResultsItems", [])]

    assert featured("cough  AT night") == ["asthma"]
    assert featured("cough at night", UserContext={"UserId": "ann"}) == ["pressure", "asthma"]
    lungs = {"EqualsTo": {"Key": "ward", "Value": {"StringValue": "x"}}}
    assert featured("cough at night", AttributeFilter=lungs) == []
    assert featured("cough at night", PageNumber=2) == featured("cough") == []
    described = client.describe_featured_results_set(IndexId=notes, FeaturedResultsSetId=identity)
    assert [one["Id"] for one in described["FeaturedDocumentsWithMetadata"]] == ["pressure", "asthma"]
    assert described["FeaturedDocumentsMissing"] == [{"Id": "gone"}]
    second = {"IndexId": notes, "FeaturedResultsSetName": "second", "QueryTexts": ["cough at NIGHT"]}
    with pytest.raises(ClientError, match="FeaturedResultsConflictException"):
        client.create_featured_results_set(**second)
    other = client.create_featured_results_set(**second, Status="INACTIVE")["FeaturedResultsSet"]
    with pytest.raises(ClientError, match="at most 4 documents"):
        client.update_featured_results_set(
            IndexId=notes, FeaturedResultsSetId=identity, FeaturedDocuments=[{"Id": str(n)} for n in range(5)]
        )
    changed = client.update_featured_results_set(
        IndexId=notes, FeaturedResultsSetId=identity, Status="INACTIVE"
    )["FeaturedResultsSet"]
    assert changed["FeaturedResultsSetName"] == "asthma first"
    assert featured("cough at night") == []
    items = client.list_featured_results_sets(IndexId=notes)["FeaturedResultsSetSummaryItems"]
    assert [one["FeaturedResultsSetName"] for one in items] == ["second", "asthma first"]
    ids = [identity, other["FeaturedResultsSetId"], "0" * 36]
    answer = client.batch_delete_featured_results_set(IndexId=notes, FeaturedResultsSetIds=ids)
    assert [one["Id"] for one in answer["Errors"]] == ["0" * 36]
    assert client.list_featured_results_sets(IndexId=notes)["FeaturedResultsSetSummaryItems"] == []


def test_documents_follow_their_access_control_configuration(client: Any) -> None:
    index = make_index(client)
    members: Mapping[str, Any] = {"Name": "renal team", "AccessControlList": allowed("ann")}
    identity = client.create_access_control_configuration(IndexId=index, **members)["Id"]
    described = client.describe_access_control_configuration(IndexId=index, Id=identity)
    assert {name: described[name] for name in members} == members
    listed = client.list_access_control_configurations(IndexId=index)["AccessControlConfigurations"]
    assert listed == [{"Id": identity}]
    put(client, index, [document("a", "Asthma.", AccessControlConfigurationId=identity)])

    def seen_by(user: str) -> list[str]:
        return found(client, index, "asthma", UserContext={"UserId": user})

    assert (found(client, index, "asthma"), seen_by("ann"), seen_by("bob")) == ([], ["a"], [])
    levels = [{"PrincipalList": allowed("bob")}]
    client.update_access_control_configuration(
        IndexId=index, Id=identity, AccessControlList=[], HierarchicalAccessControlList=levels
    )
    assert (found(client, index, "asthma"), seen_by("ann"), seen_by("bob")) == ([], [], ["a"])
    with pytest.raises(ClientError, match=r"ConflictException.*1 documents follow"):
        client.delete_access_control_configuration(IndexId=index, Id=identity)
    failed = client.batch_put_document(
        IndexId=index,
        Documents=[
            document("b", "Gout.", AccessControlConfigurationId="0" * 36),
            document("c", "Gout.", AccessControlConfigurationId=identity, AccessControlList=allowed("ann")),
        ],
    )["FailedDocuments"]
    assert [one["Id"] for one in failed] == ["b", "c"]
    put(client, index, [document("a", "Asthma.")])
    client.delete_access_control_configuration(IndexId=index, Id=identity)
    assert seen_by("ann") == ["a"]
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client.describe_access_control_configuration(IndexId=index, Id=identity)


def suggested(client: Any, index: str, text: str, **members: Any) -> list[str]:
    answer = client.get_query_suggestions(IndexId=index, QueryText=text, **members)
    return [one["Value"]["Text"]["Text"] for one in answer["Suggestions"]]


def test_blocked_phrases_are_not_suggested(client: Any, folder: Path, notes: str) -> None:
    lists = Files(
        client, folder, notes, "query_suggestions_block_list", "query_suggestions_block_lists", "SourceS3Path"
    )
    assert suggested(client, notes, "ren") == ["Renal dialysis"]
    made = lists.make("blocked.txt", "RENAL\n\nasth\n")
    assert (made["Status"], made["ItemCount"]) == ("ACTIVE", 2)
    assert (suggested(client, notes, "ren"), suggested(client, notes, "ast")) == ([], ["Asthma"])
    client.update_query_suggestions_block_list(
        IndexId=notes, Id=made["Id"], Name="again", **lists.write("blocked.txt", "asthma\n")
    )
    lists.read(made["Id"])
    assert (suggested(client, notes, "ren"), suggested(client, notes, "ast")) == (["Renal dialysis"], [])
    assert lists.names() == ["again"]
    lists.delete(made["Id"])
    assert suggested(client, notes, "ast") == ["Asthma"]


def test_the_owner_says_when_others_queries_are_suggested(client: Any, notes: str) -> None:
    text = "asthma since"

    def ask(*users: int) -> None:
        for user in users:
            client.query(IndexId=notes, QueryText=text, UserContext={"UserId": f"u{user}"})

    with pytest.raises(ClientError, match="MinimumNumberOfQueryingUsers is 5 at least"):
        client.update_query_suggestions_config(IndexId=notes, MinimumNumberOfQueryingUsers=2)
    client.update_query_suggestions_config(
        IndexId=notes, MinimumNumberOfQueryingUsers=6, IncludeQueriesWithoutUserInformation=False
    )
    ask(*range(5))
    client.query(IndexId=notes, QueryText=text)  # by nobody that is named
    assert text not in suggested(client, notes, "asthma s")
    ask(5)
    assert text in suggested(client, notes, "asthma s")
    described = client.describe_query_suggestions_config(IndexId=notes)
    assert (described["TotalSuggestionsCount"], described["MinimumNumberOfQueryingUsers"]) == (1, 6)
    client.update_query_suggestions_config(IndexId=notes, Mode="LEARN_ONLY")
    assert suggested(client, notes, "asthma") == []
    client.update_query_suggestions_config(IndexId=notes, Mode="ENABLED", MinimumNumberOfQueryingUsers=7)
    assert text not in suggested(client, notes, "asthma s")
    client.clear_query_suggestions(IndexId=notes)
    client.update_query_suggestions_config(IndexId=notes, MinimumNumberOfQueryingUsers=5)
    assert text not in suggested(client, notes, "asthma s")
    described = client.describe_query_suggestions_config(IndexId=notes)
    assert described["TotalSuggestionsCount"] == 0
    assert described["LastClearTime"].year > 2000


def test_attributes_are_suggested_where_the_owner_lets_them(client: Any, notes: str) -> None:
    asked = {
        "SuggestionTypes": ["DOCUMENT_ATTRIBUTES"],
        "AttributeSuggestionsConfig": {"SuggestionAttributes": ["ward"]},
    }
    assert suggested(client, notes, "lun", **asked) == ["lungs"]
    listed = [{"AttributeName": "year", "Suggestable": True}]
    client.update_query_suggestions_config(
        IndexId=notes, AttributeSuggestionsConfig={"SuggestableConfigList": listed}
    )
    with pytest.raises(ClientError, match="ward is not Suggestable"):
        suggested(client, notes, "lun", **asked)
    listed = [{"AttributeName": "ward", "Suggestable": True}]
    client.update_query_suggestions_config(
        IndexId=notes,
        AttributeSuggestionsConfig={"SuggestableConfigList": listed, "AttributeSuggestionsMode": "INACTIVE"},
    )
    assert suggested(client, notes, "lun", **asked) == []
    client.update_query_suggestions_config(
        IndexId=notes, AttributeSuggestionsConfig={"AttributeSuggestionsMode": "ACTIVE"}
    )
    assert suggested(client, notes, "lun", **asked) == ["lungs"]
