"""One part between the beam and the pusher: what is known about it, and its one decision."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """The result of the service or the bundle for a picture, and its `confidence`, 0 to 1."""

    anomalous: bool
    confidence: float


@dataclass(frozen=True)
class Decision:
    """What happens to a part.

    `source`: "service", "bundle", or "policy" when neither answered; `reason` is why the policy had to.
    `late`: the deadline passed without any answer.
    """

    reject: bool
    source: str
    confidence: float | None = None
    reason: str = ""
    late: bool = False


class Part:
    """A part, decided exactly once, by the first answer that counts.

    The service's answer counts when it comes before the deadline; until then the bundle's answer waits.
    It counts as soon as the service cannot answer, or at the deadline. If there is neither, the policy
    decides. `on_decided` is called once, with the decision, on the thread that brought it about.
    """

    def __init__(
        self,
        number: int,
        token: str,
        broke_at: float,
        reject: bool,
        on_decided: Callable[[Part, Decision], None],
    ) -> None:
        self.number = number
        self.token = token
        self.broke_at = broke_at
        self.decision: Decision | None = None
        self.local: Answer | None = None
        self.remote: Answer | None = None
        self.timed_out = False  # the deadline came while the service was awaited
        self._reject_undecided = reject
        self._on_decided = on_decided
        self._lock = threading.Lock()
        self._awaited = {"bundle", "service"}
        self._reasons: dict[str, str] = {}
        self._complete = False

    def service_answered(self, answer: Answer) -> bool:
        """Take the service's answer; return whether it decided, that is, came in time."""
        with self._lock:
            self.remote = answer
        return self._decide("service", lambda: Decision(answer.anomalous, "service", answer.confidence))

    def bundle_answered(self, answer: Answer) -> None:
        """Take the bundle's answer: it decides at once if the service is not awaited."""
        with self._lock:
            self.local = answer
        self._decide("bundle", self._unless_awaited)

    def unanswered(self, source: str, reason: str) -> None:
        """Record that `source` ("service" or "bundle") will not answer, and why."""
        with self._lock:
            self._reasons[source] = reason
        self._decide(source, self._unless_awaited)

    def expire(self) -> bool:
        """Settle the part at its deadline; return whether the service was awaited in vain."""
        with self._lock:
            awaited = "service" in self._awaited
        self.timed_out = self._decide("", self._at_deadline) and awaited
        return self.timed_out

    def complete(self) -> bool:
        """Return True once: the part is decided, the service has answered, and the bundle has or will not."""
        with self._lock:
            known = self.decision is not None and self.remote is not None and "bundle" not in self._awaited
            if self._complete or not known:
                return False
            self._complete = True
            return True

    def _unless_awaited(self) -> Decision | None:
        if "service" in self._awaited:
            return None
        if self.local is not None:
            return self._by_bundle(self.local)
        if "bundle" in self._awaited:
            return None
        reason = "; ".join(f"{name}: {why}" for name, why in sorted(self._reasons.items()))
        return Decision(self._reject_undecided, "policy", None, reason)

    def _at_deadline(self) -> Decision:
        if self.local is not None:
            return self._by_bundle(self.local)
        return Decision(self._reject_undecided, "policy", None, "no answer in time", late=True)

    @staticmethod
    def _by_bundle(answer: Answer) -> Decision:
        return Decision(answer.anomalous, "bundle", answer.confidence)

    def _decide(self, source: str, choose: Callable[[], Decision | None]) -> bool:
        with self._lock:
            self._awaited.discard(source)
            if self.decision is not None or (decision := choose()) is None:
                return False
            self.decision = decision
        self._on_decided(self, decision)
        return True
