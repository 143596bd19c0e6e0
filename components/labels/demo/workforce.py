"""The workforce: 130 invented people, with the pace and the error rate of each."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from brume.labels.demo.truth import User

COUNT = 130
POOL = "eu-west-1_k7VtQwD2m"
ISSUER = f"https://cognito-idp.eu-west-1.amazonaws.com/{POOL}"

_TEAMS = ("Harbour", "Orchard", "Summit", "Lantern")
_AUDIT = "Audit"
_FIRST = (
    "Amara Anouk Bastian Beatriz Cedric Dalia Edda Emeka Farah Femke Gero Hanneke Ilse Imre Jonas Jolanda "
    "Kaito Katla Leandro Liv Maren Milan Nadja Niko Oona Orla Pavel Petra Rafi Rosa Selma Sven Tamsin Thabo "
    "Ugo Vera Wanda Wim Yara Zeno"
)
_LAST = (
    "Abel Aldana Berg Brandt Castell Dorn Duarte Eklund Faber Falk Gallo Grau Haas Holm Iversen Janda Keller "
    "Kolb Lind Lomax Marek Moreau Nagel Novak Okafor Osei Palm Quist Reuter Rossi Sandoval Steen Tanaka "
    "Thorne Ullman Vance Weber Winter Yilmaz Zander"
)

# Who stands out, by place in the workforce: most lie past the sixtieth, where a first page of users ends.
ROLES = {
    7: "fast",  # a fraction of the usual time, everywhere
    23: "slow",  # many times the usual time, everywhere
    41: "confuser",  # takes vans for trucks and trucks for vans
    78: "shifter",  # boxes of images beside the object
    87: "mistyper",  # often a wrong vehicle_type
    96: "sloppy",  # first-level tracks that an audit rejects
    112: "unlisted",  # left the pool
    121: "no-email",  # in the pool, without an address
}
_AUDITORS = range(100, 106)


@dataclass(frozen=True)
class Worker:
    """One person; `pace` and `jitter` are multiples of the usual time and pixel noise, `errors` a share."""

    user: User
    pace: float
    jitter: float
    errors: float

    @property
    def sub(self) -> str:
        """Return what Cognito calls the worker."""
        return self.user.sub

    @property
    def role(self) -> str:
        """Return what makes the worker stand out, "" for nothing."""
        return self.user.role


def uuid(rng: np.random.Generator) -> str:
    """Return 16 random bytes as a UUID of version 4 is written."""
    digits = rng.bytes(16).hex()
    variant = "89ab"[int(digits[16], 16) % 4]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def workforce(rng: np.random.Generator) -> list[Worker]:
    """Make all people, in the order in which they joined."""
    firsts, lasts = _FIRST.split(), _LAST.split()
    names = rng.permutation(len(firsts) * len(lasts))[:COUNT]
    workers = []
    for number, name in enumerate(names):
        first, last = firsts[name % len(firsts)], lasts[name // len(firsts)]
        role = "auditor" if number in _AUDITORS else ROLES.get(number, "")
        user = User(
            sub=uuid(rng),
            worker_id=f"private.eu-west-1.{rng.bytes(8).hex()}",
            name=f"{first} {last}",
            email="" if role == "no-email" else f"{first}.{last}@example.com".lower(),
            team=_AUDIT if role == "auditor" else _TEAMS[number % len(_TEAMS)],
            role=role,
            listed=role != "unlisted",
        )
        pace, jitter = float(np.exp(rng.normal(0, 0.2))), float(np.exp(rng.normal(0, 0.25)))
        pace = {"fast": 0.06, "slow": 9.0}.get(role, pace)
        errors = {"confuser": 0.02, "mistyper": 0.55, "sloppy": 0.12}.get(role, 0.012)
        workers.append(Worker(user, pace, jitter, errors))
    return workers


def as_csv(workers: Sequence[Worker]) -> str:
    """Return the listed people as CSV with the columns sub, name, email and team."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("sub", "name", "email", "team"))
    for user in (worker.user for worker in workers):
        if user.listed:
            table.writerow((user.sub, user.name, user.email, user.team))
    return text.getvalue()


class Shifts:
    """Who of a job's pool takes which data object: evenly, and never twice the same."""

    def __init__(self, pool: Sequence[Worker], rng: np.random.Generator) -> None:
        self._pool, self._rng = pool, rng
        self._taken = dict.fromkeys((worker.sub for worker in pool), 0)

    def take(self, count: int) -> list[Worker]:
        """Return `count` different people; those whose answers are poor come last."""
        luck = self._rng.random(len(self._pool)) * 1.6
        order = sorted(
            range(len(self._pool)), key=lambda number: self._taken[self._pool[number].sub] + luck[number]
        )
        picked = [self._pool[number] for number in order[:count]]
        for worker in picked:
            self._taken[worker.sub] += 1
        return sorted(picked, key=lambda worker: worker.role in ("mistyper", "sloppy", "shifter", "confuser"))


class Roster:
    """Who is asked to a job: in turn, so that in time everybody is."""

    def __init__(self, workers: Sequence[Worker], rng: np.random.Generator) -> None:
        self._workers = workers
        ordinary = [worker for worker in workers if not worker.role]
        self._turn = itertools.cycle([ordinary[number] for number in rng.permutation(len(ordinary))])

    def pool(self, size: int, roles: Sequence[str]) -> list[Worker]:
        """Return the people of one job: all those with the given roles, filled up with ordinary ones."""
        special = [worker for worker in self._workers if worker.role in roles]
        return special + list(itertools.islice(self._turn, max(0, size - len(special))))
