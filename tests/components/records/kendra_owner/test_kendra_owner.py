"""What an index's owner sets: featured results, access that documents follow, suggestions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.components.records.kendra import (
    allowed,
    document,
    found,
    make_index,
    put,
)
from tests.components.records.owner_files import Files


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
