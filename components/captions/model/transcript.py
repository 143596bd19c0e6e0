"""Transcripts as Amazon Transcribe's batch jobs write them (JSON), from results of channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from brume.captions.model.items import Item
from brume.captions.model.live import Result


def transcript(
    name: str,
    account: str,
    channels: Sequence[Sequence[Result]],
    *,
    identified: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Return the transcript of a job.

    `channels` has the results of each channel, all final; with more than one, items and segments name their
    channel and are ordered by time. `identified` are the scores of the languages (codes as AWS has them) that
    were to be identified.
    """
    labelled = len(channels) > 1
    order = sorted(
        ((result.start, channel, result) for channel, results in enumerate(channels) for result in results),
        key=lambda one: one[:2],
    )
    items: list[dict[str, Any]] = []
    segments: list[dict[str, Any]] = []
    for _, channel, result in order:
        numbers = range(len(items), len(items) + len(result.items))
        items += [
            _item(number, item, channel if labelled else None)
            for number, item in zip(numbers, result.items, strict=True)
        ]
        segment = {
            "id": len(segments),
            "transcript": result.text,
            "start_time": _seconds(result.start),
            "end_time": _seconds(result.end),
            "items": list(numbers),
        }
        segments.append({**segment, "channel_label": f"ch_{channel}"} if labelled else segment)
    found: dict[str, Any] = {
        "transcripts": [{"transcript": " ".join(result.text for _, _, result in order)}],
        "items": items,
        "audio_segments": segments,
    }
    if labelled:
        found["channel_labels"] = {
            "channels": [
                {
                    "channel_label": f"ch_{channel}",
                    "items": [item for item in items if item["channel_label"] == f"ch_{channel}"],
                }
                for channel in range(len(channels))
            ],
            "number_of_channels": len(channels),
        }
    if identified:
        scores = sorted(identified.items(), key=lambda pair: -pair[1])
        found["language_code"] = scores[0][0]
        found["language_identification"] = [{"code": code, "score": f"{score:.4f}"} for code, score in scores]
    return {"jobName": name, "accountId": account, "status": "COMPLETED", "results": found}


def _item(number: int, item: Item, channel: int | None) -> dict[str, Any]:
    confidence = "0.0" if item.confidence is None else f"{item.confidence:.3f}"
    found: dict[str, Any] = {"id": number, "type": "pronunciation" if item.pronunciation else "punctuation"}
    found["alternatives"] = [{"confidence": confidence, "content": item.text}]
    if item.pronunciation:
        found |= {"start_time": _seconds(item.start), "end_time": _seconds(item.end)}
    if item.filtered:
        found["vocabularyFilterMatch"] = True
    if channel is not None:
        found["channel_label"] = f"ch_{channel}"
    return found


def _seconds(value: float) -> str:
    return f"{value:.3f}"
