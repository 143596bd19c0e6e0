"""Vocabularies and filters by boto3: forms, files, states, tags, listings, and who sees them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.aws.serving import KEY, OTHER, client_of
from tests.components.captions.engines import Scripted, serve_captions
from tests.components.captions.speech import SILENCE, StreamError, text_of, transcribe
from tests.polling import until

TABLE = "Phrase\tSoundsLike\tIPA\tDisplayAs\nTwoo\t\t\tTWO\nfor-four\t\t\tForfour\n"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("vocabularies")


@pytest.fixture(scope="module")
def url(root: Path) -> Iterator[str]:
    (root / "words").mkdir()
    script = Scripted(words=("one", "twoo", "three", "four."))
    with serve_captions(root, script, folders={"s3://words/": str(root / "words")}) as made:
        yield made


@pytest.fixture(scope="module")
def boto(url: str) -> Any:
    return client_of(url, "transcribe")


def ready(boto: Any, name: str) -> Any:
    """Return a vocabulary when its state is not PENDING any more."""
    return until(
        lambda: (found := boto.get_vocabulary(VocabularyName=name))["VocabularyState"] != "PENDING" and found
    )


def code_of(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_a_list_is_used_by_streams_and_an_update_while_it_is_used(boto: Any, url: str) -> None:
    made = boto.create_vocabulary(
        VocabularyName="list", LanguageCode="en-US", Phrases=["Twoo", "U.S.A.", "Los-Angeles"]
    )
    assert made["VocabularyState"] in ("PENDING", "READY")
    found = ready(boto, "list")
    assert (found["VocabularyState"], found["LanguageCode"]) == ("READY", "en-US")
    go = threading.Event()

    def audio() -> Iterator[bytes]:
        yield SILENCE
        assert go.wait(120)
        yield SILENCE

    def update(_result: dict[str, Any]) -> None:
        if not go.is_set():
            boto.update_vocabulary(VocabularyName="list", LanguageCode="en-US", Phrases=["Four"])
            assert ready(boto, "list")["VocabularyState"] == "READY"
            go.set()

    running = transcribe(url, audio(), seen=update, vocabulary_name="list")
    assert text_of(running) == "one Twoo three four. one Twoo three four."
    assert text_of(transcribe(url, [SILENCE], vocabulary_name="list")) == "one twoo three Four."
    boto.delete_vocabulary(VocabularyName="list")
    with pytest.raises(StreamError, match="list couldn't be found"):
        transcribe(url, [SILENCE], vocabulary_name="list")


@pytest.mark.parametrize("place", ["folder", "s3"])
def test_files_in_both_forms(
    boto: Any, url: str, root: Path, place: str, request: pytest.FixtureRequest
) -> None:
    files = {"table.txt": TABLE, "list.txt": "Twoo\nLos-Angeles, U.S.A.\n", "filter.txt": "one\nfour\n"}
    bucket = "words"
    if place == "s3":
        request.getfixturevalue("s3_server")
        bucket = "captions-words"
        boto3.client("s3").create_bucket(Bucket=bucket)
    for name, text in files.items():
        if place == "s3":
            boto3.client("s3").put_object(Bucket=bucket, Key=name, Body=text.encode())
        else:
            (root / "words" / name).write_text(text)
    for name, shown in (("table", "TWO"), ("list", "Twoo")):
        uri = (
            f"s3://{bucket}/{name}.txt"
            if name == "table"
            else f"https://s3.eu-west-1.amazonaws.com/{bucket}/{name}.txt"
        )
        boto.create_vocabulary(VocabularyName=f"{place}-{name}", LanguageCode="en-US", VocabularyFileUri=uri)
        assert ready(boto, f"{place}-{name}")["VocabularyState"] == "READY"
        found = transcribe(url, [SILENCE], vocabulary_name=f"{place}-{name}")
        assert text_of(found) == f"one {shown} three four."
    boto.create_vocabulary_filter(
        VocabularyFilterName=place, LanguageCode="en-US", VocabularyFilterFileUri=f"s3://{bucket}/filter.txt"
    )
    assert text_of(transcribe(url, [SILENCE], vocabulary_filter_name=place)) == "*** twoo three ***."


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"Phrases": ["two words"]}, "'two words' holds a space or a digit"),
        ({"Phrases": ["fine", "room-101"]}, "phrase 2: 'room-101' holds a space or a digit"),
        ({"VocabularyFileUri": "s3://words/absent.txt"}, "s3://words/absent.txt is not there"),
        ({"VocabularyFileUri": "s3://words/wrong.txt"}, "line 1: the columns, separated by tabs, are Phrase"),
        ({"VocabularyFileUri": "s3://words/bytes.txt"}, "is not UTF-8"),
        ({"VocabularyFileUri": "s3://words/empty.txt"}, "holds no phrase"),
    ],
)
def test_what_cannot_be_used_is_failed_with_its_reason(
    boto: Any, url: str, root: Path, given: dict[str, Any], reason: str
) -> None:
    (root / "words/wrong.txt").write_text("Word\tShown\na\tb\n")
    (root / "words/bytes.txt").write_bytes(b"\xff\xfe")
    (root / "words/empty.txt").write_bytes(b"\n")
    boto.create_vocabulary(VocabularyName="wrong", LanguageCode="en-US", **given)
    found = ready(boto, "wrong")
    assert found["VocabularyState"] == "FAILED"
    assert reason in found["FailureReason"]
    assert [
        one["VocabularyName"] for one in boto.list_vocabularies(StateEquals="FAILED")["Vocabularies"]
    ] == ["wrong"]
    with pytest.raises(StreamError, match="wrong is FAILED, not READY"):
        transcribe(url, [SILENCE], vocabulary_name="wrong")
    boto.delete_vocabulary(VocabularyName="wrong")


def test_requests_that_cannot_be_followed(boto: Any) -> None:
    for given in ({}, {"Phrases": ["a"], "VocabularyFileUri": "s3://words/a"}, {"Phrases": []}):
        with pytest.raises(ClientError, match="either Phrases or VocabularyFileUri") as caught:
            boto.create_vocabulary(VocabularyName="none", LanguageCode="en-US", **given)
        assert code_of(caught) == "BadRequestException"
    for given in ({}, {"Words": ["a"], "VocabularyFilterFileUri": "s3://words/a"}):
        with pytest.raises(ClientError, match="either Words or VocabularyFilterFileUri"):
            boto.create_vocabulary_filter(VocabularyFilterName="none", LanguageCode="en-US", **given)
    for uri in ("s3://words/absent.txt", "s3://words/../state.db"):
        with pytest.raises(ClientError) as caught:
            boto.create_vocabulary_filter(
                VocabularyFilterName="none", LanguageCode="en-US", VocabularyFilterFileUri=uri
            )
        assert code_of(caught) == "BadRequestException"
    with pytest.raises(ClientError, match="EncryptionConfiguration") as caught:
        boto.create_vocabulary(
            VocabularyName="none",
            LanguageCode="en-US",
            Phrases=["a"],
            EncryptionConfiguration={"KMSKey": "k"},
        )
    assert code_of(caught) == "BadRequestException"
    for call in (
        lambda: boto.get_vocabulary(VocabularyName="none"),
        lambda: boto.update_vocabulary(VocabularyName="none", LanguageCode="en-US", Phrases=["a"]),
        lambda: boto.delete_vocabulary(VocabularyName="none"),
        lambda: boto.get_vocabulary_filter(VocabularyFilterName="none"),
        lambda: boto.update_vocabulary_filter(VocabularyFilterName="none", Words=["a"]),
        lambda: boto.delete_vocabulary_filter(VocabularyFilterName="none"),
    ):
        with pytest.raises(ClientError) as caught:
            call()
        assert code_of(caught) == "NotFoundException"


def test_listings_have_pages_and_other_accounts_and_regions_see_nothing(boto: Any, url: str) -> None:
    for number in range(5):
        boto.create_vocabulary(VocabularyName=f"page_{number}", LanguageCode="en-US", Phrases=["a"])
        boto.create_vocabulary_filter(
            VocabularyFilterName=f"page_{number}", LanguageCode="en-US", Words=["a"]
        )
    with pytest.raises(ClientError) as caught:
        boto.create_vocabulary(VocabularyName="page_0", LanguageCode="en-US", Phrases=["a"])
    assert code_of(caught) == "ConflictException"
    for operation, members in (
        (boto.list_vocabularies, ("Vocabularies", "VocabularyName")),
        (boto.list_vocabulary_filters, ("VocabularyFilters", "VocabularyFilterName")),
    ):
        found, token = [], {}
        while True:
            page = operation(NameContains="AGE_", MaxResults=2, **token)
            assert len(page[members[0]]) <= 2
            found += [one[members[1]] for one in page[members[0]]]
            if "NextToken" not in page:
                break
            token = {"NextToken": page["NextToken"]}
        assert found == [f"page_{number}" for number in range(5)]
        assert operation(NameContains="a_e")[members[0]] == []  # _ and % are characters here
    other = client_of(url, "transcribe", key=OTHER)
    elsewhere = boto3.client(
        "transcribe",
        endpoint_url=url,
        region_name="us-west-2",
        aws_access_key_id=KEY.access_key,
        aws_secret_access_key=KEY.secret,
    )
    for one in (other, elsewhere):
        assert one.list_vocabularies()["Vocabularies"] == []
        assert one.list_vocabulary_filters()["VocabularyFilters"] == []
        with pytest.raises(ClientError):
            one.get_vocabulary(VocabularyName="page_0")


def test_tags(boto: Any, url: str) -> None:
    boto.create_vocabulary(
        VocabularyName="tagged", LanguageCode="en-US", Phrases=["a"], Tags=[{"Key": "team", "Value": "news"}]
    )
    arn = f"arn:aws:transcribe:eu-west-1:{KEY.account}:vocabulary/tagged"
    boto.tag_resource(
        ResourceArn=arn, Tags=[{"Key": "team", "Value": "sport"}, {"Key": "cost", "Value": "1"}]
    )
    boto.untag_resource(ResourceArn=arn, TagKeys=["cost"])
    assert boto.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "sport"}]
    with pytest.raises(ClientError):
        client_of(url, "transcribe", key=OTHER).list_tags_for_resource(ResourceArn=arn)
    boto.delete_vocabulary(VocabularyName="tagged")
    with pytest.raises(ClientError) as caught:
        boto.list_tags_for_resource(ResourceArn=arn)
    assert code_of(caught) == "NotFoundException"


def test_the_words_of_a_filter_are_replaced(boto: Any, url: str) -> None:
    boto.create_vocabulary_filter(VocabularyFilterName="words", LanguageCode="en-US", Words=["One"])
    assert text_of(transcribe(url, [SILENCE], vocabulary_filter_name="words")) == "*** twoo three four."
    boto.update_vocabulary_filter(VocabularyFilterName="words", Words=["three four"])
    assert text_of(transcribe(url, [SILENCE], vocabulary_filter_name="words")) == "one twoo *** ***."
