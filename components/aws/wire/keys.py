"""The keys that an engine accepts: a file of AWS credentials, with the account of each key.

    [default]
    aws_access_key_id = AKIA...
    aws_secret_access_key = ...
    account = 123456789012

Each section is a key; several keys may belong to one account, and each account sees only what is its own. A
section may have an `aws_session_token`, which requests by that key then have to carry. The same file serves
clients as AWS_SHARED_CREDENTIALS_FILE.
"""

from __future__ import annotations

import configparser
import contextlib
import os
import re
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ACCOUNT = "000000000000"  # of keys that say no other


class KeysError(ValueError):
    """A file of keys that cannot be used; the message names it, the section, and what is wrong."""


@dataclass(frozen=True)
class Key:
    """One accepted access key. The secret and the token are left out of what is printed."""

    access_key: str
    secret: str = field(repr=False)
    account: str = ACCOUNT
    token: str = field(default="", repr=False)


# Of a key; aws_account_id is the name that AWS's own credentials files have for it.
_NAMES = {"aws_access_key_id", "aws_secret_access_key", "aws_session_token", "account", "aws_account_id"}


def load(path: Path) -> dict[str, Key]:
    """Return the keys of a file by access key. Raises `KeysError`."""
    parser = configparser.ConfigParser(interpolation=None, default_section="")
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise KeysError(f"{path}: the keys cannot be read: {error}") from error
    except configparser.Error as error:  # its message quotes lines, which may hold a secret
        raise KeysError(
            f"{path}: not an INI file ({type(error).__name__}): it has [sections] of name = value lines"
        ) from None
    keys = [_key(path, name, parser[name]) for name in parser.sections()]
    if not keys:
        raise KeysError(f"{path}: there is no key in it: add a section with aws_access_key_id and so on")
    if len({key.access_key for key in keys}) < len(keys):
        raise KeysError(f"{path}: an aws_access_key_id stands in two sections")
    return {key.access_key: key for key in keys}


def _key(path: Path, name: str, section: Mapping[str, str]) -> Key:
    access, secret = section.get("aws_access_key_id", ""), section.get("aws_secret_access_key", "")
    if unknown := set(section) - _NAMES:
        raise KeysError(
            f"{path}: section [{name}]: {', '.join(sorted(unknown))} is not known; there are "
            f"{', '.join(sorted(_NAMES))}"
        )
    account = section.get("account") or section.get("aws_account_id") or ACCOUNT
    for field_name, value in (("aws_access_key_id", access), ("aws_secret_access_key", secret)):
        if not value:
            raise KeysError(f"{path}: section [{name}] has no {field_name}")
    if not re.fullmatch(r"[\w.-]{1,128}", access, re.ASCII):
        raise KeysError(f"{path}: section [{name}]: aws_access_key_id may have letters, digits, _, . and -")
    if not re.fullmatch("[0-9]{12}", account):
        raise KeysError(f"{path}: section [{name}]: account {account!r} must be twelve digits")
    return Key(access, secret, account, section.get("aws_session_token", ""))


def make(path: Path) -> dict[str, Key]:
    """Write a file with one new key, readable by its owner alone, unless the file exists; return its keys."""
    path.parent.mkdir(parents=True, exist_ok=True)
    access = "BRUME" + "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(15))
    text = (
        "# The key that clients of this engine sign with; AWS_SHARED_CREDENTIALS_FILE can name this file.\n"
        f"[default]\naws_access_key_id = {access}\n"
        f"aws_secret_access_key = {secrets.token_urlsafe(30)}\naccount = {ACCOUNT}\n"
    )
    # Written beside and linked: of two that start at once, one makes the key and both read it.
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    descriptor = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if not path.exists():
            with contextlib.suppress(FileExistsError):
                os.link(partial, path)
    finally:
        partial.unlink()
    return load(path)
