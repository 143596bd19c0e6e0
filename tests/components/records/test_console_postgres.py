"""The console's operations on a real PostgreSQL server, which several engines may share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.aws.postgres import database as database
from tests.components.records.kendra import found
from tests.components.records.pages import ASTHMA, NOTES, serve_pages


@pytest.mark.slow
def test_search_verdicts_and_jobs(database: str, tmp_path: Path) -> None:
    with serve_pages(tmp_path / "engine", database=database) as pages:
        console = pages.console
        answer = console.search_notes(QueryText="high blood pressure")
        assert answer["Notes"][0]["Reasons"] and answer["Facets"]
        for identity in ("pressure", "evil"):
            (first, *_) = console.get_note(NoteId=identity)["Entities"]
            mention = {"Begin": first["Begin"], "End": first["End"]}
            mention |= {"NoteId": identity, "ConceptId": first["Concepts"][0]["ConceptId"]}
            verdict = "ACCEPTED" if identity == "evil" else "REJECTED"
            assert console.judge_entity(**mention, Verdict=verdict)[verdict.capitalize()] == 1
        order = found(pages.kendra, pages.index, "high blood pressure")
        assert order.index("evil") < order.index("pressure")
        console.judge_note(QueryId=answer["QueryId"], NoteId="none", Relevance="NOT_RELEVANT")
        again = console.search_notes(QueryText="high blood pressure")
        judged = {one["NoteId"]: one.get("Judged") for one in again["Notes"]}
        assert judged["none"] == "NOT_RELEVANT" and judged["evil"] is None
        (index,) = console.list_jobs()["Indexes"]
        assert index["Notes"] == len(NOTES) + ASTHMA
