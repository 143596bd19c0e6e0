"""The file of rights: what each access key may see, and for whom it may speak.

A file has an object for each access key:

    {"AKIDWARD":   {"role": "clinician", "patients": ["p-17", "p-18"], "users": ["ann"], "emergency": true},
     "AKIDSTUDY":  {"role": "researcher", "patients": "all"},
     "AKIDOFFICE": {"role": "steward"},
     "AKIDPORTAL": {"any": true}}

`patients` limits a key to the records of these; clinicians and researchers need it, and "all" is no limit.
`users`, `groups` and `any` say for whom the key may speak in Kendra's UserContext. `emergency` lets it open
all records for a limited time with a reason. Without `role` a key with `patients` is a clinician's, and one
without may do all, as in files of an earlier form. A key that is not named sees no records; `anonymous`
names requests without signature.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

_ALL = "all"
_FLAGS, _LISTS = ("any", "emergency"), ("users", "groups")
_MEMBERS = ("role", "patients", *_LISTS, *_FLAGS)


class RightsError(ValueError):
    """A file of rights that cannot be used; the message names the file, the key and the member."""


class Role(StrEnum):
    """What a key is for."""

    FULL = "full"  # reads and changes all
    CLINICIAN = "clinician"  # reads the records of its patients
    RESEARCHER = "researcher"  # reads them without what names a person
    STEWARD = "steward"  # reads the audit, resets and loads; reads no records
    NONE = "none"  # of a key that the file does not name


@dataclass(frozen=True)
class Rights:
    """What a key may: the patients that it is limited to (None: not at all), and for whom it may speak."""

    role: Role = Role.NONE
    patients: frozenset[str] | None = frozenset()
    any: bool = False
    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    emergency: bool = False


def parse_rights(data: bytes, name: str) -> Mapping[str, Rights]:
    """Return the rights by access key of the file `name` with the content `data`. Raises `RightsError`."""
    try:
        given = json.loads(data, object_pairs_hook=_without_repeats)
    except ValueError as error:
        raise RightsError(f"{name}: the rights of keys cannot be read as JSON: {error}") from error
    if not isinstance(given, dict):
        raise RightsError(f"{name}: it has an object of rights for each access key")
    return {key: _rights(f"{name}: {key}", one) for key, one in given.items()}


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    for name, _ in pairs if len(found) < len(pairs) else ():
        if sum(name == other for other, _ in pairs) > 1:
            raise ValueError(f"{name} is there twice")
    return found


def _rights(where: str, given: Any) -> Rights:
    if not isinstance(given, dict):
        raise RightsError(f"{where}: it needs an object of its rights: {', '.join(_MEMBERS)}")
    if unknown := set(given) - set(_MEMBERS):
        raise RightsError(f"{where}: {', '.join(sorted(unknown))}: there are {', '.join(_MEMBERS)}")
    for name in _FLAGS:
        if not isinstance(given.get(name, False), bool):
            raise RightsError(f"{where}: {name} is true or false")
    for name in _LISTS:
        if not _is_names(given.get(name, [])):
            raise RightsError(f"{where}: {name} is a list of names")
    patients = given.get("patients")
    if patients not in (None, _ALL) and not _is_names(patients):
        raise RightsError(f'{where}: patients is a list of names, or "{_ALL}"')
    role = _role(where, given)
    return Rights(
        role,
        _patients(where, role, patients),
        given.get("any", False),
        frozenset(given.get("users", ())),
        frozenset(given.get("groups", ())),
        given.get("emergency", False),
    )


def _role(where: str, given: Mapping[str, Any]) -> Role:
    if "role" not in given:
        return Role.CLINICIAN if isinstance(given.get("patients"), list) else Role.FULL
    known = [role for role in Role if role != Role.NONE]
    if given["role"] not in known:
        raise RightsError(f"{where}: role is one of {', '.join(known)}")
    return Role(given["role"])


def _patients(where: str, role: Role, given: Any) -> frozenset[str] | None:
    if role in (Role.FULL, Role.STEWARD):
        if isinstance(given, list):
            raise RightsError(f"{where}: patients is of clinicians and researchers, not of the role {role}")
        return None if role == Role.FULL else frozenset()
    if given is None:
        raise RightsError(f'{where}: the role {role} needs patients: a list of ids, or "{_ALL}"')
    return None if given == _ALL else frozenset(given)


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)
