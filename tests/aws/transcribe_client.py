"""Streams audio to a transcription service with amazon-transcribe, by its own interpreter.

Arguments: the endpoint's URL. Sends three pieces and the end; prints a line of JSON for each result.
"""

import asyncio
import json
import sys

from amazon_transcribe.client import TranscribeStreamingClient
from amazon_transcribe.endpoints import StaticEndpointResolver
from amazon_transcribe.handlers import TranscriptResultStreamHandler
from amazon_transcribe.model import TranscriptEvent


class Printing(TranscriptResultStreamHandler):
    async def handle_transcript_event(self, transcript_event: TranscriptEvent) -> None:
        for result in transcript_event.transcript.results:
            print(json.dumps([result.is_partial, result.alternatives[0].transcript]))


async def main() -> None:
    client = TranscribeStreamingClient(
        region="eu-west-1", endpoint_resolver=StaticEndpointResolver(sys.argv[1])
    )
    stream = await client.start_stream_transcription(
        language_code="en-US", media_sample_rate_hz=16000, media_encoding="pcm"
    )

    async def send() -> None:
        for _ in range(3):
            await stream.input_stream.send_audio_event(audio_chunk=bytes(3200))
        await stream.input_stream.end_stream()

    await asyncio.gather(send(), Printing(stream.output_stream).handle_events())


asyncio.run(main())
