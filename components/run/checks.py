"""Checks of a pipeline's parameters: all that is wrong is named at once, before anything starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from brume import storage


class Checks:
    """Collects what is wrong with the arguments of a pipeline, a line for each fault."""

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        """Take the arguments by name, defaults included."""
        self._arguments = arguments
        self._wrong: list[str] = []

    def require(self, fulfilled: object, message: str) -> None:
        """Note `message` unless a condition is fulfilled."""
        if not fulfilled:
            self._wrong.append(message)

    def exists(self, *names: str) -> None:
        """Require a file or folder where these arguments name one on the local disk."""
        for name in names:
            uri = self._arguments[name]
            there = not uri or storage.is_remote(uri) or storage.exists(uri)
            self.require(there, f"{name}={uri} is not there")

    def at_least(self, low: float, *names: str) -> None:
        """Require numbers of `low` or more."""
        for name in names:
            value = self._arguments[name]
            self.require(value >= low, f"{name}={value} must be at least {low}")

    def between(self, low: float, high: float, *names: str) -> None:
        """Require numbers from `low` to `high`, both included."""
        for name in names:
            value = self._arguments[name]
            self.require(low <= value <= high, f"{name}={value} must be from {low} to {high}")

    def attempt(self, check: Callable[[], object]) -> None:
        """Note the message of a `ValueError` that `check` raises."""
        try:
            check()
        except ValueError as error:
            self._wrong.append(str(error))

    def finish(self) -> None:
        """Raise `ValueError` with all that was noted."""
        if self._wrong:
            raise ValueError("\n".join(self._wrong))
