"""Streams audio with amazon-transcribe, by its own interpreter.

Arguments: the endpoint's URL, a file of pcm (16 kHz), a language, and a level of stabilisation. Prints a line
of JSON for each result: whether it is partial, its text, and how many of its items are Stable.
"""

import asyncio
import json
import sys
from pathlib import Path

from amazon_transcribe.client import TranscribeStreamingClient
from amazon_transcribe.endpoints import StaticEndpointResolver
from amazon_transcribe.handlers import TranscriptResultStreamHandler
from amazon_transcribe.model import TranscriptEvent


class Printing(TranscriptResultStreamHandler):
    async def handle_transcript_event(self, transcript_event: TranscriptEvent) -> None:
        for result in transcript_event.transcript.results:
            (alternative,) = result.alternatives
            stable = sum(bool(item.stable) for item in alternative.items)
            print(json.dumps([result.is_partial, alternative.transcript, stable]))


async def main() -> None:
    url, file, language, level = sys.argv[1:]
    client = TranscribeStreamingClient(region="eu-west-1", endpoint_resolver=StaticEndpointResolver(url))
    stream = await client.start_stream_transcription(
        language_code=language,
        media_sample_rate_hz=16000,
        media_encoding="pcm",
        enable_partial_results_stabilization=True,
        partial_results_stability=level,
    )

    async def send() -> None:
        audio = Path(file).read_bytes()
        for start in range(0, len(audio), 6400):
            await stream.input_stream.send_audio_event(audio_chunk=audio[start : start + 6400])
        await stream.input_stream.end_stream()

    await asyncio.gather(send(), Printing(stream.output_stream).handle_events())


asyncio.run(main())
