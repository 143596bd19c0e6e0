"""AWS's own client against the engine."""

from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from brume.aws.engine.catalog import Settings
from brume.records.engine import engine
from tests.aws.serving import client_of, serve_engine


def test_an_operation_that_is_not_implemented_is_named(tmp_path: Path) -> None:
    with serve_engine(engine.create(Settings(tmp_path))) as url:
        client = client_of(url, "comprehendmedical")
        with pytest.raises(ClientError, match="ListSNOMEDCTInferenceJobs"):
            client.list_snomedct_inference_jobs()
