"""The engines that run in several pods, as their overlays deploy them: captions and narration.

Their PostgreSQL is a real one on this machine, outside the cluster; the overlay's policy is set to let them
reach it.
"""

from __future__ import annotations

import contextlib
import io
import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from brume import storage
from tests.aws import postgres
from tests.aws.serving import client_of
from tests.cluster import engines
from tests.cluster.engines import Change, Deployed
from tests.cluster.harness.installed import Installed
from tests.cluster.harness.namespaces import OUTSIDE, PODS
from tests.cluster.harness.node import Node
from tests.components.captions.speech import Socket, encoded, pieces, spoken, text_of, transcribe, word_errors
from tests.polling import until

BUCKET = "mlpipeline"
TEXT = "The meeting begins at nine in the morning. Please bring the report with you."
SILENCE = bytes(16000)  # half a second
LEXICON = """<?xml version="1.0" encoding="UTF-8"?>
<lexicon version="1.0" xmlns="http://www.w3.org/2005/01/pronunciation-lexicon"
 alphabet="ipa" xml:lang="en-US">
<lexeme><grapheme>kubectl</grapheme><alias>cube control</alias></lexeme></lexicon>"""


@pytest.fixture(scope="module")
def database(own_node: Node) -> Iterator[str]:
    """Give the URL of a PostgreSQL at the address by which the node's pods reach this machine."""
    with postgres.server(OUTSIDE, [PODS, f"{OUTSIDE}/30"]) as url:
        yield url


@contextlib.contextmanager
def overlay(brume: Installed, folder: Path, system: str, database: str) -> Iterator[None]:
    """Apply a system's overlay, on a node that is small and with a database that is elsewhere."""
    name = f"brume-{system}"
    where = urlsplit(database)
    url = {"url": database.replace("postgresql:", "postgresql+pg8000:", 1)}
    about = {"name": f"{name}-database", "namespace": brume.namespace}
    brume.api.apply([{"apiVersion": "v1", "kind": "Secret", "metadata": about, "stringData": url}])
    outside = {
        "to": [{"ipBlock": {"cidr": f"{where.hostname}/32"}}],
        "ports": [{"protocol": "TCP", "port": where.port}],
    }
    changes = (
        Change("NetworkPolicy", f"{name}-database", "/spec/egress/0", outside),
        Change("HorizontalPodAutoscaler", name, "/spec/maxReplicas", 2),
    )
    try:
        with engines.overlay(brume, folder, system, changes):
            yield
    finally:
        brume.api.kubectl("delete", "networkpolicy", about["name"], "--namespace", brume.namespace)


