"""AWS's own streaming clients, unchanged, on speech with known text: two of Python, JavaScript, WebSocket."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from brume.aws.engine import tls
from tests.aws import environments
from tests.aws.serving import KEY
from tests.aws.test_sdks import installed_javascript, run
from tests.components.captions.engines import Scripted, require_models, serve_captions
from tests.components.captions.speech import (
    SILENCE,
    check,
    pcm,
    pieces,
    spoken,
    text_of,
    transcribe,
    word_errors,
)

CLIENTS = Path(__file__).parent / "clients"
CLIP = "asr-en/spk1_snt5.wav"
SPANISH = "Buenos días. El tren de Madrid sale mañana a las nueve de la mañana."
WORD_ERRORS = {"en-US": 0.2, "es-US": 0.35}
pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Speech:
    """A sentence: pcm at 16 kHz, with silence after it, and its text."""

    language: str
    audio: bytes
    text: str

    def check(self, text: str) -> None:
        """Check what was recognised."""
        assert word_errors(self.text, text) <= WORD_ERRORS[self.language], text


@pytest.fixture(scope="module", params=list(WORD_ERRORS))
def speech(request: pytest.FixtureRequest, real_data: Callable[[str], Path]) -> Speech:
    if request.param == "es-US":
        require_models("whisper-base")
        return Speech(request.param, spoken(SPANISH, voice="es") + SILENCE, SPANISH)
    try:
        text = json.loads(real_data("speech/transcripts.json").read_text())[CLIP]
        return Speech(request.param, pcm(real_data(f"speech/{CLIP}")) + SILENCE, text)
    except pytest.skip.Exception:
        text = "the weather is fine today and we are going to the river"
        return Speech(request.param, spoken(text) + SILENCE, text)


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> tls.Tls:
    return tls.own(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def secure_url(tmp_path_factory: pytest.TempPathFactory, trusted: tls.Tls) -> Iterator[str]:
    """Serve the engine with TLS and the packaged model."""
    require_models()
    with serve_captions(tmp_path_factory.mktemp("captions"), tls=trusted.context) as url:
        yield url


def printed(
    interpreter: Path, program: str, *arguments: str, **environment: str
) -> list[tuple[bool, str, int]]:
    """Return the results that a program of `clients/` prints: partial, text, Stable items."""
    answer = subprocess.run(
        [str(interpreter), str(CLIENTS / program), *arguments],
        env={
            "PATH": os.environ["PATH"],
            "AWS_ACCESS_KEY_ID": KEY.access_key,
            "AWS_SECRET_ACCESS_KEY": KEY.secret,
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return [tuple(json.loads(line)) for line in answer.stdout.splitlines()]


def test_amazon_transcribe_over_tls(
    secure_url: str, trusted: tls.Tls, speech: Speech, tmp_path: Path
) -> None:
    python = environments.python(CLIENTS / "amazon-transcribe.txt")
    (tmp_path / "audio").write_bytes(speech.audio)
    found = printed(
        python,
        "amazon_transcribe_client.py",
        secure_url,
        str(tmp_path / "audio"),
        speech.language,
        "high",
        HOME=str(tmp_path),
        SSL_CERT_FILE=str(trusted.bundle),
    )
    speech.check(" ".join(text for partial, text, _ in found if not partial))
    assert [partial for partial, _, _ in found][-1] is False
    assert any(partial and stable for partial, _, stable in found)


def test_aws_sdk_for_python(secure_url: str, trusted: tls.Tls, speech: Speech, tmp_path: Path) -> None:
    python = environments.python(CLIENTS / "aws-sdk-transcribe.txt", "3.12")
    (tmp_path / "audio").write_bytes(speech.audio)
    found = printed(
        python,
        "aws_sdk_client.py",
        str(tmp_path / "audio"),
        speech.language,
        "high",
        HOME=str(tmp_path),
        SSL_CERT_FILE=str(trusted.bundle),
        AWS_ENDPOINT_URL_TRANSCRIBE_STREAMING=secure_url,
    )
    speech.check(" ".join(text for partial, text, _ in found if not partial))
    assert any(partial and stable for partial, _, stable in found)


def _chunks(audio: bytes) -> list[str]:
    return [base64.b64encode(chunk).decode() for chunk in pieces(audio)]


@pytest.mark.parametrize("secure", [True, False], ids=["tls", "cleartext"])
def test_javascript(request: pytest.FixtureRequest, trusted: tls.Tls, speech: Speech, secure: bool) -> None:
    folder = installed_javascript()
    url = request.getfixturevalue("secure_url" if secure else "captions_url")
    session = "5f3d1c9e-9b3c-4a47-9d2c-0a3f4b6c7d8e"
    given = run(
        folder,
        "node",
        "main.mjs",
        call="transcribe",
        endpoint=url,
        trusted=trusted.bundle,
        chunks=_chunks(speech.audio),
        parameters={
            "LanguageCode": speech.language,
            "EnablePartialResultsStabilization": True,
            "PartialResultsStability": "medium",
            "ShowSpeakerLabel": False,
            "SessionId": session,
        },
    )
    assert "error" not in given, given
    assert given["session"] == session
    check(given["results"])
    speech.check(text_of(given["results"]))


def test_javascript_in_step_and_its_errors(tmp_path: Path) -> None:
    """Each piece is sent after the result of the one before; errors of the stream have their names."""
    folder = installed_javascript()
    script = Scripted()
    piece = base64.b64encode(bytes(8000)).decode()
    odd = base64.b64encode(b"\x00").decode()
    with serve_captions(tmp_path, script, BRUME_CAPTIONS_STREAMS="1") as url:
        call = {"call": "transcribe", "endpoint": url, "parameters": {}}
        given = run(folder, "node", "main.mjs", **call, chunks=[piece] * 3, inStep=True)
        texts = [one["Alternatives"][0]["Transcript"] for one in given["results"]]
        assert texts == ["one", "one two,", "one two, three", "one two, three"]
        assert [one["IsPartial"] for one in given["results"]] == [True, True, True, False]
        given = run(folder, "node", "main.mjs", **call, chunks=[piece, odd])
        assert (given["error"], text_of(given["results"])) == ("BadRequestException", "one")
        assert "pcm is 16 bit" in given["message"]
        call["parameters"] = {"ShowSpeakerLabel": True}
        given = run(folder, "node", "main.mjs", **call, chunks=[piece])
        assert (given["error"], given["status"]) == ("BadRequestException", 400)
        assert "ShowSpeakerLabel" in given["message"]


def test_a_websocket_over_tls(secure_url: str, trusted: tls.Tls, speech: Speech) -> None:
    found = transcribe(
        secure_url, pieces(speech.audio), trusted=trusted.bundle, language_code=speech.language
    )
    speech.check(text_of(found))
