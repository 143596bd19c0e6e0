"""The policy of the documentation allows what a run asks of AWS, and nothing else.

The AWS sample ran with rights to everything: AdministratorAccess for its build, then `*` for each service.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from brume import storage
from brume.aws import addresses
from brume.aws.client import client
from brume.records.model import ingest
from brume.records.model.lake import Lake
from brume.records.model.note import Note
from brume.records.model.notes.making import make
from brume.records.pipeline import extractors, graph_service, healthlake_export, judged, notes_index
from tests.aws.actions import noted
from tests.aws.serving import KEY, client_of, serve_engine
from tests.components.records import healthlake
from tests.components.records.exports import document, patient, write
from tests.components.records.kendra import make_index, plain_engine
from tests.components.records.terminologies import extractor
from tests.components.records.test_graph_service import made

POLICY = Path(__file__).parents[3] / "docs" / "records-aws-policy.json"
# What AWS does with the caller's rights without a call of ours, and what takes files too large for a test.
INDIRECT = ("LetHealthLakeWriteAsItsRole", "SendLargeFiles")
BUCKET = "records-policy"


def allowed(*, left_out: tuple[str, ...] = ()) -> set[str]:
    statements = json.loads(POLICY.read_text())["Statement"]
    lists = [one["Action"] for one in statements if one["Sid"] not in left_out]
    return {action for some in lists for action in ([some] if isinstance(some, str) else some)}


def test_nothing_is_allowed_wholesale() -> None:
    for statement in json.loads(POLICY.read_text())["Statement"]:
        assert statement["Effect"] == "Allow"
        # Comprehend Medical has no resources of which a policy could name one.
        anything = statement["Resource"] == "*"
        assert anything == (statement["Sid"] in ("FindEntities", "FindTheIndex"))
    assert not [action for action in allowed() if "*" in action]


@pytest.mark.slow
def test_each_action_is_asked_for_by_something_that_a_run_does(
    s3_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extractor()  # or a reason to skip
    client("s3").create_bucket(Bucket=BUCKET)
    source = write(tmp_path / "export", {"a.ndjson": [patient(), document("a", "Asthma."), document("b")]})
    storage.upload(Path(source), f"s3://{BUCKET}/in")
    (tmp_path / "changes").mkdir()
    folders = {"s3://outputs/": str(tmp_path), f"s3://{BUCKET}-graph/": str(tmp_path / "changes")}
    monkeypatch.setenv(addresses.FOLDERS, json.dumps(folders))
    monkeypatch.setattr(healthlake_export, "_PAUSES", (0.01,))
    queries = tmp_path / "queries.tsv"
    queries.write_text("asthma\tDocumentReference/a\t1\n")
    with serve_engine(plain_engine(tmp_path / "engine", monkeypatch, folders=folders)) as url:
        for service in ("KENDRA", "NEPTUNEDATA", "HEALTHLAKE", "COMPREHENDMEDICAL"):
            monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY.access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY.secret)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        datastore = healthlake.make_datastore(client_of(url, "healthlake"))
        index = make_index(client_of(url, "kendra"))
        actions = noted(monkeypatch)
        _note_sparql(monkeypatch, actions)
        healthlake_export.export(datastore, "s3://outputs/all", healthlake.ROLE, "alias/key")
        lake = Lake(f"s3://{BUCKET}/lake")
        for _ in range(2):
            ingest.run(f"s3://{BUCKET}/in", lake, processes=1)
            make(lake)
            notes_index.bring(lake, "notes")
            write(tmp_path / "export", {"a.ndjson": [patient(), document("a", "Asthma.")]})
            client("s3").upload_file(str(tmp_path / "export/a.ndjson"), BUCKET, "in/a.ndjson")
        judged.run(index, str(queries), frozenset({"DocumentReference/a/0"}))
        chosen = extractors.choose("comprehendmedical", lambda _: None)
        assert chosen is not None
        chosen.extract(Note("DocumentReference/a/0", "p", "Asthma."))
        for patients in ({"a": "diabetes", "b": "diabetes"}, {"a": "sugar"}):
            made(tmp_path / "graph", patients)
            graph_service.bring(str(tmp_path / "graph"), str(tmp_path / "changes"))
    assert actions == allowed(left_out=INDIRECT)


def _note_sparql(monkeypatch: pytest.MonkeyPatch, actions: set[str]) -> None:
    """Note SPARQL, which boto3 does not send, under the names that Neptune's policies have for it."""
    ask = graph_service._ask

    def noting(kind: str, text: str) -> Any:
        names = {"DROP": "DeleteDataViaQuery", "DELETE": "DeleteDataViaQuery", "INSERT": "WriteDataViaQuery"}
        found = {name for word, name in names.items() if word in text} if kind == "update" else set()
        actions.update(f"neptune-db:{name}" for name in found or {"ReadDataViaQuery"})
        return ask(kind, text)

    monkeypatch.setattr(graph_service, "_ask", noting)
