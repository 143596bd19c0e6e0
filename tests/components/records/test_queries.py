"""Query and Retrieve by boto3: order, shapes, filters, facets, sorting, spelling, limits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.aws.serving import OTHER, client_of, serve_engine
from tests.components.records.kendra import document, field, found, make_index, plain_engine, put

PRESSURE = "# Assessment\nEssential hypertension, treated with lisinopril 10 mg oral tablet every morning."
NO_PRESSURE = "# Assessment\nNo essential hypertension. Sprain of ankle, treated with rest."
FAMILY = "# Family History\nEssential hypertension in the mother.\n# Assessment\nHealthy."
DIALYSIS = (
    "# Plan\nRenal dialysis three times a week. Diagnosis code N18.6 was billed. 😀 Kidneys failed in 2019."
)
ASTHMA = "# Assessment\nAsthma since childhood. Uses an inhaler before sports."


def date(year: int) -> dict[str, Any]:
    return {"DateValue": datetime(year, 5, 1, tzinfo=UTC)}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        engine = plain_engine(tmp_path_factory.mktemp("kendra"), patch)
        with serve_engine(engine) as url:
            yield client_of(url, "kendra")


@pytest.fixture(scope="module")
def index(client: Any) -> str:
    made = make_index(client, field("ward"), field("tags", "STRING_LIST_VALUE"), field("year", "LONG_VALUE"))
    ward = [{"StringValue": name} for name in ("renal", "general")]
    put(
        client,
        made,
        [
            document("pressure", PRESSURE, Title="Visit in May", attributes={
                "ward": ward[1], "year": {"LongValue": 2020}, "tags": {"StringListValue": ["a", "b"]},
                "_created_at": date(2020)}),
            document("no-pressure", NO_PRESSURE, attributes={"ward": ward[1], "year": {"LongValue": 2021}}),
            document("family", FAMILY, attributes={"year": {"LongValue": 2022}}),
            document("dialysis", DIALYSIS, attributes={
                "ward": ward[0], "year": {"LongValue": 2019}, "tags": {"StringListValue": ["b"]},
                "_created_at": date(2019)}),
            document("asthma", ASTHMA, attributes={"ward": ward[1], "_created_at": date(2021)}),
        ],
    )  # fmt: skip
    return made


def test_lay_words_find_the_clinical_term_and_say_why(client: Any, index: str) -> None:
    answer = client.query(IndexId=index, QueryText="high blood pressure", QueryResultTypeFilter="DOCUMENT")
    first = answer["ResultItems"][0]
    assert first["DocumentId"] == "pressure"
    assert first["DocumentTitle"]["Text"] == "Visit in May"
    (reason,) = first["AdditionalAttributes"]
    assert reason["Key"] == "Reason"
    text = reason["Value"]["TextWithHighlightsValue"]["Text"]
    assert text == "Essential hypertension (http://snomed.info/sct|59621000): Essential hypertension"


def test_negated_and_family_mentions_come_after_those_of_the_patient(client: Any, index: str) -> None:
    assert found(client, index, "high blood pressure") == ["pressure", "family", "no-pressure"]


def test_highlights_are_offsets_of_the_excerpt_in_code_points(client: Any, index: str) -> None:
    answer = client.query(IndexId=index, QueryText="failed kidneys", QueryResultTypeFilter="DOCUMENT")
    excerpt = answer["ResultItems"][0]["DocumentExcerpt"]
    marked = [excerpt["Text"][one["BeginOffset"] : one["EndOffset"]] for one in excerpt["Highlights"]]
    assert {"Kidneys", "failed"} <= set(marked)
    assert "😀" in excerpt["Text"]


def test_an_answer_is_a_sentence_of_the_best_document(client: Any, index: str) -> None:
    answer = client.query(IndexId=index, QueryText="who gets renal dialysis?")
    first, second = answer["ResultItems"][:2]
    assert (first["Type"], second["Type"]) == ("ANSWER", "DOCUMENT")
    value = first["AdditionalAttributes"][0]
    assert value["Key"] == "AnswerText"
    text = value["Value"]["TextWithHighlightsValue"]["Text"]
    assert text == "Renal dialysis three times a week."
    (mark,) = first["DocumentExcerpt"]["Highlights"]
    assert first["DocumentExcerpt"]["Text"][mark["BeginOffset"] : mark["EndOffset"]] == text
    assert first["Id"] != second["Id"]


def test_each_result_has_what_clients_read(client: Any, index: str) -> None:
    """langchain-ai/langchain#7782: an ANSWER without an excerpt became a document without a text.

    The AWS sample reads these members of each item, whatever it is, and stops where one is missing.
    """
    put(client, index, [document("wordless", "# ")])
    kinds = set()
    for text in ("who gets renal dialysis?", "wordless", "high blood pressure"):
        for item in client.query(IndexId=index, QueryText=text, PageSize=100)["ResultItems"]:
            kinds.add(item["Type"])
            excerpt = item["DocumentExcerpt"]
            assert isinstance(excerpt["Text"], str) and "Highlights" in excerpt
            assert excerpt["Text"] or item["DocumentId"] == "wordless"
            assert item["DocumentTitle"]["Text"] and item["DocumentURI"] == ""
            assert isinstance(item["AdditionalAttributes"], list)
    assert kinds == {"ANSWER", "DOCUMENT"}
    client.batch_delete_document(IndexId=index, DocumentIdList=["wordless"])


def test_a_long_question_is_refused_by_its_length_alone(client: Any, index: str) -> None:
    """langchain-ai/langchain#14494: a prompt of a chat as the query; the limit is named and exact."""
    longest = f"dialysis {'é😀' * 496}"[:1000]
    for ask in (client.query, client.retrieve):
        assert ask(IndexId=index, QueryText=longest)["ResultItems"][0]["DocumentId"] == "dialysis"
        with pytest.raises(ClientError, match="QueryText has at most 1000 characters") as refused:
            ask(IndexId=index, QueryText=longest + ".")
        assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_query_and_retrieve_have_one_order(client: Any, index: str) -> None:
    """aws-samples/amazon-kendra-langchain-extensions#41: the console found other things than a retriever."""
    for text in ("high blood pressure", "dialysis", "assessment", "treated with rest", "inhaler"):
        items = client.retrieve(IndexId=index, QueryText=text)["ResultItems"]
        assert list(dict.fromkeys(item["DocumentId"] for item in items)) == found(client, index, text)


