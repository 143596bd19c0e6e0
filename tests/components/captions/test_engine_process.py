"""The captions engine as its users start it: by command, with TLS, with and without its models."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

from brume.aws.engine import catalog
from brume.pipelines.cli import main
from tests.aws import environments
from tests.aws.serving import client_of
from tests.aws.test_engines_up import ask, process
from tests.components.captions.engines import require_models, serve_captions
from tests.components.captions.speech import SILENCE, StreamError, transcribe
from tests.polling import until

CLIENTS = Path(__file__).parent / "clients"


@pytest.mark.slow
def test_engines_up_with_tls_and_its_environment(tmp_path: Path) -> None:
    """As in the documentation: start, take over the environment, run AWS's own client."""
    require_models("whisper-tiny.en", "whisper-base")
    with process(tmp_path, "captions", "--tls", starts=("captions",)) as running:
        state = catalog.running(tmp_path / "captions")
        assert state is not None, running.communicate()
        assert state.url.startswith("https://")
        env = CliRunner().invoke(main, ["env", "captions", "--data", str(tmp_path)])
        assert env.exit_code == 0, env.output
        until(lambda: ask(state.url, state.bundle, "/readyz") == (200, {"ready": True}), "the models")
        script = (
            "from brume.aws.client import client\n"
            "print(client('transcribe').list_vocabularies()['Vocabularies'])\n"
        )
        completed = subprocess.run(
            ["/bin/sh", "-c", f'{env.output}\n"$0" -c "$1"', sys.executable, script],
            capture_output=True,
            text=True,
            env={},
            check=False,
        )
        assert completed.stdout == "[]\n", completed.stderr
        python = environments.python(CLIENTS / "aws-sdk-transcribe.txt", "3.12")
        (tmp_path / "audio").write_bytes(SILENCE)
        completed = subprocess.run(
            [
                "/bin/sh",
                "-c",
                f'{env.output}\n"$0" "$1" "$2" en-US high',
                str(python),
                str(CLIENTS / "aws_sdk_client.py"),
                str(tmp_path / "audio"),
            ],
            capture_output=True,
            text=True,
            env={"HOME": str(tmp_path)},
            check=False,
        )
        assert completed.returncode == 0, completed.stderr
        assert completed.stdout == ""  # silence becomes no words


def test_a_model_that_is_absent_is_named(tmp_path: Path) -> None:
    absent = "/nowhere/model"
    with serve_captions(tmp_path, BRUME_CAPTIONS_ENGLISH=absent) as url:
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{url}/readyz")
        assert caught.value.code == 503
        assert f"{absent} is no folder of a model" in json.load(caught.value)["reason"]
        with pytest.raises(StreamError, match=f"{absent} is no folder of a model") as refused:
            transcribe(url, [SILENCE])
        assert refused.value.code == "ServiceUnavailableException"
        boto = client_of(url, "transcribe")
        boto.start_transcription_job(
            TranscriptionJobName="a", LanguageCode="en-US", Media={"MediaFileUri": "s3://in/a.wav"}
        )

        def failed() -> str:
            job = boto.get_transcription_job(TranscriptionJobName="a")["TranscriptionJob"]
            return str(job.get("FailureReason", ""))

        assert absent in until(failed)


def test_one_model_for_all_languages(tmp_path: Path) -> None:
    from brume import weights

    require_models("whisper-tiny.en")
    folder = weights.find("whisper-tiny.en")
    settings = {"BRUME_CAPTIONS_ENGLISH": str(folder), "BRUME_CAPTIONS_OTHERS": "none"}
    with serve_captions(tmp_path, **settings) as url:
        assert transcribe(url, [SILENCE]) == []
        with pytest.raises(StreamError, match="es-US is not spoken by this server's model"):
            transcribe(url, [SILENCE], language_code="es-US")
        assert json.load(urllib.request.urlopen(f"{url}/readyz")) == {"ready": True}
