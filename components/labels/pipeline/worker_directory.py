"""Names, emails and teams of workers by sub, from a Cognito user pool or a CSV file.

A private Ground Truth workforce is a Cognito user pool; an answer names its worker by the user's `sub`, and a
work team is a group of the pool. A CSV has the columns sub, name, email and team, in any order and case.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from brume import storage
from brume.aws.client import client
from brume.labels.model.field_rejects import FieldReject
from brume.labels.pipeline import aws_errors
from brume.labels.pipeline.settings import POOL

STEP = "workers"
COLUMNS = ("sub", "name", "email", "team")
_PAGE = 60  # the most that Cognito lists at once


class DirectoryError(ValueError):
    """A user pool or CSV that cannot be read at all; the message names it, and the remedy."""


@dataclass(frozen=True)
class Person:
    """A worker's name, email and team; "" where it is not known."""

    name: str
    email: str = ""
    team: str = ""


@dataclass(frozen=True)
class WorkerDirectory:
    """Everybody who is known, by sub; `source` is cognito, csv or none, as in the table `workers`."""

    source: str
    by_sub: Mapping[str, Person] = field(default_factory=dict)
    rejects: Sequence[FieldReject] = ()

    def masked(self) -> WorkerDirectory:
        """Return the same people by their subs and teams alone, without names and emails."""
        return replace(self, by_sub={sub: Person(sub, team=one.team) for sub, one in self.by_sub.items()})


def read(workers: str) -> WorkerDirectory:
    """Read the user pool or CSV that `workers` names; with "" nobody is known.

    Raises `DirectoryError` when there is no such pool or file, or it may not be read, or it has no
    column `sub`.
    """
    if not workers:
        return WorkerDirectory("none")
    return _cognito(workers) if POOL.fullmatch(workers) else _csv(workers)


def _cognito(pool: str) -> WorkerDirectory:
    """Read all users of the pool, and all groups with their members."""
    from botocore.exceptions import BotoCoreError, ClientError

    # Cognito allows a few tens of requests a second for the whole account: adaptive retries slow down.
    cognito = client("cognito-idp", pool.partition("_")[0], retries="adaptive")

    def pages(operation: str, key: str, **arguments: str) -> Iterator[dict[str, Any]]:
        try:
            for page in cognito.get_paginator(operation).paginate(
                UserPoolId=pool, PaginationConfig={"PageSize": _PAGE}, **arguments
            ):
                yield from page[key]
        except (ClientError, BotoCoreError) as error:
            unknown = "name a pool of this account by its id, REGION_NAME"
            cause = aws_errors.explain("cognito-idp", error, ResourceNotFoundException=unknown)
            raise DirectoryError(f"workers={pool}: {cause}") from error

    teams: dict[str, list[str]] = {}
    # The pool's own order of groups: the smallest precedence is the first.
    groups = sorted(
        pages("list_groups", "Groups"),
        key=lambda group: (group.get("Precedence", float("inf")), group["GroupName"]),
    )
    for group in groups:
        for user in pages("list_users_in_group", "Users", GroupName=group["GroupName"]):
            teams.setdefault(user["Username"], []).append(group["GroupName"])
    found = {}
    for user in pages("list_users", "Users"):
        about = {item["Name"]: item.get("Value", "").strip() for item in user.get("Attributes", [])}
        found[about.get("sub") or user["Username"]] = Person(
            name=about.get("name")
            or " ".join(filter(None, (about.get("given_name"), about.get("family_name"))))
            or about.get("preferred_username")
            or user["Username"],
            email=about.get("email", ""),
            team=", ".join(teams.get(user["Username"], [])),
        )
    return WorkerDirectory("cognito", found)


def _csv(uri: str) -> WorkerDirectory:
    """Read the lines of a CSV; of two lines with one sub the first counts."""
    records = _records(uri)
    try:
        _, header = next(records)
    except StopIteration:
        raise DirectoryError(f"{uri} is empty: its first line must be {','.join(COLUMNS)}") from None
    places = {name.strip().lower(): place for place, name in reversed(list(enumerate(header)))}
    if "sub" not in places or not places.keys() & {"name", "email", "team"}:
        raise DirectoryError(
            f"{uri}, line 1: the header {','.join(header)!r} must name the column sub, and of name, email "
            "and team those that there are, with commas or semicolons between them"
        )
    found: dict[str, Person] = {}
    lines: dict[str, int] = {}
    rejects: list[FieldReject] = []
    for line, record in records:
        padded = [*record, *[""] * (len(header) - len(record))]
        sub, name, email, team = (padded[places[key]].strip() if key in places else "" for key in COLUMNS)
        if len(record) > len(header):
            reason = f"it has {len(record)} fields, the header {len(header)}"
            remedy, column = "quote the field that holds the separator", ""
        elif not sub:
            reason, remedy, column = "it is empty", "write the sub of the worker's Cognito user", "sub"
        elif sub in found:
            reason = f"{sub} stands in line {lines[sub]} too, which counts"
            remedy, column = "keep one of the two lines", "sub"
        else:
            found[sub], lines[sub] = Person(name or sub, email, team), line
            continue
        rejects.append(FieldReject(uri, STEP, reason, remedy, line, column))
    return WorkerDirectory("csv", found, rejects)


def _records(uri: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each record that is not blank, with the number of the line where it begins."""
    try:
        data = storage.read_bytes(uri)
    except FileNotFoundError as error:
        raise DirectoryError(f"workers={uri} is not there: name a CSV file or a Cognito user pool") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DirectoryError(f"{uri}, line {line}: it is not UTF-8; save the file as CSV UTF-8") from error
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count))
    line = 1
    try:
        for record in reader:
            if any(value.strip() for value in record):
                yield line, record
            line = reader.line_num + 1
    except csv.Error as error:
        raise DirectoryError(f"{uri}, line {line}: {error}; does a quote stay open there?") from error
