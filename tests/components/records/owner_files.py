"""Files of an index's owner by Kendra's operations: FAQs, thesauri and their like."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.components.records.kendra import (
    ROLE,
)
from tests.polling import until

BUCKET = "brume-files"


class Files:
    """One kind of file by boto3: `create` and so on are its operations' names."""

    def __init__(self, client: Any, folder: Path, index: str, noun: str, plural: str, path: str) -> None:
        self.client, self.folder, self.index = client, folder, index
        self.noun, self.plural, self.path = noun, plural, path

    def write(self, name: str, content: str | bytes) -> dict[str, Any]:
        data = content.encode() if isinstance(content, str) else content
        (self.folder / name).write_bytes(data)
        return {self.path: {"Bucket": BUCKET, "Key": name}}

    def make(self, name: str, content: str | bytes, **members: Any) -> dict[str, Any]:
        """Make one of a file; returns its description once it was read."""
        create = getattr(self.client, f"create_{self.noun}")
        file = self.write(name, content)
        made = create(IndexId=self.index, Name=name.split(".")[0], RoleArn=ROLE, **file, **members)
        return self.read(made["Id"])

    def read(self, identity: str) -> dict[str, Any]:
        def described() -> dict[str, Any]:
            return dict(getattr(self.client, f"describe_{self.noun}")(IndexId=self.index, Id=identity))

        until(lambda: described()["Status"] not in ("CREATING", "UPDATING"))
        return described()

    def names(self) -> list[str]:
        answer = getattr(self.client, f"list_{self.plural}")(IndexId=self.index)
        (items,) = (value for value in answer.values() if isinstance(value, list))
        return [one["Name"] for one in items]

    def delete(self, identity: str) -> None:
        getattr(self.client, f"delete_{self.noun}")(IndexId=self.index, Id=identity)
