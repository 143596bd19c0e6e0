"""AWS's own client against the engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from brume.aws.engine.catalog import EngineError, Settings
from brume.records.engine import engine
from brume.records.model.minilm import MiniLM
from brume.weights import WeightsError
from tests.aws.serving import client_of, serve_engine
from tests.components.records.kendra import ROLE, plain_engine


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with serve_engine(plain_engine(tmp_path, monkeypatch)) as url:
        yield url


def test_an_operation_that_is_refused_is_named_with_the_reason_and_no_server_error(url: str) -> None:
    with pytest.raises(ClientError, match=r"ListExperiences.*not hosted") as raised:
        client_of(url, "kendra", attempts=3).list_experiences(IndexId="0" * 36)
    assert raised.value.response["ResponseMetadata"]["RetryAttempts"] == 0


def test_each_service_names_what_it_refuses(url: str) -> None:
    with pytest.raises(ClientError, match="ListSNOMEDCTInferenceJobs"):
        client_of(url, "comprehendmedical").list_snomedct_inference_jobs()


def test_an_index_is_not_made_without_its_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> None:
        raise WeightsError("install the package")

    monkeypatch.setattr(MiniLM, "load", absent)  # as where its package is not installed
    made = plain_engine(tmp_path, monkeypatch, embeddings="all-minilm-l6-v2")
    with serve_engine(made) as url, pytest.raises(ClientError, match=r"install the package.*EMBEDDINGS=none"):
        client_of(url, "kendra").create_index(Name="notes", RoleArn=ROLE)


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("BRUME_RECORDS_EMBEDDINGS", "no-such-model", "no-such-model"),
        ("BRUME_RECORDS_MENTIONS", "other", "BRUME_RECORDS_MENTIONS=other"),
        ("BRUME_RECORDS_ACCESS", "/nowhere/rights.json", "/nowhere/rights.json"),
        ("BRUME_RECORDS_CONCEPTS", "/nowhere/concepts.tsv", "/nowhere/concepts.tsv"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, named: str
) -> None:
    monkeypatch.setenv("BRUME_RECORDS_EMBEDDINGS", "none")
    monkeypatch.setenv("BRUME_RECORDS_MENTIONS", "none")
    monkeypatch.setenv(variable, value)
    with pytest.raises(EngineError, match=named):
        engine.create(Settings(tmp_path))
