"""Rejects: input that cannot be used and is set aside, with its reason, up to a limit on its share.

Input that cannot be *reached* (S3 is down, a disk is full, a permission is missing) is never a reject: it is
an error that fails the stage, which is resumed once the cause is gone.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from brume import storage

_NUMBERS = re.compile(r"([0-9]+)")


@dataclass(frozen=True, order=True)
class Reject:
    """One thing that is set aside: what, at which step, why, and what would mend it ("" if unknown).

    A system that knows more of it, such as the line of a file, derives from this class.
    """

    item: str
    step: str
    reason: str
    remedy: str = ""


class TooManyRejectsError(ValueError):
    """More is set aside than the run allows; the message lists the first, and where all of them are."""


def unreachable(error: BaseException) -> bool:
    """Return whether an error says that input or output cannot be reached, not that it cannot be used.

    That is any failure of a file system or an object store but a file that is not there, and any of a
    network; an error that was raised because of such a one counts too.
    """
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, storage.StorageError) or (
            isinstance(found, OSError)
            and not isinstance(found, FileNotFoundError)
            and found.errno is not None
        ):
            return True
        found = found.__cause__
    return False


def check_share(
    rejects: Sequence[Reject], total: int, limit: float, *, of: str, parameter: str, where: str
) -> None:
    """Raise `TooManyRejectsError` when more than the share `limit` of `total` things is set aside, or nothing
    is left.

    `of` names the things ("slides"), `parameter` what sets the limit, `where` the table of all rejects.
    """
    if total and len(rejects) / total <= limit:
        return
    shown = "\n".join(f"  {reject.item}: {reject.reason}" for reject in rejects[:20])
    more = f"\n  ... and {len(rejects) - 20} more" if len(rejects) > 20 else ""
    raise TooManyRejectsError(
        f"{len(rejects)} of {total} {of} are set aside, more than {parameter}={limit} allows "
        f"(all of them: {where}):\n{shown}{more}\nMend them, or raise {parameter}."
    )


def write_rejects(rejects: Sequence[Reject], uri: str, item: str) -> None:
    """Write a CSV file of rejects: `item` (the header of what is set aside), step, reason, remedy.

    They are sorted, "line 9" before "line 10".
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([item, "step", "reason", "remedy"])
    writer.writerows(astuple(reject) for reject in sorted(rejects, key=_order))
    storage.write_bytes(uri, text.getvalue().encode())


def _order(reject: Reject) -> tuple[list[tuple[int, str]], Reject]:
    """Return what sorts rejects by their items, numbers within those by their size."""
    parts = [part.lstrip("0") if part.isdecimal() else part for part in _NUMBERS.split(reject.item)]
    return [(len(part) if place % 2 else 0, part) for place, part in enumerate(parts)], reject


def keep_rejects(rejects: Sequence[Reject], folder: str, shown: str | None, item: str) -> str:
    """Write the table of rejects into a stage's output `folder`, for later stages, and for the user.

    `shown` is the user's place, in a local run; returns where the user finds the table.
    """
    own = storage.join(folder, "rejects.csv")
    for uri in filter(None, (own, shown)):
        write_rejects(rejects, uri, item)
    return shown or own


def read_rejects(uri: str) -> list[Reject]:
    """Read what `write_rejects` wrote."""
    return [Reject(*row) for row in list(csv.reader(io.StringIO(storage.read_bytes(uri).decode())))[1:]]
