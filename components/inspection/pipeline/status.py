"""Waiting for the status of a resource of Lookout for Vision or of the console's service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from brume.aws.waiting import StillWaitingError, wait_until


class InspectionError(RuntimeError):
    """A request that cannot be carried out; the message has what, why, and the remedy."""


def wait_for_status(
    resource: str,
    describe: Callable[[], dict[str, Any]],
    wanted: tuple[str, ...],
    minutes: float,
    progress: Callable[[str], None] = lambda message: None,
) -> dict[str, Any]:
    """Describe a resource until its Status is a wanted one; returns the last description.

    `progress` is called with each message or status in between. Raises `InspectionError`, with the service's
    message, in any other status that does not pass by itself, and after `minutes`.
    """

    def reached(description: dict[str, Any]) -> bool:
        status, message = description["Status"], description.get("StatusMessage", "")
        if status not in wanted and not status.endswith(("IN_PROGRESS", "ING", "CREATED")):
            raise InspectionError(f"{resource} is {status}" + (f": {message}" if message else ""))
        return status in wanted

    try:
        return wait_until(
            describe,
            reached,
            seconds=60 * minutes,
            longest_pause=1.0,
            waiting=lambda found: progress(found.get("StatusMessage") or found["Status"]),
        )
    except StillWaitingError as error:
        raise InspectionError(
            f"{resource} is still {error.last['Status']} after {minutes:g} minutes; it goes on: "
            "ask again later"
        ) from error
