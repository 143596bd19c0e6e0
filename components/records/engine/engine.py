"""Records: answers for kendra with what records computes."""

from brume.aws.engine.catalog import Settings
from brume.aws.engine.resources import Service
from brume.aws.engine.service import Engine

PORT = 8406
SERVICES = ("kendra",)
# One class per resource of the API, each in a module of its own. What none has is refused by its name.
SERVICE = Service("kendra", ())
OFFERED = (SERVICE,)


def create(settings: Settings) -> Engine:
    """Return the engine, with its state in `settings.data`."""
    return Engine({"kendra": SERVICE.mount()})
