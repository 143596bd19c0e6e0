"""`brume records audit`: who read which records, and whether that was changed afterwards."""

from __future__ import annotations

import itertools
import re
from typing import Any

import click

from brume.run.failing import fail
from brume.run.terminal import print_table

_SHOWN = 3  # documents of a row that are shown


@click.command()
@click.option("--key", default="", metavar="ID", help="Of this access key alone.")
@click.option("--document", default="", metavar="ID", help="Of this document alone.")
@click.option("--most", default=50, show_default=True, type=click.IntRange(1), help="Rows.")
@click.option("--verify", is_flag=True, help="Check the chain of all rows instead.")
@click.option(
    "--since", default="", metavar="NUMBER:HASH", help="With --verify: a row as an earlier check printed it."
)
def audit(key: str, document: str, most: int, verify: bool, since: str) -> None:
    """Show who read which records, the newest first, or check that nothing of it was changed.

    \b
        eval "$(brume env records)"
        brume records audit --document DocumentReference/17/0
        brume records audit --verify --since 812:5f0c...

    A row that was changed or taken out breaks the chain. That the last rows were cut off shows against a row
    of an earlier check, so keep what --verify prints where nobody who owns the database can change it. Access
    keys need the role full or steward.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    from brume.aws.client import NoEndpointError, client

    try:
        console = client("brumerecords")
        if verify or since:
            _verify(console, since)
        else:
            _show(console, key, document, most)
    except ClientError as error:
        fail(str(error.response["Error"].get("Message") or error.response["Error"]["Code"]))
    except (BotoCoreError, NoEndpointError) as error:
        fail(" ".join(str(error).split()))


def _verify(console: Any, since: str) -> None:
    asked = {}
    if since:
        match = re.fullmatch(r"(\d+):([0-9a-f]{64})", since)
        if match is None:
            fail("--since is NUMBER:HASH, as an earlier check printed it")
        asked = {"Number": int(match[1]), "Hash": match[2]}
    found = console.verify_audit(**asked)
    if not found["Whole"]:
        fail(f"the audit was changed: {found['Fault']}")
    click.echo(f"{found['Rows']} rows, none changed. The last one is {found['Rows']}:{found['Hash']}")


def _show(console: Any, key: str, document: str, most: int) -> None:
    asked = {name: value for name, value in (("AccessKey", key), ("Document", document)) if value}
    rows = [
        (
            one["Number"],
            one["Time"].strftime("%Y-%m-%d %H:%M:%S"),
            one["AccessKey"],
            one.get("User"),
            one["Operation"],
            one["Outcome"],
            _documents(one["Documents"]),
            one.get("Reason") or one.get("Emergency"),
        )
        for one in itertools.islice(_events(console, asked), most)
    ]
    columns = (">Row", "Time (UTC)", "Key", "User", "Operation", "Outcome", "Documents", "Emergency")
    print_table(columns, rows)


def _events(console: Any, asked: dict[str, str]) -> Any:
    token: dict[str, str] = {}
    while True:
        page = console.list_audit_events(**asked, **token)
        yield from page["Events"]
        if not page.get("NextToken"):
            return
        token = {"NextToken": page["NextToken"]}


def _documents(ids: list[str]) -> str | None:
    more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
    return ", ".join(ids[:_SHOWN]) + more if ids else None
