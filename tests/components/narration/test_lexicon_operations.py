"""The operations on lexicons by boto3: what is kept, its tags, limits, whose it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from brume.narration.engine import lexicons
from tests.aws.serving import OTHER
from tests.components.narration.test_lexicon import lexeme, pls
from tests.components.narration.tones import polly, serve_narration

CONTENT = pls(lexeme("W3C", alias="World Wide Web") + lexeme("é", phoneme="e"))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve_narration(tmp_path_factory.mktemp("lexicons")) as made:
        yield made


@pytest.fixture(scope="module")
def boto(url: str) -> Any:
    return polly(url)


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_a_lexicon_from_put_to_delete(boto: Any) -> None:
    boto.put_lexicon(Name="one", Content=CONTENT)
    found = boto.get_lexicon(Name="one")
    assert found["Lexicon"] == {"Name": "one", "Content": CONTENT}
    about = found["LexiconAttributes"]
    assert datetime.now(UTC) - about.pop("LastModified") < timedelta(hours=1)
    assert about == {
        "Alphabet": "ipa",
        "LanguageCode": "en-US",
        "LexiconArn": "arn:aws:polly:eu-west-1:123456789012:lexicon/one",
        "LexemesCount": 2,
        "Size": len(CONTENT),
    }
    boto.put_lexicon(Name="one", Content=pls("", language="es-ES"))
    (listed,) = boto.list_lexicons()["Lexicons"]
    assert (listed["Name"], listed["Attributes"]["LanguageCode"]) == ("one", "es-ES")
    boto.delete_lexicon(Name="one")
    for gone in (boto.get_lexicon, boto.delete_lexicon):
        with pytest.raises(ClientError) as caught:
            gone(Name="one")
        assert code(caught) == "LexiconNotFoundException"
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert boto.list_lexicons()["Lexicons"] == []


def test_a_lexicon_is_of_its_account(url: str, boto: Any) -> None:
    boto.put_lexicon(Name="mine", Content=CONTENT)
    other = polly(url, key=OTHER)
    assert other.list_lexicons()["Lexicons"] == []
    with pytest.raises(ClientError, match="LexiconNotFoundException"):
        other.get_lexicon(Name="mine")
    with pytest.raises(ClientError, match="LexiconNotFoundException"):
        other.synthesize_speech(VoiceId="anna", OutputFormat="pcm", Text="a", LexiconNames=["mine"])
    boto.delete_lexicon(Name="mine")


def test_tags_last_as_long_as_the_lexicon(boto: Any) -> None:
    arn = "arn:aws:polly:eu-west-1:123456789012:lexicon/tagged"
    boto.put_lexicon(Name="tagged", Content=CONTENT, Tags={"team": "news"})
    boto.put_lexicon(Name="tagged", Content=CONTENT, Tags={"other": "x"})  # overwriting replaces no tags
    boto.tag_resource(ResourceArn=arn, Tags={"desk": "sport"})
    assert boto.list_tags_for_resource(ResourceArn=arn)["Tags"] == {"team": "news", "desk": "sport"}
    boto.untag_resource(ResourceArn=arn, TagKeys=["team"])
    assert boto.list_tags_for_resource(ResourceArn=arn)["Tags"] == {"desk": "sport"}
    boto.delete_lexicon(Name="tagged")
    boto.put_lexicon(Name="tagged", Content=CONTENT)
    assert boto.list_tags_for_resource(ResourceArn=arn)["Tags"] == {}
    for wrong in (arn.replace("tagged", "absent"), arn.replace("1234", "4321"), "arn:aws:polly:x", "tagged"):
        with pytest.raises(ClientError) as caught:
            boto.list_tags_for_resource(ResourceArn=wrong)
        assert code(caught) == "ResourceNotFoundException"
    with pytest.raises(ClientError, match="InvalidTagParameterException"):
        boto.tag_resource(ResourceArn=arn, Tags={"aws:x": "y"})
    with pytest.raises(ClientError, match="TooManyTagsException"):
        boto.tag_resource(ResourceArn=arn, Tags={str(number): "" for number in range(51)})


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("<lexicon", "InvalidLexiconException"),
        (pls("", alphabet="cmu"), "UnsupportedPlsAlphabetException"),
        (pls("", language="?"), "UnsupportedPlsLanguageException"),
        (pls("", language="en"), "UnsupportedPlsLanguageException"),
        (pls(" " * 40_000), "LexiconSizeExceededException"),
        (pls(lexeme("a", alias="b" * 101)), "MaxLexemeLengthExceededException"),
    ],
)
def test_a_lexicon_that_is_refused(boto: Any, content: str, expected: str) -> None:
    with pytest.raises(ClientError, match="The lexicon cannot be used") as caught:
        boto.put_lexicon(Name="wrong", Content=content)
    assert code(caught) == expected
    assert "wrong" not in [one["Name"] for one in boto.list_lexicons()["Lexicons"]]


def test_a_name_that_is_refused(boto: Any) -> None:
    with pytest.raises(ClientError, match="must match the pattern"):
        boto.put_lexicon(Name="a-b", Content=CONTENT)


def test_how_many_there_may_be(boto: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    boto.put_lexicon(Name="kept", Content=CONTENT)
    monkeypatch.setattr(lexicons, "MOST", 1)
    with pytest.raises(ClientError) as caught:
        boto.put_lexicon(Name="more", Content=CONTENT)
    assert code(caught) == "MaxLexiconsNumberExceededException"
    boto.put_lexicon(Name="kept", Content=CONTENT)  # in place of one that is there
    with pytest.raises(ClientError, match="InvalidNextTokenException"):
        boto.list_lexicons(NextToken="x")
