"""The file of accepted keys."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from brume.aws.wire import keys


def test_a_made_key_is_for_its_owner_alone_and_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3

    path = tmp_path / "data" / "credentials"
    made = keys.make(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert keys.make(path) == made == keys.load(path)
    assert [file.name for file in path.parent.iterdir()] == ["credentials"]
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    (key,) = made.values()
    found = boto3.session.Session().get_credentials()
    assert (found.access_key, found.secret_key) == (key.access_key, key.secret)
    assert key.secret not in repr(key)


def test_several_keys_and_accounts(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(
        "[line-a]\naws_access_key_id = A\naws_secret_access_key = s%1\naccount = 111111111111\n"
        "[line-b]\naws_access_key_id = B\naws_secret_access_key = s2\naws_session_token = t\n"
    )
    loaded = keys.load(path)
    assert loaded["A"] == keys.Key("A", "s%1", "111111111111")
    assert loaded["B"] == keys.Key("B", "s2", keys.ACCOUNT, "t")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "no key"),
        ("aws_access_key_id = A", "not an INI file"),
        ("[a]\naws_access_key_id = A", r"\[a\] has no aws_secret_access_key"),
        ("[a]\naws_access_key_id = A\naws_secret_access_key = hush\naccount = 12", "twelve digits"),
        ("[a]\naws_access_key_id = A\naws_secret_access_key = hush\nacount = 1", "acount is not known"),
        ("[a]\naws_access_key_id = A/B\naws_secret_access_key = hush", "letters"),
        ("[a]\naws_access_key_id = A\naws_secret_access_key = hush\nhush hush", "not an INI file"),
        (
            "[a]\naws_access_key_id = A\naws_secret_access_key = hush\n"
            "[b]\naws_access_key_id = A\naws_secret_access_key = hush",
            "two sections",
        ),
    ],
)
def test_the_error_for_a_wrong_file_shows_no_secret(tmp_path: Path, text: str, part: str) -> None:
    path = tmp_path / "keys"
    path.write_text(text)
    with pytest.raises(keys.KeysError, match=part) as caught:
        keys.load(path)
    assert str(path) in str(caught.value)
    assert "hush" not in str(caught.value)
