"""No record of another patient by any way, for each role in search and the graph."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest
import requests
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from brume.records.engine.access import policy
from brume.records.engine.access.policy import Need
from brume.records.engine.engine import OFFERED
from tests.aws.serving import KEY, client_of
from tests.components.records.kendra import document, put
from tests.components.records.scoped import (
    DEIDENTIFIED,
    KEYS,
    LOAD,
    NAMES,
    PATIENTS,
    SEEN,
    WORDS,
    Served,
    shown,
)
from tests.polling import until


@pytest.mark.parametrize("key", list(SEEN))
def test_search_shows_a_key_its_patients_alone(scoped: Served, key: str) -> None:
    client, index = scoped.kendra(key), scoped.index
    expected = SEEN[key] | ({"none"} if key in (KEY.access_key, "AKIDALL") else set())
    answer = client.query(
        IndexId=index, QueryText="asthma", PageSize=100, Facets=[{"DocumentAttributeKey": "ward"}]
    )
    assert shown(json.dumps(answer["ResultItems"], default=str)) == expected
    assert answer["TotalNumberOfResults"] == len(expected)
    counts = answer["FacetResults"][0]["DocumentAttributeValueCountPairs"]
    assert shown(json.dumps(counts)) == expected - {"none"}
    assert sum(pair["Count"] for pair in counts) == len(expected - {"none"})
    assert shown(json.dumps(client.retrieve(IndexId=index, QueryText="asthma"), default=str)) == expected
    for patient, word in WORDS.items():
        suggested = client.get_query_suggestions(
            IndexId=index,
            QueryText=f"ward {word[:3]}",
            SuggestionTypes=["DOCUMENT_ATTRIBUTES"],
            AttributeSuggestionsConfig={"SuggestionAttributes": ["ward"]},
        )
        assert (word in json.dumps(suggested)) == (patient in SEEN[key])
        corrected = client.query(
            IndexId=index,
            QueryText=word.replace("rash", "rahs"),
            SpellCorrectionConfiguration={"IncludeQuerySpellCheckSuggestions": True},
        )
        assert (word in json.dumps(corrected.get("SpellCorrectedQueries", []))) == (patient in SEEN[key])
    statistics = client.describe_index(Id=index)["IndexStatistics"]["TextDocumentStatistics"]
    assert statistics["IndexedTextDocumentsCount"] == len(expected)


@pytest.mark.parametrize("key", DEIDENTIFIED)
def test_a_researcher_sees_no_names_dates_or_ids(scoped: Served, key: str) -> None:
    client, index = scoped.kendra(key), scoped.index
    wanted = ["patient", "ward", "seen"]
    answers = [
        client.query(IndexId=index, QueryText="asthma", RequestedDocumentAttributes=wanted),
        client.retrieve(IndexId=index, QueryText="asthma"),
    ]
    text = json.dumps(answers, default=str)
    for patient in PATIENTS:
        assert not any(part in text for part in NAMES[patient].split())
        assert f"d-{patient}" not in text
        assert f'"{patient}"' not in text
        assert f"7{patient[1]}345678" not in text
    assert "2024-03-05" not in text
    assert "91 year" not in text
    # Nor are names found by asking for them.
    for name in NAMES.values():
        asked = client.query(
            IndexId=index,
            QueryText=name,
            SpellCorrectionConfiguration={"IncludeQuerySpellCheckSuggestions": True},
        )
        assert name.split()[1] not in json.dumps(asked)
    status = client.batch_get_document_status(IndexId=index, DocumentInfoList=[{"DocumentId": "d-p2"}])
    assert status["DocumentStatusList"][0]["DocumentStatus"] == "NOT_FOUND"


def test_a_researcher_sees_a_document_that_changes_or_goes(scoped: Served) -> None:
    owner, study = scoped.kendra(KEY.access_key), scoped.kendra("AKIDSTUDY")

    def found() -> str:
        return json.dumps(study.query(IndexId=scoped.index, QueryText="eczema"), default=str)

    assert "eczema" not in json.dumps(json.loads(found())["ResultItems"])
    attributes = {"patient": {"StringValue": "p2"}}
    put(owner, scoped.index, [document("d-more", "Eczema of Thaddeus Okwuosa.", attributes=attributes)])
    until(lambda: "Eczema of" in found())
    assert "Okafor" not in found()
    owner.batch_delete_document(IndexId=scoped.index, DocumentIdList=["d-more"])
    until(lambda: "Eczema of" not in found())


def test_what_a_limited_key_judges_moves_its_own_results_alone(scoped: Served) -> None:
    asked = {"IndexId": scoped.index, "QueryText": "asthma of a ward"}
    ward, owner = scoped.kendra("AKIDTWO"), scoped.kendra(KEY.access_key)

    def order(client: Any) -> list[str]:
        items = client.query(**asked, QueryResultTypeFilter="DOCUMENT")["ResultItems"]
        return [one["DocumentId"] for one in items]

    def judge(client: Any, value: str) -> None:
        answer = client.query(**asked, QueryResultTypeFilter="DOCUMENT")
        (result,) = [one["Id"] for one in answer["ResultItems"] if one["DocumentId"] == last]
        judged = [{"ResultId": result, "RelevanceValue": value}]
        client.submit_feedback(IndexId=scoped.index, QueryId=answer["QueryId"], RelevanceFeedbackItems=judged)

    before, last = order(owner), order(ward)[-1]
    judge(ward, "RELEVANT")
    assert order(ward)[0] == last
    assert order(owner) == before
    judge(owner, "NOT_RELEVANT")
    assert order(owner)[-1] == last
    assert order(scoped.kendra("AKIDWARD")) == ["d-p1"]


def test_states_of_documents_are_those_of_ones_patients(scoped: Served) -> None:
    asked = [{"DocumentId": f"d-{patient}"} for patient in PATIENTS]
    answer = scoped.kendra("AKIDTWO").batch_get_document_status(IndexId=scoped.index, DocumentInfoList=asked)
    states = {one["DocumentId"]: one["DocumentStatus"] for one in answer["DocumentStatusList"]}
    assert states == {"d-p1": "INDEXED", "d-p2": "NOT_FOUND", "d-p3": "INDEXED"}


QUERIES = (
    "SELECT * {?s ?p ?o}",
    "SELECT * {GRAPH ?g {?s ?p ?o}}",
    "SELECT * {GRAPH <urn:brume:graph:patient:PATIENT> {?s ?p ?o}}",
    "SELECT * {?s <urn:brume:records:knows>* ?o}",
    "SELECT * {<urn:brume:document:d-PATIENT> (<urn:brume:records:patient>/<urn:brume:records:knows>?) ?o}",
    "SELECT * {{SELECT (GROUP_CONCAT(STR(?o)) AS ?all) {?s ?p ?o}}}",
    "CONSTRUCT {?s ?p ?o} WHERE {?s ?p ?o}",
    "DESCRIBE <urn:brume:document:d-PATIENT>",
    "SELECT * {VALUES ?g {<urn:brume:graph:patient:PATIENT>} GRAPH ?g {?s ?p ?o}}",
    "SELECT * {?s ?p ?o MINUS {GRAPH <urn:brume:graph:concepts> {?s ?p ?o}}}",
    "SELECT * {?a ?b ?c OPTIONAL {GRAPH <urn:brume:graph:patient:PATIENT> {?s ?p ?o}}}",
)


@settings(max_examples=15)
@given(
    key=st.sampled_from([*SEEN]),
    query=st.sampled_from(QUERIES),
    patient=st.sampled_from(PATIENTS),
    default=st.lists(st.sampled_from(PATIENTS), max_size=1),
    named=st.lists(st.sampled_from(PATIENTS), max_size=1),
)
def test_sparql_shows_a_key_its_patients_alone(
    scoped: Served, key: str, query: str, patient: str, default: list[str], named: list[str]
) -> None:
    parameters = {"query": query.replace("PATIENT", patient)}
    if default:
        parameters["default-graph-uri"] = f"urn:brume:graph:patient:{default[0]}"
    if named:
        parameters["named-graph-uri"] = f"urn:brume:graph:patient:{named[0]}"
    answer = scoped.sparql(key, **parameters)
    assert answer.status_code == 200, answer.text
    allowed = set() if key in DEIDENTIFIED else SEEN[key] | ({"none"} if key == KEY.access_key else set())
    assert shown(answer.text) <= allowed
    if query == QUERIES[0] and not default and not named and key != KEY.access_key:
        assert shown(answer.text) == allowed
        assert "Asthma" in answer.text
        assert ("urn:pair:1" in answer.text) == (key == "AKIDALL")


def test_a_query_that_names_graphs_by_from_is_refused_where_not_all_are_seen(scoped: Served) -> None:
    query = "SELECT * FROM <urn:brume:graph:patient:p2> {?s ?p ?o}"
    refused = scoped.sparql("AKIDWARD", query=query)
    assert refused.status_code == 403
    assert "default-graph-uri" in refused.json()["detailedMessage"]
    assert shown(scoped.sparql(KEY.access_key, query=query).text) == {"p2"}


@pytest.mark.parametrize("key", ["AKIDWARD", "AKIDALL", "AKIDOFFICE", "AKIDSTRANGER"])
def test_the_graph_is_changed_by_the_full_role_alone(scoped: Served, key: str) -> None:
    shared, other = "<urn:brume:graph:concepts>", "<urn:brume:graph:patient:p2>"
    copies = f"INSERT {{GRAPH {shared} {{?s ?p ?o}}}} WHERE {{GRAPH {other} {{?s ?p ?o}}}}"
    refused = scoped.sparql(key, update=copies)
    assert (refused.status_code, refused.json()["code"]) == (403, "AccessDeniedException")


@pytest.mark.parametrize("key", ["AKIDWARD", "AKIDALL", "AKIDOFFICE"])
def test_a_key_reads_and_writes_no_graph_of_another_patient(scoped: Served, key: str) -> None:
    """By the Graph Store Protocol: a hidden graph is one that is not there."""
    seen = set() if key in DEIDENTIFIED else SEEN[key]
    for patient in PATIENTS:
        place = f"/sparql/gsp/?graph={quote(f'urn:brume:graph:patient:{patient}')}"
        answer = scoped.request("GET", key, place)
        assert (answer.status_code, shown(answer.text)) == (
            (200, {patient}) if patient in seen else (404, set())
        )
        for method in ("PUT", "POST", "DELETE"):
            assert scoped.request(method, key, place, b"<a:a> <a:b> 1 .").status_code == 403
    absent = scoped.request("GET", key, "/sparql/gsp/?graph=urn%3Anone")
    assert absent.status_code == 404
    whole = scoped.request("GET", key, "/sparql/gsp/?default")
    assert (whole.status_code, shown(whole.text)) == (200, seen)
    rows = scoped.audit()[-14:]
    assert {row.operation for row in rows} == {"neptune-db:SparqlGraphStore"}
    assert sum(row.outcome == "DENIED" for row in rows) == 9 + 1 + len({*PATIENTS} - seen)


def test_counts_of_the_graph_are_of_what_a_key_sees(scoped: Served) -> None:
    keys = (KEY.access_key, "AKIDWARD", "AKIDTWO", "AKIDSTUDY")
    summaries = {key: scoped.neptune(key).get_rdf_graph_summary()["payload"] for key in keys}
    counts = {key: summary["graphSummary"]["numQuads"] for key, summary in summaries.items()}
    assert counts[KEY.access_key] == 13
    assert (counts["AKIDWARD"], counts["AKIDTWO"], counts["AKIDSTUDY"]) == (4, 7, 1)
    statistics = scoped.neptune("AKIDWARD").get_sparql_statistics()["payload"]["signatureInfo"]
    assert statistics["instanceCount"] == 3


def test_a_key_sees_its_own_queries_alone(scoped: Served) -> None:
    slow = "SELECT (COUNT(*) AS ?n) {" + " ".join(f"?a{n} ?b{n} ?c{n} ." for n in range(12)) + "}"
    identity = "6e1f0b3c-3c2f-4b7e-9b11-0d1d5a1f0c11"
    thread = threading.Thread(
        target=lambda: scoped.sparql(KEY.access_key, query=slow, queryId=identity), daemon=True
    )
    thread.start()

    def listed(key: str) -> list[str]:
        found = scoped.sparql(key, path="/sparql/status")
        return [one["queryId"] for one in found.json()["queries"]]

    until(lambda: identity in listed(KEY.access_key))
    assert listed("AKIDWARD") == []
    assert scoped.sparql("AKIDWARD", path="/sparql/status", queryId=identity).content == b""
    scoped.sparql(KEY.access_key, path="/sparql/status", queryId=identity, cancelQuery="true")
    thread.join(60)
    assert not thread.is_alive()


def test_a_key_with_many_queries_leaves_places_to_others(scoped: Served) -> None:
    slow = "SELECT (COUNT(*) AS ?n) {" + " ".join(f"?a{n} ?b{n} ?c{n} ." for n in range(40)) + "}"

    def listed(key: str) -> list[str]:
        found = scoped.sparql(key, path="/sparql/status").json()
        return [one["queryId"] for one in found["queries"]]

    def cancel(identity: str) -> None:
        scoped.sparql("AKIDWARD", path="/sparql/status", queryId=identity, cancelQuery="true")

    with ThreadPoolExecutor(18) as pool:
        asked = [pool.submit(scoped.sparql, "AKIDWARD", query=slow) for _ in range(17)]
        until(lambda: len(listed("AKIDWARD")) == 16 and sum(one.done() for one in asked) == 1)
        other = pool.submit(scoped.sparql, "AKIDTWO", query="ASK {}")
        until(lambda: bool(listed("AKIDTWO")))
        running, *waiting = listed("AKIDWARD")
        cancel(running)
        until(other.done)
        assert listed("AKIDWARD") == waiting
        for identity in waiting:
            cancel(identity)
        assert other.result().json()["boolean"]
        codes = [one.result().json()["code"] for one in asked]
    assert codes.count("TooManyRequestsException") == 1
    assert codes.count("CancelledByUserException") == 16


JOB: dict[str, Any] = {
    "InputDataConfig": {"S3Bucket": "bucket", "S3Key": ""},
    "OutputDataConfig": {"S3Bucket": "bucket", "S3Key": "out/"},
    "DataAccessRoleArn": "arn:aws:iam::123456789012:role/r",
    "LanguageCode": "en",
}


@pytest.mark.parametrize("key", ["AKIDWARD", "AKIDSTRANGER"])
def test_who_reads_records_neither_changes_them_nor_sees_jobs(scoped: Served, key: str) -> None:
    kendra, neptune = scoped.kendra(key), scoped.neptune(key)
    entities = client_of(scoped.url, "comprehendmedical", key=KEYS[key])
    index = scoped.index
    refused = [
        lambda: kendra.batch_put_document(IndexId=index, Documents=[document("x", "text")]),
        lambda: kendra.batch_delete_document(IndexId=index, DocumentIdList=["d-p1"]),
        lambda: kendra.delete_index(Id=index),
        lambda: kendra.list_data_sources(IndexId=index),
        lambda: kendra.put_principal_mapping(
            IndexId=index, GroupId="g", GroupMembers={"MemberUsers": [{"UserId": "ann"}]}
        ),
        lambda: neptune.list_loader_jobs(),
        lambda: neptune.start_loader_job(**LOAD),
        lambda: neptune.execute_fast_reset(action="initiateDatabaseReset"),
        lambda: entities.start_phi_detection_job(**JOB),
        lambda: entities.list_phi_detection_jobs(),
    ]
    for ask in refused:
        with pytest.raises(ClientError) as raised:
            ask()
        assert raised.value.response["Error"]["Code"] == "AccessDeniedException"
        assert raised.value.response["ResponseMetadata"]["RetryAttempts"] == 0
    assert requests.get(f"{scoped.url}/loader", timeout=60).status_code == 403


def test_a_steward_resets_and_sees_jobs_and_starts_none_that_read_notes(scoped: Served) -> None:
    assert scoped.neptune("AKIDOFFICE").list_loader_jobs()["payload"]["loadIds"]
    assert scoped.neptune("AKIDOFFICE").execute_fast_reset(action="initiateDatabaseReset")["payload"]["token"]
    assert scoped.kendra("AKIDOFFICE").list_data_sources(IndexId=scoped.index)["SummaryItems"] == []
    entities = client_of(scoped.url, "comprehendmedical", key=KEYS["AKIDOFFICE"])
    assert entities.list_phi_detection_jobs()["ComprehendMedicalAsyncJobPropertiesList"] == []
    with pytest.raises(ClientError, match="needs the role full"):
        entities.start_phi_detection_job(**JOB)


def test_what_no_policy_lists_is_for_the_full_role() -> None:
    assert policy.need("kendra", "BatchPutDocument") == Need.CHANGE
    assert policy.need("healthlake", "CreateFHIRDatastore") == Need.CHANGE
    assert policy.need("no-such-service", "Query") == Need.CHANGE


def test_each_name_in_the_policy_is_of_an_operation_or_a_route(scoped: Served) -> None:
    for service in OFFERED:
        offered = {one.name for one in service.operations() if one.resource is not None}
        assert policy.listed(service.name) <= offered | scoped.routes
