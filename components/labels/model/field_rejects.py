"""Rejects of labelling input: the line and field of a file, as rows of the table `rejects`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from brume.run.rejects import Reject


@dataclass(frozen=True)
class FieldReject(Reject):
    """A value that cannot be used, or not as it is; `item` is its file.

    `line` is None where it is not known, `field` is "" where the whole line or file is meant.
    """

    line: int | None = None
    field: str = ""

    def row(self, modality: str = "", job: str = "") -> dict[str, Any]:
        """Return the row of the table `rejects`; `modality` and `job` are "" outside of a job."""
        return {
            "modality": modality,
            "job": job,
            "file": self.item,
            "line": self.line,
            "field": self.field,
            "reason": self.reason,
            "remedy": self.remedy,
        }
