"""Amazon Resource Names and identifiers of an engine's resources."""

from __future__ import annotations

import secrets
from dataclasses import dataclass


@dataclass(frozen=True)
class Arn:
    """arn:aws:SERVICE:REGION:ACCOUNT:PATH, the path in parts: ("model", "plates", "3")."""

    service: str
    region: str
    account: str
    path: tuple[str, ...]

    def __str__(self) -> str:
        return f"arn:aws:{self.service}:{self.region}:{self.account}:{'/'.join(self.path)}"


def parse(text: str) -> Arn:
    """Read an ARN. Raises `ValueError` for text that is none."""
    parts = text.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or not all((parts[1], parts[2], parts[5])):
        raise ValueError(f"{text} is no ARN, which reads arn:aws:SERVICE:REGION:ACCOUNT:RESOURCE")
    return Arn(parts[2], parts[3], parts[4], tuple(parts[5].split("/")))


def new_id(length: int = 16) -> str:
    """Return a random identifier of so many hexadecimal digits: safe as the name of a file or a folder."""
    return secrets.token_hex((length + 1) // 2)[:length]
