"""Executions of queries: start, describe, list, stop, and read their results."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, insert, select

from brume import storage
from brume.aws.engine.idempotency import Token
from brume.aws.engine.listing import list_rows, pager
from brume.aws.engine.lookup import owned
from brume.aws.engine.sandbox import LateError, LostError, Sandbox
from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.labels.engine import result_pages, workgroups
from brume.labels.engine.catalog import CATALOG, Catalog
from brume.labels.engine.descriptions import described, kept, statistics
from brume.labels.engine.errors import busy, invalid, unprocessed
from brume.labels.engine.result_files import ResultFiles
from brume.labels.engine.result_locations import Outputs
from brume.labels.engine.runner import Planned, Runner, failure
from brume.labels.engine.saved_queries import prepared
from brume.labels.engine.settings import LabelsSettings
from brume.labels.engine.tables import FAILED, QUEUED, RUNNING, SUCCEEDED, TOKEN_SECONDS, executions
from brume.labels.model.schema import DATABASE

PLANNING_SECONDS = 20.0
# They are matched against untrusted text in the engine itself: ++ never backtracks.
_EXECUTE = re.compile(r"""\s*+EXECUTE\s++(?:"([^"]++)"|(\w++))(?:\s++USING\b|(?=\s*+$))""", re.IGNORECASE)
_VALUE = re.compile(r"(?:[^',]++|'[^']*+')++")

_Members = dict[str, Any]


