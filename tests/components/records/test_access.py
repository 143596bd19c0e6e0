"""Nobody sees a document that is not theirs: by results, counts, facets, spelling or suggestions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from brume.aws.wire.keys import Key
from brume.records.model.search.columns import Columns
from brume.records.model.search.document import Document, Grant, Principal, Reader
from brume.records.model.search.index import Query, SearchIndex
from tests.aws.serving import KEY, KEYS, client_of, serve_engine
from tests.components.records.kendra import allowed, document, field, found, make_index, plain_engine, put

WARD = Key("AKIDWARD", "secret of the ward", KEY.account)
STRANGER = Key("AKIDNOBODY", "secret of nobody", KEY.account)
STUDY = Key("AKIDSTUDY", "secret of the study", KEY.account)
RIGHTS = {
    KEY.access_key: {"any": True},
    WARD.access_key: {"users": ["ann"], "groups": ["renal"]},
    STUDY.access_key: {"any": True, "patients": ["p1"]},
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("access")
    (folder / "rights.json").write_text(json.dumps(RIGHTS))
    keys = {key.access_key: key for key in (*KEYS.values(), WARD, STRANGER, STUDY)}
    with pytest.MonkeyPatch.context() as monkeypatch:
        engine = plain_engine(folder, monkeypatch, access=str(folder / "rights.json"))
    with serve_engine(engine, keys=keys) as url:
        yield url


@pytest.fixture(scope="module")
def index(url: str) -> str:
    client = client_of(url, "kendra")
    made = make_index(client, field("patient"), field("ward"))
    source = client.create_data_source(IndexId=made, Name="ward", Type="CUSTOM")["Id"]
    client.put_principal_mapping(
        IndexId=made, GroupId="renal", GroupMembers={"MemberUsers": [{"UserId": "bob"}]}
    )
    client.put_principal_mapping(
        IndexId=made, GroupId="doctors", GroupMembers={"MemberGroups": [{"GroupId": "renal"}]}
    )
    client.put_principal_mapping(
        IndexId=made, GroupId="study", DataSourceId=source, GroupMembers={"MemberUsers": [{"UserId": "eve"}]}
    )
    deny = [{"Name": "cid", "Type": "USER", "Access": "DENY"}]
    patient = {"patient": {"StringValue": "p1"}}
    put(
        client,
        made,
        [
            document("open", "Asthma seen in the clinic.", attributes=patient),
            document("ann", "Asthma of zebrafish kind.", AccessControlList=allowed("ann"), attributes={
                "ward": {"StringValue": "hidden ward"}}),
            document("renal", "Asthma on dialysis.", AccessControlList=allowed("renal", group=True)),
            document("doctors", "Asthma and doctors.", AccessControlList=[
                *allowed("doctors", group=True), *deny]),
            document("study", "Asthma in a study.", AccessControlList=[
                {**one, "DataSourceId": source} for one in allowed("study", group=True)]),
            document("levels", "Asthma in two folders.", HierarchicalAccessControlList=[
                {"PrincipalList": allowed("ann", "bob")}, {"PrincipalList": allowed("bob")}]),
        ],
    )  # fmt: skip
    return made


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        (None, {"open"}),
        ({"UserId": "nobody"}, {"open"}),
        ({"UserId": "ann"}, {"open", "ann"}),
        ({"UserId": "bob"}, {"open", "renal", "doctors", "levels"}),
        ({"UserId": "cid", "Groups": ["doctors"]}, {"open"}),
        ({"Groups": ["renal"]}, {"open", "renal", "doctors"}),
        ({"UserId": "eve"}, {"open", "study"}),
        ({"Groups": ["study"]}, {"open"}),
    ],
)
def test_lists_groups_of_groups_and_levels_of_access(
    url: str, index: str, context: dict[str, Any] | None, expected: set[str]
) -> None:
    client = client_of(url, "kendra")
    members = {"UserContext": context} if context else {}
    answer = client.query(IndexId=index, QueryText="asthma", QueryResultTypeFilter="DOCUMENT", **members)
    assert {item["DocumentId"] for item in answer["ResultItems"]} == expected
    assert answer["TotalNumberOfResults"] == len(expected)
    passages = client.retrieve(IndexId=index, QueryText="asthma", **members)["ResultItems"]
    assert {item["DocumentId"] for item in passages} == expected


def test_what_is_hidden_is_in_no_facet_correction_or_suggestion(url: str, index: str) -> None:
    client = client_of(url, "kendra")
    members: dict[str, Any] = {
        "IndexId": index,
        "QueryText": "zebrafih",
        "SpellCorrectionConfiguration": {"IncludeQuerySpellCheckSuggestions": True},
    }
    assert "zebrafish" not in json.dumps(client.query(**members).get("SpellCorrectedQueries", []))
    ann = client.query(**members, UserContext={"UserId": "ann"})
    assert ann["SpellCorrectedQueries"][0]["SuggestedQueryText"] == "zebrafish"
    facets = [{"DocumentAttributeKey": "ward"}]
    answer = client.query(IndexId=index, QueryText="asthma", Facets=facets)
    assert answer["FacetResults"][0]["DocumentAttributeValueCountPairs"] == []
    config: dict[str, Any] = {"SuggestionAttributes": ["ward"]}
    for context, expected in (({}, []), ({"UserContext": {"UserId": "ann"}}, ["hidden ward"])):
        suggested = client.get_query_suggestions(
            IndexId=index,
            QueryText="hid",
            SuggestionTypes=["DOCUMENT_ATTRIBUTES"],
            AttributeSuggestionsConfig={**config, **context},
        )["Suggestions"]
        assert [one["Value"]["Text"]["Text"] for one in suggested] == expected


def test_a_key_speaks_for_those_that_its_rights_name_alone(url: str, index: str) -> None:
    ward = client_of(url, "kendra", key=WARD)
    assert set(found(ward, index, "asthma", UserContext={"UserId": "ann"})) == {"open", "ann"}
    for context in ({"UserId": "bob"}, {"UserId": "ann", "Groups": ["doctors"]}):
        with pytest.raises(ClientError, match="AccessDeniedException"):
            ward.query(IndexId=index, QueryText="asthma", UserContext=context)
    stranger = client_of(url, "kendra", key=STRANGER)
    assert found(stranger, index, "asthma") == []
    with pytest.raises(ClientError, match="AccessDeniedException"):
        stranger.retrieve(IndexId=index, QueryText="asthma", UserContext={"UserId": "ann"})


def test_a_key_that_is_limited_to_patients_sees_theirs_alone(url: str, index: str) -> None:
    study = client_of(url, "kendra", key=STUDY)
    assert found(study, index, "asthma", UserContext={"UserId": "bob"}) == ["open"]


def test_an_older_mapping_does_not_undo_a_newer_one(url: str, index: str) -> None:
    client = client_of(url, "kendra")
    for ordering, user in ((20, "new"), (10, "old")):
        client.put_principal_mapping(
            IndexId=index, GroupId="g", OrderingId=ordering, GroupMembers={"MemberUsers": [{"UserId": user}]}
        )
    (state,) = client.describe_principal_mapping(IndexId=index, GroupId="g")["GroupOrderingIdSummaries"]
    assert (state["OrderingId"], state["Status"]) == (20, "SUCCEEDED")
    client.delete_principal_mapping(IndexId=index, GroupId="g", OrderingId=30)
    (state,) = client.describe_principal_mapping(IndexId=index, GroupId="g")["GroupOrderingIdSummaries"]
    assert state["Status"] == "DELETED"


NAMES = st.sampled_from(["ann", "bob", "cid"])
GRANTS = st.builds(Grant, st.builds(Principal, NAMES, st.booleans()), st.booleans())
ACCESS = st.lists(st.lists(GRANTS, max_size=3).map(tuple), max_size=2).map(tuple)
READERS = st.builds(
    Reader,
    st.frozensets(st.builds(Principal, NAMES, st.booleans()), max_size=3),
    st.one_of(st.none(), st.frozensets(st.sampled_from(["p1", "p2"]))),
)


@settings(max_examples=30)
@given(st.lists(st.tuples(ACCESS, st.sampled_from(["", "p1", "p2"])), min_size=1, max_size=8), READERS)
def test_no_way_out_of_an_index_shows_what_a_reader_may_not_read(
    tmp_path_factory: pytest.TempPathFactory, kept: list[tuple[Any, str]], reader: Reader
) -> None:
    index = SearchIndex(tmp_path_factory.mktemp("vectors"), None)
    index.put(
        [
            Document(str(number), f"asthma word{number}", "", {"key": f"v{number}"}, access, patient)
            for number, (access, patient) in enumerate(kept)
        ]
    )
    mine = {str(number) for number, one in enumerate(kept) if reader.may_read(*one)}
    values = {f"v{number}" for number in mine}
    for text in ("asthma", "", *(f"word{number}" for number in range(len(kept)))):
        result = index.search(Query(text, reader))
        assert {document.id for document in result.documents} <= mine
        assert {value for value, _ in result.facet("key")} <= values
    assert {document.id for document in index.search(Query("asthma", reader)).documents} == mine
    assert {value for value, _ in index.values("key", reader, Query("", reader).condition)} == values
    for number in range(len(kept)):
        assert index.knows(f"word{number}", reader) == (str(number) in mine)


@given(st.lists(ACCESS, max_size=8), READERS)
def test_the_mask_of_readable_documents_is_the_rule_for_each(kept: list[Any], reader: Reader) -> None:
    columns = Columns()
    for access in kept:
        columns.add({}, access, "p1")
    expected = [reader.may_read(access, "p1") for access in kept]
    assert np.array_equal(columns.readable(reader), np.array(expected, bool))


def test_a_denial_goes_before_any_permission() -> None:
    access = ((Grant(Principal("ann")), Grant(Principal("ward", True), False)),)
    assert Reader(frozenset({Principal("ann")})).may_read(access, "")
    assert not Reader(frozenset({Principal("ann"), Principal("ward", True)})).may_read(access, "")
