"""Why a pod does not run, or did not end well, in words that name it.

The API's own account is spread over conditions, container states and reasons; operators pass on little of
it, and an image that cannot be pulled never fails a job at all: it waits for ever.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

# Seconds before a problem counts as one: an autoscaler needs minutes to bring a node, a registry that failed
# once may work the next time, and the message of a job whose worker has died names what happened.
_TO_SCHEDULE, _TO_PULL, _TO_SPEAK, _NOW = 900.0, 180.0, 30.0, 0.0
OUT_OF_MEMORY = "OOMKilled"  # the kind of problem of a container that needed more than its limit
_STARTS = 3  # a start that fails once may be the store's or the network's fault

_WAITING = {
    "InvalidImageName": (_NOW, "its image's name is not valid"),
    "ErrImageNeverPull": (_NOW, "its image is not on the node and may not be pulled"),
    "ErrImagePull": (_TO_PULL, "its image cannot be pulled"),
    "ImagePullBackOff": (_TO_PULL, "its image cannot be pulled"),
    "CreateContainerConfigError": (_TO_PULL, "its configuration is incomplete"),
    "CreateContainerError": (_TO_PULL, "its container cannot be created"),
    "RunContainerError": (_TO_PULL, "its container cannot be started"),
}


@dataclass(frozen=True)
class Problem:
    """What is wrong with one pod, and for how many seconds that may yet mend itself."""

    pod: str
    kind: str
    text: str
    patience: float

    def __str__(self) -> str:
        return f"pod {self.pod}: {self.text}"


def problems(name: str, pods: Sequence[Any]) -> list[Problem]:
    """Return the problems of the pods (`V1Pod`) of an object, in their order; that it has none is one too."""
    if not pods:
        text = f"none of {name} was created. Is its operator running, and does a quota leave room?"
        return [Problem("(none yet)", "no pod", text, _TO_SCHEDULE)]
    return [problem for pod in pods for problem in _of_one(pod)]


def _of_one(pod: Any) -> Iterator[Problem]:
    name, status = pod.metadata.name, pod.status
    if status.reason:  # Evicted, NodeLost, Preempting, UnexpectedAdmissionError ...
        why = f" ({status.message})" if status.message else ""
        yield Problem(name, status.reason, f"{status.reason}{why}", _TO_SPEAK)
    for condition in status.conditions or []:
        if condition.type == "PodScheduled" and condition.reason == "Unschedulable":
            yield Problem(name, "Unschedulable", f"no node can take it: {condition.message}", _TO_SCHEDULE)
        if condition.type == "DisruptionTarget" and condition.status == "True":
            yield Problem(name, "DisruptionTarget", f"{condition.reason}: {condition.message}", _TO_SPEAK)
    for container in [*(status.init_container_statuses or []), *(status.container_statuses or [])]:
        waiting = container.state.waiting if container.state else None
        ended = container.state.terminated if container.state else None
        if waiting and waiting.reason in _WAITING:
            patience, meaning = _WAITING[waiting.reason]
            # The kind is the meaning: ErrImagePull and ImagePullBackOff take turns and are one problem.
            yield Problem(
                name, meaning, f"{meaning} ({waiting.reason}: {waiting.message or container.image})", patience
            )
        if waiting and waiting.reason == "CrashLoopBackOff" and container.restart_count >= _STARTS:
            last = container.last_state.terminated if container.last_state else None
            why = _ended(last) if last else waiting.message
            yield Problem(name, waiting.reason, f"started {container.restart_count} times, {why}", _NOW)
        if ended and (ended.exit_code or ended.reason == OUT_OF_MEMORY):
            yield Problem(name, ended.reason or "Error", _ended(ended), _TO_SPEAK)


def _ended(state: Any) -> str:
    if state.reason == OUT_OF_MEMORY:
        return f"{OUT_OF_MEMORY}: it needed more memory than its limit; give it more (memory)"
    signalled = f", signal {state.exit_code - 128}" if state.exit_code > 128 else ""
    why = f": {state.message.strip()}" if state.message else ""
    return f"it ended with code {state.exit_code}{signalled} ({state.reason}){why}"


class Patience:
    """Remembers since when each problem is there."""

    def __init__(self) -> None:
        self._since: dict[tuple[str, str], float] = {}

    def exhausted(self, found: Sequence[Problem]) -> list[Problem]:
        """Return those of the problems found now that have lasted longer than they may."""
        now = time.monotonic()
        self._since = {
            (problem.pod, problem.kind): self._since.get((problem.pod, problem.kind), now)
            for problem in found
        }
        return [item for item in found if now - self._since[item.pod, item.kind] >= item.patience]