class Executions:
    """The operations on executions."""

    def __init__(
        self,
        store: Store,
        catalog: Catalog,
        outputs: Outputs,
        sandbox: Sandbox,
        files: ResultFiles,
        runner: Runner,
        limits: LabelsSettings,
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._outputs = outputs
        self._sandbox = sandbox
        self._files = files
        self._runner = runner
        self._limits = limits

    def start_query_execution(self, request: _Members, call: Call) -> _Members:
        """Plan a query and let it run; the same ClientRequestToken starts one only."""
        self._files.require_room()
        token = Token(self._store, call, request, invalid, TOKEN_SECONDS)
        with self._store.write() as db:
            if known := token.known(db):
                return known
            group = workgroups.find(db, call.account, request.get("WorkGroup") or workgroups.PRIMARY)
            text, parameters = _prepared(db, call.account, group.name, request)
            self._require_place(db)
        if not group.enabled:
            raise invalid(f"WorkGroup {group.name} is disabled")
        _require_context(request.get("QueryExecutionContext") or {})
        identity = str(uuid.uuid4())
        folder = self._output_folder(request, group)
        started = time.time()
        planned = self._planned(text, parameters)
        plan = planned.get("plan") or {"kind": "DML", "name": "SELECT", "unload": None}
        unload = plan["unload"]
        if unload and not folder:
            raise invalid(
                "UNLOAD lists its files at an OutputLocation: give one, or set it for the workgroup"
            )
        if unload:
            self._check_unload(unload["address"])
        row = {
            "id": identity,
            "account": call.account,
            "workgroup": group.name,
            "state": QUEUED,
            "text": request["QueryString"],
            "request": json.dumps(kept(request)),
            "kind": plan["kind"],
            "name": plan["name"],
            "output": storage.join(folder, f"{identity}{_suffix(plan)}") if folder else "",
            "manifest": storage.join(folder, f"{identity}-manifest.csv") if unload else "",
            "reason": "",
            "rows": 0,
            "size": 0,
            "scanned": 0,
            "planning": time.time() - started,
            "submitted": started,
        }
        if "failed" in planned:
            row |= {"state": FAILED, "completed": time.time(), **failure(planned["failed"])}
        else:
            row["plan"] = Planned(plan, text, group.cutoff).encode()
        with self._store.write() as db:
            if known := token.known(db):  # a second request with the same token came meanwhile
                return known
            highest = db.execute(select(func.max(executions.c.number))).scalar_one()
            db.execute(insert(executions).values(**row, number=(highest or 0) + 1))
            token.keep(db, {"QueryExecutionId": identity})
        if "failed" in planned:
            self._runner.count(FAILED)
        else:
            self._runner.submit(identity)
        return {"QueryExecutionId": identity}

    def _planned(self, text: str, parameters: Sequence[str]) -> _Members:
        """Return the plan, or why the query fails. Raises InvalidRequestException for what is no query."""
        request = {
            "job": "plan",
            "text": text,
            "database": DATABASE,
            "tables": sorted(self._catalog.tables()),
            "parameters": list(parameters),
        }
        try:
            answer = self._sandbox.start(request).answer(PLANNING_SECONDS)
        except LateError:
            raise invalid(
                f"The query was not understood within {PLANNING_SECONDS:g} s: make it smaller"
            ) from None
        except LostError:
            raise invalid("The query cannot be understood here: make it smaller") from None
        if "refused" in answer:
            raise invalid(answer["refused"], "MALFORMED_QUERY")
        return answer

    def _output_folder(self, request: _Members, group: workgroups.Workgroup) -> str:
        """Return the address of the folder for the result; "" when the engine keeps it."""
        given = str((request.get("ResultConfiguration") or {}).get("OutputLocation") or "")
        chosen = group.output if group.enforced else given or group.output
        if chosen:
            workgroups.check_output(self._outputs, chosen)
        return chosen

    def _check_unload(self, address: str) -> None:
        workgroups.check_output(self._outputs, address)
        if not address.endswith("/"):
            raise invalid(f"UNLOAD writes to a folder: end {address} with a slash")

    def _require_place(self, db: Connection) -> None:
        waiting = db.execute(
            select(func.count()).select_from(executions).where(executions.c.state.in_((QUEUED, RUNNING)))
        ).scalar_one()
        if waiting >= self._limits.queue + self._limits.at_once:
            raise busy(f"{waiting} queries wait or run, as many as are taken on: try again later")

    def get_query_execution(self, request: _Members, call: Call) -> _Members:
        """Describe an execution."""
        with self._store.read() as db:
            return {"QueryExecution": described(_required(db, call.account, request["QueryExecutionId"]))}

    def batch_get_query_execution(self, request: _Members, call: Call) -> _Members:
        """Describe several executions."""
        with self._store.read() as db:
            found = {one: _find(db, call.account, one) for one in request["QueryExecutionIds"]}
        return {
            "QueryExecutions": [described(row) for row in found.values() if row is not None],
            "UnprocessedQueryExecutionIds": unprocessed(found, "QueryExecution"),
        }

    def list_query_executions(self, request: _Members, call: Call) -> _Members:
        """List the ids of a workgroup's executions, the newest first."""
        with self._store.write() as db:
            group = workgroups.find(db, call.account, request.get("WorkGroup") or workgroups.PRIMARY)
            mine = owned(executions, call, workgroup=group.name)
            order = executions.c.number
            return list_rows(db, request, call, mine, order, lambda row: row.id, newest_first=True)

    def stop_query_execution(self, request: _Members, call: Call) -> _Members:
        """Cancel a query that waits or runs; one that has ended stays as it is."""
        with self._store.read() as db:
            row = _required(db, call.account, request["QueryExecutionId"])
        self._runner.cancel(row.id)
        return {}

    def get_query_results(self, request: _Members, call: Call) -> _Members:
        """Return a page of a result; the first row of the first page holds the names, as in Athena."""
        identity = request["QueryExecutionId"]
        page = pager(request, call)
        with self._store.read() as db:
            row = _required(db, call.account, identity)
        if row.state != SUCCEEDED:
            raise invalid(
                f"Query has not yet finished. Current state: {row.state}"
                if row.state in (QUEUED, RUNNING)
                else f"Query did not finish successfully. Final query state: {row.state}"
            )
        columns = json.loads(row.columns or "[]")
        if row.name == "UNLOAD":
            return {
                "ResultSet": {"Rows": [], "ResultSetMetadata": {"ColumnInfo": []}},
                "UpdateCount": row.rows,
            }
        file = self._files.find(identity)
        if file is None:
            where = f": it lies at {row.output}" if row.output else ""
            raise invalid(f"The result of {identity} is kept no longer{where}")
        found, following = result_pages.page(file, page.number(file.stat().st_size), page.size)
        data = [
            {"Data": [{} if value is None else {"VarCharValue": value} for value in line]} for line in found
        ]
        return {
            "ResultSet": {"Rows": data, "ResultSetMetadata": {"ColumnInfo": columns}},
            "NextToken": page.token(str(following)) if following else None,
            "UpdateCount": 0,
        }

    def get_query_runtime_statistics(self, request: _Members, call: Call) -> _Members:
        """Return how long an execution took, and its rows."""
        with self._store.read() as db:
            row = _required(db, call.account, request["QueryExecutionId"])
        timeline = {name: value for name, value in statistics(row).items() if name.endswith("InMillis")}
        return {
            "QueryRuntimeStatistics": {
                "Timeline": timeline,
                "Rows": {"InputBytes": row.scanned, "OutputBytes": row.size, "OutputRows": row.rows},
            }
        }


def _prepared(
    db: Connection, account: str, workgroup: str, request: Mapping[str, Any]
) -> tuple[str, list[str]]:
    """Return the statement and the values for its `?`: EXECUTE names one that was prepared."""
    text, parameters = str(request["QueryString"]), list(request.get("ExecutionParameters") or [])
    named = _EXECUTE.match(text.rstrip("; \t\r\n"))
    if named is None:
        if re.match(r"\s*+EXECUTE\b", text, re.IGNORECASE):
            raise invalid("EXECUTE is written EXECUTE NAME USING 'value', 'value'", "MALFORMED_QUERY")
        return text, parameters
    name = named[1] or named[2]
    row = prepared(db, account, workgroup, name)
    if row is None:
        raise invalid(f"PreparedStatement {name} was not found in workGroup {workgroup}")
    values = text.rstrip("; \t\r\n")[named.end() :]
    if values.count("'") % 2:
        raise invalid(f"A text among the values of EXECUTE {name} has no closing quote", "MALFORMED_QUERY")
    return str(row.text), [value.strip() for value in _VALUE.findall(values)] or parameters


def _require_context(context: Mapping[str, Any]) -> None:
    catalog = str(context.get("Catalog") or CATALOG)
    if catalog.lower() != CATALOG.lower():
        raise invalid(f"Catalog {catalog} was not found: the catalog is {CATALOG}")


def _suffix(plan: Mapping[str, Any]) -> str:
    return ".csv" if plan["name"] == "SELECT" else "" if plan["name"] == "UNLOAD" else ".txt"


def _find(db: Connection, account: str, identity: str) -> Any:
    return db.execute(select(executions).filter_by(id=identity, account=account)).one_or_none()


def _required(db: Connection, account: str, identity: str) -> Any:
    row = _find(db, account, identity)
    if row is None:
        raise invalid(f"QueryExecution {identity} was not found")
    return row
