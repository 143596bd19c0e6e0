"""Following the pages of a listing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import MetaData

from brume.aws.engine.paging import Pager, page
from brume.aws.engine.schema import Schema, versions_table
from brume.aws.engine.store import Store
from brume.aws.wire.server import Call, Engine, ServiceError
from tests.aws.serving import OTHER, client_of, serve_engine

CALL = Call("id", "123456789012", "eu-west-1", "key", "lookoutvision", "ListModels")


def pages(items: list[str], size: int) -> list[list[str]]:
    found, token = [], None
    while True:
        request = {"ProjectName": "a", "MaxResults": size} | ({"NextToken": token} if token else {})
        part, token = page(items, request, CALL, key=str)
        found.append(part)
        if token is None:
            return found


@given(st.lists(st.text(min_size=1), unique=True).map(sorted), st.integers(1, 20))
def test_the_pages_are_all_items_in_order(items: list[str], size: int) -> None:
    found = pages(items, size)
    assert [item for part in found for item in part] == items
    assert all(len(part) == size for part in found[:-1])


@given(st.lists(st.text(min_size=1), unique=True, min_size=2).map(sorted), st.data())
def test_what_comes_and_goes_meanwhile_repeats_and_hides_nothing(
    items: list[str], data: st.DataObject
) -> None:
    size = data.draw(st.integers(1, len(items) - 1))
    first, token = page(items, {"MaxResults": size}, CALL, key=str)
    gone = data.draw(st.sets(st.sampled_from(items)))
    come = data.draw(st.sets(st.text(min_size=1)))
    now = sorted((set(items) - gone) | come)
    rest, _ = page(now, {"MaxResults": 100, "NextToken": token}, CALL, key=str)
    assert not set(first) & set(rest)
    assert set(items) - gone <= set(first) | set(rest)


def test_a_token_continues_only_the_listing_that_gave_it() -> None:
    request: dict[str, Any] = {"ProjectName": "a", "MaxResults": 1}
    _, token = page(["x", "y"], request, CALL, key=str)
    assert token
    assert page(["x", "y"], {**request, "MaxResults": 9, "NextToken": token}, CALL, key=str)[0] == ["y"]
    other_operation = Call("id", CALL.account, CALL.region, "key", "lookoutvision", "ListProjects")
    other_account = Call("id", OTHER.account, CALL.region, "key", "lookoutvision", "ListModels")
    for wrong, call in (
        ({**request, "ProjectName": "b", "NextToken": token}, CALL),
        ({**request, "NextToken": token}, other_operation),
        ({**request, "NextToken": token}, other_account),
        ({**request, "NextToken": "A" + token[1:]}, CALL),
        ({**request, "NextToken": token[:-4]}, CALL),
        ({**request, "NextToken": "no base64!"}, CALL),
    ):
        with pytest.raises(ServiceError, match="NextToken") as caught:
            Pager(wrong, call)
        assert caught.value.code == "ValidationException"


def test_a_token_that_was_made_up_is_refused() -> None:
    request: dict[str, Any] = {"ProjectName": "a"}
    made_up = Pager(request, replace(CALL, page_secret=b"a guess")).token("x")
    for own in (b"", b"the engine's"):
        call = replace(CALL, page_secret=own)
        assert Pager({**request, "NextToken": Pager(request, call).token("x")}, call).after == "x"
        with pytest.raises(ServiceError, match="is not a token that this listing gave"):
            Pager({**request, "NextToken": made_up}, call)


def test_the_secret_of_tokens_is_kept_with_the_state(tmp_path: Path) -> None:
    schema = Schema(versions_table(MetaData()))
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    first, other = Store("", tmp_path / "a", schema), Store("", tmp_path / "b", schema)
    kept = first.secret("pages")
    first.close()
    again = Store("", tmp_path / "a", schema)
    assert (len(kept), again.secret("pages")) == (32, kept)
    assert other.secret("pages") != kept
    again.close()
    other.close()


def test_a_paginator_of_the_sdk_reads_all_pages() -> None:
    class Projects:
        def list_projects(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
            names = [f"project-{number:03}" for number in range(250)]
            part, token = page(names, request, call, key=str)
            return {"Projects": [{"ProjectName": name} for name in part], "NextToken": token}

    with serve_engine(Engine({"lookoutvision": Projects()})) as url:
        found = client_of(url, "lookoutvision").get_paginator("list_projects").paginate()
        parts = [[project["ProjectName"] for project in answer["Projects"]] for answer in found]
    assert [len(part) for part in parts] == [100, 100, 50]
    assert parts[2][-1] == "project-249"