def test_passages_of_retrieve_are_short_and_of_the_text(client: Any, index: str) -> None:
    put(client, index, [document("long", "Gout. " + "The toe is red and it hurts at night. " * 60)])
    items = client.retrieve(IndexId=index, QueryText="red toe hurts")["ResultItems"]
    assert [item["DocumentId"] for item in items[:3]] == ["long"] * 3
    assert all(len(item["Content"].split()) <= 200 for item in items)
    assert isinstance(items[0]["DocumentTitle"], str)
    client.batch_delete_document(IndexId=index, DocumentIdList=["long"])


def test_a_code_is_found_as_it_is_written(client: Any, index: str) -> None:
    assert found(client, index, "N18.6") == ["dialysis"]
    assert found(client, index, "N18.7") == []


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"EqualsTo": {"Key": "ward", "Value": {"StringValue": "renal"}}}, {"dialysis"}),
        (
            {"NotFilter": {"EqualsTo": {"Key": "ward", "Value": {"StringValue": "general"}}}},
            {"dialysis", "family"},
        ),
        ({"ContainsAny": {"Key": "tags", "Value": {"StringListValue": ["a", "x"]}}}, {"pressure"}),
        ({"ContainsAll": {"Key": "tags", "Value": {"StringListValue": ["b"]}}}, {"pressure", "dialysis"}),
        ({"EqualsTo": {"Key": "tags", "Value": {"StringListValue": ["b"]}}}, {"dialysis"}),
        ({"GreaterThan": {"Key": "year", "Value": {"LongValue": 2020}}}, {"no-pressure", "family"}),
        ({"LessThanOrEquals": {"Key": "_created_at", "Value": date(2020)}}, {"pressure", "dialysis"}),
        (
            {
                "AndAllFilters": [
                    {"EqualsTo": {"Key": "ward", "Value": {"StringValue": "general"}}},
                    {"OrAllFilters": [
                        {"LessThan": {"Key": "year", "Value": {"LongValue": 2021}}},
                        {"GreaterThanOrEquals": {"Key": "_created_at", "Value": date(2021)}},
                    ]},
                ]
            },
            {"pressure", "asthma"},
        ),
    ],
)  # fmt: skip
def test_filters_hold_for_results_counts_and_facets(
    client: Any, index: str, condition: dict[str, Any], expected: set[str]
) -> None:
    answer = client.query(
        IndexId=index, AttributeFilter=condition, Facets=[{"DocumentAttributeKey": "ward"}], PageSize=100
    )
    assert {item["DocumentId"] for item in answer["ResultItems"]} == expected
    assert answer["TotalNumberOfResults"] == len(expected)
    (facet,) = answer["FacetResults"]
    pairs = facet["DocumentAttributeValueCountPairs"]
    wards = {"dialysis": "renal", "pressure": "general", "no-pressure": "general", "asthma": "general"}
    counts = {pair["DocumentAttributeValue"]["StringValue"]: pair["Count"] for pair in pairs}
    names = [wards[one] for one in expected if one in wards]
    assert counts == {name: names.count(name) for name in names}


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"QueryText": "x" * 1001}, "1000 characters"),
        ({"QueryText": "x", "PageSize": 101}, "PageSize"),
        ({"QueryText": "x", "PageNumber": 0}, "PageNumber"),
        ({}, "QueryText or AttributeFilter"),
        ({"AttributeFilter": {"OrAllFilters": 1000 * [{"NotFilter": {}}]}}, "more than 1000 conditions"),
        ({"QueryText": "x", "Facets": [{"DocumentAttributeKey": "color"}]}, "no attribute color"),
        ({"QueryText": "x", "RequestedDocumentAttributes": ["color"]}, "no attribute color"),
        ({"QueryText": "x", "UserContext": {"Token": "abc"}}, "UserContext.Token"),
        ({"AttributeFilter": {"EqualsTo": {"Key": "year", "Value": {"StringValue": "2020"}}}}, "LONG_VALUE"),
        (
            {"AttributeFilter": {"GreaterThan": {"Key": "ward", "Value": {"StringValue": "a"}}}},
            "numbers and dates",
        ),
        (
            {"QueryText": "x", "SortingConfiguration": {"DocumentAttributeKey": "tags", "SortOrder": "ASC"}},
            "not Sortable",
        ),
    ],
)
def test_what_cannot_be_asked_is_named(client: Any, index: str, members: dict[str, Any], named: str) -> None:
    with pytest.raises(ClientError, match=named) as raised:
        client.query(IndexId=index, **members)
    assert raised.value.response["Error"]["Code"] == "ValidationException"