@pytest.fixture(scope="module")
def captions(brume: Installed, database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    with overlay(brume, tmp_path_factory.mktemp("captions"), "captions", database):
        yield Deployed(brume, "brume-captions", "transcribe")


@pytest.fixture(scope="module")
def narration(
    brume: Installed, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployed]:
    with overlay(brume, tmp_path_factory.mktemp("narration"), "narration", database):
        yield Deployed(brume, "brume-narration", "polly")


@pytest.fixture
def place(brume: Installed) -> Iterator[str]:
    """A folder of the object store, in which this process may read and write."""
    folder = f"s3://{BUCKET}/tests/{secrets.token_hex(4)}"
    with brume.acting_as("brume-pipeline"):
        yield folder
        storage.remove(folder)


@contextlib.contextmanager
def each_pod(engine: Deployed) -> Iterator[list[str]]:
    """Give the URLs of its two pods."""
    names = engine.brume.names("pods", f"app.kubernetes.io/name={engine.name}")
    assert len(names) == 2
    with contextlib.ExitStack() as ways:
        yield [ways.enter_context(engine.brume.forwarded(f"pod/{name}", 8080)) for name in names]


def key_of(address: str) -> str:
    return urlsplit(address).path.lstrip("/")


def test_a_stream_through_the_service_becomes_captions(captions: Deployed) -> None:
    with captions.brume.forwarded("service/brume-captions", 8080) as url:
        found = transcribe(url, pieces(SILENCE + spoken(TEXT) + SILENCE), key=captions.key)
    assert word_errors(TEXT, text_of(found)) <= 0.2


def test_what_one_pod_is_given_the_other_has(captions: Deployed, place: str) -> None:
    name = f"words-{secrets.token_hex(4)}"
    storage.write_bytes(f"{place}/talk.wav", encoded(SILENCE + spoken(TEXT) + SILENCE, "wav"))
    with each_pod(captions) as urls:
        one, other = (client_of(url, "transcribe", key=captions.key) for url in urls)
        one.create_vocabulary(VocabularyName=name, LanguageCode="en-US", Phrases=["Brume"])
        assert other.get_vocabulary(VocabularyName=name)["VocabularyState"] == "READY"
        one.start_transcription_job(
            TranscriptionJobName=name,
            LanguageCode="en-US",
            Media={"MediaFileUri": f"{place}/talk.wav"},
            OutputBucketName=BUCKET,
            OutputKey=key_of(f"{place}/talk.json"),
            Settings={"VocabularyName": name},
        )

        def job() -> dict[str, Any]:
            return dict(other.get_transcription_job(TranscriptionJobName=name)["TranscriptionJob"])

        until(lambda: job()["TranscriptionJobStatus"] in ("COMPLETED", "FAILED"), job, pause=0.2)
        assert job()["TranscriptionJobStatus"] == "COMPLETED", job()
        other.delete_vocabulary(VocabularyName=name)
    written = json.loads(storage.read_bytes(f"{place}/talk.json"))
    assert word_errors(TEXT, written["results"]["transcripts"][0]["transcript"]) <= 0.2


def test_a_stream_goes_on_to_its_end_while_its_pod_is_drained(captions: Deployed) -> None:
    sound = pieces(SILENCE + spoken(TEXT) + SILENCE)
    brume = captions.brume
    selector = f"app.kubernetes.io/name={captions.name}"
    first, _ = brume.names("pods", selector)
    with (
        brume.forwarded(f"pod/{first}", 8080) as url,
        contextlib.closing(Socket(url, key=captions.key)) as socket,
    ):
        for piece in sound[: len(sound) // 2]:
            socket.send(piece)
        events = socket.events()
        found = list(next(events))
        brume.api.kubectl("delete", "pod", first, "--namespace", brume.namespace, "--wait=false")
        until(lambda: "deletionTimestamp" in brume.pod(first)["metadata"], f"the end of {first}", pause=0.1)
        for piece in [*sound[len(sound) // 2 :], b""]:
            socket.send(piece)
        found += [result for results in events for result in results]
    assert word_errors(TEXT, text_of(found)) <= 0.2
    until(lambda: first not in brume.names("pods", selector), f"that {first} is gone", pause=0.5)
    brume.api.kubectl(
        *("rollout", "status", f"deployment/{captions.name}"),
        *("--namespace", brume.namespace, "--timeout=180s"),
    )


def test_a_voice_speaks_with_the_lexicon_that_another_pod_was_given(narration: Deployed, place: str) -> None:
    import soundfile

    with each_pod(narration) as urls:
        one, other = (client_of(url, "polly", key=narration.key) for url in urls)
        one.put_lexicon(Name="names", Content=LEXICON)

        def sound(**more: Any) -> bytes:
            asked = {"VoiceId": "Joanna", "OutputFormat": "mp3", "Text": "Run kubectl now."} | more
            return bytes(other.synthesize_speech(**asked)["AudioStream"].read())

        plain, changed = sound(), sound(LexiconNames=["names"])
        assert soundfile.info(io.BytesIO(plain)).duration > 0.5
        assert plain != changed
        task = one.start_speech_synthesis_task(
            VoiceId="Joanna",
            OutputFormat="mp3",
            Text=TEXT,
            OutputS3BucketName=BUCKET,
            OutputS3KeyPrefix=key_of(f"{place}/spoken"),
        )["SynthesisTask"]["TaskId"]

        def state() -> dict[str, Any]:
            return dict(other.get_speech_synthesis_task(TaskId=task)["SynthesisTask"])

        until(lambda: state()["TaskStatus"] in ("completed", "failed"), state, pause=0.2)
        assert state()["TaskStatus"] == "completed", state()
        other.delete_lexicon(Name="names")
    (file,) = storage.list_files(place)
    assert soundfile.info(io.BytesIO(storage.read_bytes(file.uri))).duration > 2
