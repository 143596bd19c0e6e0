"""AWS's Python client of streaming transcription, unchanged, over TLS by HTTP/2 (awscrt)."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from brume.aws.engine import tls
from tests.aws import echo, environments
from tests.aws.serving import KEY, serve_engine

HERE = Path(__file__).parent


@pytest.mark.slow
def test_amazon_transcribe_streams_audio_and_prints_results(tmp_path: Path) -> None:
    python = environments.python(HERE / "amazon-transcribe.txt")
    made = tls.own(tmp_path)
    with serve_engine(echo.engine(), tls=made.context) as url:
        answer = subprocess.run(
            [str(python), str(HERE / "transcribe_client.py"), url],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "SSL_CERT_FILE": str(made.bundle),
                "AWS_ACCESS_KEY_ID": KEY.access_key,
                "AWS_SECRET_ACCESS_KEY": KEY.secret,
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert answer.returncode == 0, answer.stderr
    assert [json.loads(line) for line in answer.stdout.splitlines()] == [
        [True, "3200 bytes"],
        [True, "6400 bytes"],
        [True, "9600 bytes"],
        [False, "9600 bytes"],
    ]