def test_results_are_sorted_by_attributes_those_without_come_last(client: Any, index: str) -> None:
    order = {"DocumentAttributeKey": "year", "SortOrder": "DESC"}
    ids = found(client, index, "assessment plan", SortingConfiguration=order)
    assert ids == ["family", "no-pressure", "pressure", "dialysis", "asthma"]


def test_values_and_freshness_of_attributes_change_the_order(client: Any, index: str) -> None:
    text, names = "assessment plan", ("dialysis", "asthma", "pressure")
    for name, attribute, relevance in (
        ("dialysis", "ward", {"ValueImportanceMap": {"renal": 10}}),
        ("asthma", "_created_at", {"Freshness": True, "Importance": 10, "Duration": "315360000s"}),
        ("family", "year", {"Importance": 10}),
        ("dialysis", "year", {"Importance": 10, "RankOrder": "DESCENDING"}),
    ):
        override = {"Name": attribute, "Relevance": relevance}
        plain = found(client, index, text)
        boosted = found(client, index, text, DocumentRelevanceOverrideConfigurations=[override])
        assert set(plain) == set(boosted) >= set(names)
        assert boosted.index(name) <= plain.index(name)
        assert boosted != plain or plain[0] == name


def test_dates_are_shown_where_they_are_asked_for(client: Any, index: str) -> None:
    members = {"IndexId": index, "QueryText": "dialysis", "QueryResultTypeFilter": "DOCUMENT"}
    usual = client.query(**members)["ResultItems"][0]["DocumentAttributes"]
    assert {one["Key"] for one in usual} == {"ward", "year", "tags"}
    (asked,) = client.query(**members, RequestedDocumentAttributes=["_created_at"])["ResultItems"][0][
        "DocumentAttributes"
    ]
    assert asked["Value"]["DateValue"] == datetime(2019, 5, 1, tzinfo=UTC)


def test_misspelt_words_are_corrected_by_words_of_the_index(client: Any, index: str) -> None:
    answer = client.query(
        IndexId=index,
        QueryText="lisinoprl tablet",
        SpellCorrectionConfiguration={"IncludeQuerySpellCheckSuggestions": True},
    )
    (corrected,) = answer["SpellCorrectedQueries"]
    assert corrected["SuggestedQueryText"] == "lisinopril tablet"
    (one,) = corrected["Corrections"]
    assert (one["BeginOffset"], one["EndOffset"], one["CorrectedTerm"]) == (0, 10, "lisinopril")


def test_pages_follow_each_other(client: Any, index: str) -> None:
    every = found(client, index, "assessment plan", PageSize=100)
    paged = [
        one
        for page in range(1, len(every) + 2)
        for one in found(client, index, "assessment plan", PageSize=1, PageNumber=page)
    ]
    assert paged == every


def test_an_index_of_another_account_does_not_exist(client: Any, index: str) -> None:
    other = client_of(client.meta.endpoint_url, "kendra", key=OTHER)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        other.query(IndexId=index, QueryText="asthma")
    assert other.list_indices()["IndexConfigurationSummaryItems"] == []


def test_a_judged_result_moves_for_the_same_words(client: Any, index: str) -> None:
    answer = client.query(IndexId=index, QueryText="assessment treated", QueryResultTypeFilter="DOCUMENT")
    items = answer["ResultItems"]
    client.submit_feedback(
        IndexId=index,
        QueryId=answer["QueryId"],
        RelevanceFeedbackItems=[{"ResultId": items[0]["Id"], "RelevanceValue": "NOT_RELEVANT"}],
        ClickFeedbackItems=[{"ResultId": items[1]["Id"], "ClickTime": datetime.now(UTC)}],
    )
    after = found(client, index, "Assessment  treated")
    assert after.index(items[0]["DocumentId"]) > 0
    with pytest.raises(ClientError, match="no result of the query"):
        client.submit_feedback(
            IndexId=index,
            QueryId=answer["QueryId"],
            RelevanceFeedbackItems=[{"ResultId": "other", "RelevanceValue": "RELEVANT"}],
        )
