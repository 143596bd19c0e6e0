"""Streams audio with aws-sdk-transcribe-streaming, by its own interpreter (Python 3.12).

The endpoint is in the environment. Arguments: a file of pcm (16 kHz), a language, and a level of
stabilisation. Prints a line of JSON for each result: whether it is partial, its text, and how many of its
items are Stable.
"""

import asyncio
import json
import sys
from pathlib import Path

from aws_sdk_transcribe_streaming.client import AsyncTranscribeStreamingClient
from aws_sdk_transcribe_streaming.config import AsyncTranscribeStreamingConfig
from aws_sdk_transcribe_streaming.models import (
    AudioEvent,
    AudioStreamAudioEvent,
    StartStreamTranscriptionInput,
    TranscriptResultStreamTranscriptEvent,
)
from smithy_aws_core.identity import EnvironmentCredentialsResolver
from smithy_http.aio.crt import AWSCRTHTTPClient


async def main() -> None:
    file, language, level = sys.argv[1:]
    config = await AsyncTranscribeStreamingConfig.resolve(
        region="eu-west-1",
        transport=AWSCRTHTTPClient(),
        aws_credentials_identity_resolver=EnvironmentCredentialsResolver(),
    )
    client = AsyncTranscribeStreamingClient(config)
    wanted = StartStreamTranscriptionInput(
        language_code=language,
        media_sample_rate_hertz=16000,
        media_encoding="pcm",
        enable_partial_results_stabilization=True,
        partial_results_stability=level,
    )
    async with await client.start_stream_transcription(wanted) as stream:

        async def send() -> None:
            audio = Path(file).read_bytes()
            for start in range(0, len(audio), 6400):
                chunk = AudioEvent(audio_chunk=audio[start : start + 6400])
                await stream.input_stream.send(AudioStreamAudioEvent(value=chunk))
            await stream.input_stream.close()

        async def receive() -> None:
            _, output = await stream.await_output()
            async for event in output:
                assert isinstance(event, TranscriptResultStreamTranscriptEvent), event
                for result in event.value.transcript.results:
                    (alternative,) = result.alternatives
                    stable = sum(bool(item.stable) for item in alternative.items)
                    print(json.dumps([result.is_partial, alternative.transcript, stable]))

        await asyncio.gather(send(), receive())


asyncio.run(main())
