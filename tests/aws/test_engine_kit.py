"""The parts of every engine, by a small engine over HTTP (`example_engine`)."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from brume.aws.engine import arns, logs
from brume.aws.engine.background import Background
from brume.aws.engine.catalog import Settings
from brume.aws.engine.errors import Errors
from brume.aws.engine.resources import ResourceError, Service
from brume.aws.engine.service import Call
from tests.aws import example_engine
from tests.aws.serving import OTHER, client_of, serve_engine
from tests.polling import until

ROLE = "arn:aws:iam::123456789012:role/any"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Any]:
    go = threading.Event()
    go.set()
    with serve_engine(example_engine.create(Settings(tmp_path), go)) as url:
        yield client_of(url, "kendra")


@pytest.fixture
def url(client: Any) -> str:
    return str(client.meta.endpoint_url)


def code_of(call: Any, **parameters: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_refused_operation_is_named_with_its_reason(client: Any) -> None:
    code, message = code_of(client.list_faqs, IndexId="a" * 36)
    assert code == "UnknownOperationException"
    assert "ListFaqs of kendra: answers come from documents alone" in message
    assert "not implemented" in code_of(client.list_thesauri, IndexId="a" * 36)[1]


class Unknown:
    def make_coffee(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {}


class Again:
    def list_indices(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {}


@pytest.mark.parametrize(
    ("service", "part"),
    [
        (Service("kendra", (Unknown,)), "make_coffee: kendra has no such operation"),
        (Service("kendra", (Again, example_engine.Indexes)), "Again has this operation too"),
        (Service("kendra", (Again,), {"why": ("ListIndices",)}), "is implemented by Again"),
        (Service("kendra", (Again,), {"why": ("ListIndexes",)}), "no operation ListIndexes"),
    ],
)
def test_resources_that_do_not_fit_the_model_are_found(service: Service, part: str) -> None:
    with pytest.raises(ResourceError, match=part):
        service.operations()


def test_every_resource_needs_an_instance() -> None:
    with pytest.raises(ResourceError, match="Again"):
        Service("kendra", (Again,)).mount(Unknown())


def test_a_token_makes_one_resource_and_takes_one_request(client: Any, url: str) -> None:
    first = client.create_index(Name="a", RoleArn=ROLE, ClientToken="one")["Id"]
    assert client.create_index(Name="a", RoleArn=ROLE, ClientToken="one")["Id"] == first
    code, message = code_of(client.create_index, Name="b", RoleArn=ROLE, ClientToken="one")
    assert code == "ConflictException"
    assert "ClientToken one came before with other parameters of CreateIndex" in message
    other = client_of(url, "kendra", key=OTHER)
    assert other.create_index(Name="a", RoleArn=ROLE, ClientToken="one")["Id"] != first
    assert len(client.list_indices()["IndexConfigurationSummaryItems"]) == 1


def test_a_listing_is_read_in_pages_by_the_sdk(client: Any, url: str) -> None:
    made = [client.create_index(Name=f"n{number}", RoleArn=ROLE)["Id"] for number in range(7)]
    seen, token = [], {}
    while True:
        page = client.list_indices(MaxResults=3, **token)
        seen += [item["Id"] for item in page["IndexConfigurationSummaryItems"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert seen == made[::-1]
    forged = token["NextToken"][:-2] + "AA"
    assert code_of(client.list_indices, MaxResults=3, NextToken=forged)[0] == "ValidationException"
    other = client_of(url, "kendra", key=OTHER)
    assert code_of(other.list_indices, MaxResults=3, **token)[0] == "ValidationException"


def test_tags_are_kept_by_arn(client: Any, url: str) -> None:
    index = client.create_index(Name="a", RoleArn=ROLE, Tags=[{"Key": "b", "Value": "1"}])["Id"]
    name = f"arn:aws:kendra:eu-west-1:123456789012:index/{index}"
    client.tag_resource(ResourceARN=name, Tags=[{"Key": "a", "Value": "2"}, {"Key": "b", "Value": "3"}])
    assert client.list_tags_for_resource(ResourceARN=name)["Tags"] == [
        {"Key": "a", "Value": "2"},
        {"Key": "b", "Value": "3"},
    ]
    client.untag_resource(ResourceARN=name, TagKeys=["a", "absent"])
    assert [tag["Key"] for tag in client.list_tags_for_resource(ResourceARN=name)["Tags"]] == ["b"]
    many = [{"Key": str(number), "Value": ""} for number in range(50)]
    assert "51 tags" in code_of(client.tag_resource, ResourceARN=name, Tags=many)[1]
    reserved = [{"Key": "AWS:x", "Value": ""}]
    assert "reserved" in code_of(client.tag_resource, ResourceARN=name, Tags=reserved)[1]
    other = client_of(url, "kendra", key=OTHER)
    assert code_of(other.list_tags_for_resource, ResourceARN=name)[0] == "ResourceNotFoundException"
    client.delete_index(Id=index)
    assert code_of(client.list_tags_for_resource, ResourceARN=name)[0] == "ResourceNotFoundException"


def test_what_another_account_has_is_absent(client: Any, url: str) -> None:
    index = client.create_index(Name="a", RoleArn=ROLE)["Id"]
    other = client_of(url, "kendra", key=OTHER)
    assert code_of(other.describe_index, Id=index)[0] == "ResourceNotFoundException"
    assert other.list_indices()["IndexConfigurationSummaryItems"] == []


def test_work_that_an_engine_left_is_done_by_the_next(tmp_path: Path) -> None:
    held, free = threading.Event(), threading.Event()
    with serve_engine(example_engine.create(Settings(tmp_path), held)) as url:
        client = client_of(url, "kendra")
        index = client.create_index(Name="a", RoleArn=ROLE)["Id"]
        assert client.describe_index(Id=index)["Status"] == "CREATING"
        free.set()
        # A second engine on the same state, as after a kill: the first one's thread has done nothing.
        with serve_engine(example_engine.create(Settings(tmp_path), free)) as again:
            second = client_of(again, "kendra")
            until(lambda: second.describe_index(Id=index)["Status"] == "ACTIVE", "the index's end")
        held.set()


def test_an_error_has_to_be_of_the_model() -> None:
    errors = Errors("lookoutvision")
    with pytest.raises(TypeError, match="no error CoffeeException"):
        errors("CoffeeException", "none")
    with pytest.raises(TypeError, match="no member Cup"):
        errors("ValidationException", "none", Cup=1)
    with pytest.raises(TypeError, match="needs ResourceId, ResourceType"):
        errors("ConflictException", "none")


NAMES = st.text(st.characters(codec="ascii", exclude_characters=":/", categories=["L", "N"]), min_size=1)


@given(NAMES, NAMES, NAMES, st.lists(NAMES, min_size=1).map(tuple))
def test_an_arn_is_read_as_it_was_written(
    service: str, region: str, account: str, path: tuple[str, ...]
) -> None:
    arn = arns.Arn(service, region, account, path)
    assert arns.parse(str(arn)) == arn


@pytest.mark.parametrize(
    "text", ["", "arn", "arn:aws:kendra:r:a", "urn:aws:kendra:r:a:index/1", "arn:aws:k:r:a:"]
)
def test_what_is_no_arn_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no ARN"):
        arns.parse(text)


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger(logs.ROOT)
    before = root.handlers, root.level, root.propagate
    written = io.StringIO()
    logs.configure(written)
    yield written
    root.handlers, root.level, root.propagate = before


def test_a_failure_in_the_background_is_one_line_without_what_users_sent(stream: io.StringIO) -> None:
    def work() -> None:
        raise FileNotFoundError("/pictures/mrs-smith.png")

    background = Background()
    background.submit(("dataset", "0123"), work)
    background.close()
    line = json.loads(stream.getvalue())
    assert line["level"] == "error"
    assert line["message"].startswith("background work dataset failed (failure ")
    assert line["failure"] == "FileNotFoundError"
    assert line["at"][-1].endswith(" work")
    assert "smith" not in stream.getvalue()


def test_every_logger_of_the_project_is_heard_from_info_on(stream: io.StringIO) -> None:
    logging.getLogger("brume.inspection.engine.hosting").info("pod %s is ready", "a")
    logging.getLogger("brume.anything").debug("not this")
    logging.getLogger("brume.engine").info('{"request": "1"}')
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line.get("message") for line in lines] == ["pod a is ready", None]
    assert lines[0]["logger"] == "brume.inspection.engine.hosting"
