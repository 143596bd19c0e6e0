"""The file of rights of the engine: the setting BRUME_RECORDS_ACCESS names it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from brume.aws.engine.catalog import EngineError
from brume.records.model.rights import Rights, RightsError, parse_rights

ANONYMOUS = "anonymous"
"""The access key of a request without signature, in a call and in the file of rights."""


def read_rights(path: str) -> Mapping[str, Rights] | None:
    """Return the rights by access key, None for the path "". Raises `EngineError` with key and member."""
    if not path:
        return None
    try:
        return parse_rights(Path(path).read_bytes(), path)
    except OSError as error:
        raise EngineError(
            f"BRUME_RECORDS_ACCESS={path}: the file of rights cannot be read ({error.strerror}): "
            "name one that is there, or leave the variable out"
        ) from error
    except RightsError as error:
        raise EngineError(str(error)) from error
