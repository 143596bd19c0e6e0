"""Two patients, what is about them, and keys that see one of them or nobody's name."""

from __future__ import annotations

from typing import Any

from brume.aws.wire.keys import Key
from tests.aws.serving import KEY, OTHER

WARD = Key("AKIDWARD", "secret of the ward", KEY.account)


STUDY = Key("AKIDSTUDY", "secret of the study", KEY.account)


RIGHTS = {
    KEY.access_key: {"any": True},
    OTHER.access_key: {"any": True},
    WARD.access_key: {"patients": ["a"]},
    STUDY.access_key: {"role": "researcher", "patients": "all"},
}


RECORD = "https://hospital.example/record"


PEOPLE: list[dict[str, Any]] = [
    {"resourceType": "Patient", "id": "a", "identifier": [{"system": RECORD, "value": "11"}]},
    {"resourceType": "Patient", "id": "b"},
]


ABOUT: list[dict[str, Any]] = [
    {"resourceType": "Condition", "id": "of-a", "subject": {"reference": "Patient/a"}},
    {
        "resourceType": "Condition",
        "id": "by-record",
        "subject": {"reference": f"Patient?identifier={RECORD}|11"},
    },
    {"resourceType": "Condition", "id": "of-b", "subject": {"reference": "Patient/b"}},
    {"resourceType": "Observation", "id": "exact", "status": "final", "subject": {"reference": "Patient/b"}},
    {"resourceType": "Practitioner", "id": "p"},
    {
        "resourceType": "Group",
        "id": "g",
        "type": "person",
        "actual": True,
        "member": [{"entity": {"reference": "Patient/a"}}],
    },
]
