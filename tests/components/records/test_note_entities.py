"""Entities of the notes of a data store, as HealthLake's NLP adds them; and its invented patients."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from brume.records.model.nlp import healthlake
from tests.aws.serving import client_of, serve_engine
from tests.components.records import healthlake as hl
from tests.components.records.terminologies import extractor
from tests.polling import until

pytestmark = pytest.mark.slow
TEXT = "She denies chest pain. Asthma. Takes metformin 500 mg twice daily."


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("entities-of-notes")


@pytest.fixture(scope="module")
def boto(root: Path) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("BRUME_RECORDS_EMBEDDINGS", "none")
        with serve_engine(hl.make_engine(root)) as url:
            yield client_of(url, "healthlake")


def note(identity: str, text: str, **attachment: Any) -> dict[str, Any]:
    given = attachment or {"contentType": "text/plain", "data": base64.b64encode(text.encode()).decode()}
    return {
        "resourceType": "DocumentReference",
        "id": identity,
        "status": "current",
        "subject": {"reference": "Patient/a"},
        "extension": [{"url": "https://mine.example/", "valueString": "kept"}],
        "content": [{"attachment": given}],
    }


def there(boto: Any, root: Path, store: str) -> dict[str, dict[str, Any]]:
    """Return what the store has by now."""
    return hl.read(hl.folder_of(root, hl.exported(boto, store, hl.start_export(boto, store))))


def annotated(boto: Any, root: Path, store: str, names: set[str]) -> dict[str, dict[str, Any]]:
    """Wait until documents have the extension; returns what the store has."""

    def ready() -> dict[str, dict[str, Any]] | None:
        found = there(boto, root, store)
        return found if all(healthlake.present(found[f"DocumentReference/{one}"]) for one in names) else None

    return until(ready, "entities of the notes") or {}


def linked(found: dict[str, dict[str, Any]], document: str) -> list[tuple[str, str]]:
    return healthlake.linked(found[f"Linkage/{healthlake.linkage_id(document)}"])


def put(boto: Any, root: Path, store: str, resources: list[dict[str, Any]]) -> None:
    hl.write(root / "inputs/notes/all.ndjson", resources)
    found = hl.imported(boto, store, hl.start_import(boto, store, "s3://inputs/notes"))
    assert found["JobStatus"] == "COMPLETED", found


def test_notes_get_the_extension_and_the_resources_that_healthlake_makes(boto: Any, root: Path) -> None:
    extractor()  # or a reason to skip
    store = hl.make_datastore(boto, NlpConfiguration={"Status": "ENABLED"})
    binary = {"resourceType": "Binary", "id": "b", "contentType": "text/plain"}
    binary["data"] = base64.b64encode(b"Asthma.").decode()
    by_url = note("by-url", "", contentType="text/plain", url="https://ehr.example/fhir/Binary/b")
    patient = {"resourceType": "Patient", "id": "a"}
    put(boto, root, store, [patient, binary, note("n", TEXT), by_url, note("unreadable", "", url="nowhere")])
    found = annotated(boto, root, store, {"n", "by-url"})
    document = found["DocumentReference/n"]
    assert document["meta"]["versionId"] == "2" and document["extension"][0]["valueString"] == "kept"
    entities = {one.text.lower(): one for one in healthlake.present(document)}
    assert {"chest pain", "asthma", "metformin"} <= set(entities)
    made = {name: found[name] for name in map("/".join, linked(found, "n"))}
    conditions = [one for one in made.values() if one["resourceType"] == "Condition"]
    assert [one["code"]["coding"][0]["code"][:3] for one in conditions] == ["J45"]  # what is denied is none
    assert conditions[0]["subject"] == {"reference": "Patient/a"}
    assert found["DocumentReference/unreadable"]["meta"]["versionId"] == "1"
    put(boto, root, store, [note("n", "Migraine.")])
    changed = annotated(boto, root, store, {"n"})
    now = set(map("/".join, linked(changed, "n")))
    gone = set(made) - now
    assert gone and not gone & set(changed) and now <= set(changed)
    deletion = {"request": {"method": "DELETE", "url": "DocumentReference/n"}}
    put(boto, root, store, [{"resourceType": "Bundle", "type": "transaction", "entry": [deletion]}])
    until(lambda: not now & set(there(boto, root, store)), "the end of what was made of a deleted note")


def test_nlp_that_is_turned_on_later_reads_what_is_there(boto: Any, root: Path) -> None:
    extractor()
    store = hl.make_datastore(boto)
    put(boto, root, store, [note("n", TEXT)])
    assert not healthlake.present(there(boto, root, store)["DocumentReference/n"])
    boto.update_fhir_datastore(DatastoreId=store, NlpConfiguration={"Status": "ENABLED"})
    assert hl.describe(boto, store)["NlpConfiguration"] == {"Status": "ENABLED"}
    annotated(boto, root, store, {"n"})
    boto.update_fhir_datastore(DatastoreId=store, NlpConfiguration={"Status": "DISABLED"})
    put(boto, root, store, [note("other", TEXT)])
    assert not healthlake.present(there(boto, root, store)["DocumentReference/other"])


def test_a_data_store_may_begin_with_invented_patients(boto: Any, root: Path) -> None:
    store = hl.make_datastore(boto, PreloadDataConfig={"PreloadDataType": "SYNTHEA"})
    assert hl.describe(boto, store)["PreloadDataConfig"] == {"PreloadDataType": "SYNTHEA"}
    found = there(boto, root, store)
    assert sum(name.startswith("Patient/") for name in found) == 40
    assert {one["meta"]["versionId"] for one in found.values()} <= {"1", "2"}
    assert json.dumps(found).count("DocumentReference") > 40
