"""Records: counts the lines of a text.

brume run records source=FILE --out out/records
"""

from collections.abc import Mapping
from typing import Any

from brume.pipelines.running import steps
from brume.records.pipeline import settings, stages


def check(arguments: Mapping[str, Any]) -> None:
    """Raise `ValueError` that names every parameter the pipeline cannot work with."""
    settings.check(arguments)


@steps.pipeline("records", "Count the lines of a text.")
def pipeline(source: str, least: int = 0) -> None:
    """Count the lines of a text.

    Args:
        source: A text file, local or s3://.
        least: Characters that a line must have to be counted.
    """
    step = steps.Steps(locals())
    step(stages.count, cpu="500m", memory="512Mi")
