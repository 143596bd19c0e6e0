"""The standing queries as named queries of an Athena workgroup, shown in its console.

The double comma of the original's second query is mended: Athena itself does not run it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from brume.aws.client import client
from brume.labels.model.queries import Query
from brume.labels.model.schema import DATABASE
from brume.labels.pipeline import aws_errors

_MARK = " (Brume)"  # at the end of the description of those that are ours
_BATCH = 50  # as many as BatchGetNamedQuery takes


class NamedQueryError(RuntimeError):
    """Athena refuses the queries; the message gives the cause and the remedy."""


@dataclass
class Summary:
    """How many named queries were created and changed."""

    created: int = 0
    updated: int = 0


def save(queries: Iterable[Query], workgroup: str = "primary", database: str = DATABASE) -> Summary:
    """Create the queries that the workgroup does not have, and bring those that are ours up to date.

    A query of the same name that somebody else saved stays as it is. Raises `NamedQueryError`.
    """
    try:
        return _save(queries, workgroup, database)
    except (ClientError, BotoCoreError) as error:
        raise NamedQueryError(
            f"saving queries in Athena's workgroup {workgroup}: {aws_errors.explain('athena', error)}"
        ) from error


def _save(queries: Iterable[Query], workgroup: str, database: str) -> Summary:
    athena = client("athena")
    done = Summary()
    there = {saved["Name"]: saved for saved in _saved(athena, workgroup) if saved["Database"] == database}
    for query in queries:
        content = {
            "Name": query.name,
            "Description": query.line + _MARK,
            "QueryString": query.sql.replace(",,", ","),
        }
        saved = there.get(query.name)
        if saved is None:
            athena.create_named_query(**content, Database=database, WorkGroup=workgroup)
            done.created += 1
        elif saved.get("Description", "").endswith(_MARK) and content.items() - saved.items():
            athena.update_named_query(NamedQueryId=saved["NamedQueryId"], **content)
            done.updated += 1
    return done


def _saved(athena: Any, workgroup: str) -> Iterator[dict[str, Any]]:
    pages = athena.get_paginator("list_named_queries").paginate(WorkGroup=workgroup)
    ids = [one for page in pages for one in page["NamedQueryIds"]]
    for start in range(0, len(ids), _BATCH):
        yield from athena.batch_get_named_query(NamedQueryIds=ids[start : start + _BATCH])["NamedQueries"]
