"""The service `brumeinspection`: operations that Lookout for Vision had in its console only.

The closed service had trial detections, their verification, and its dashboard in a console and nowhere else;
here they are operations like any other, with a service model, reached through `brume.aws.client`. The
web page and `brume inspection` are two clients of them.
"""

from __future__ import annotations

from brume.aws.engine.background import Background
from brume.aws.engine.resources import Mounted, Service
from brume.aws.engine.store import Store
from brume.inspection.engine.console.comparison import Comparisons
from brume.inspection.engine.console.dashboard import Dashboard
from brume.inspection.engine.console.dataset_images import DatasetImages
from brume.inspection.engine.console.inference import LoadedModels
from brume.inspection.engine.console.thresholds import Thresholds
from brume.inspection.engine.console.trials import Trials
from brume.inspection.engine.console.verdicts import Verdicts
from brume.inspection.engine.locations import Locations

NAME = "brumeinspection"
CONSOLE = Service(NAME, (Trials, Verdicts, DatasetImages, Thresholds, Comparisons, Dashboard))


def mount(store: Store, locations: Locations, background: Background) -> Mounted:
    """Return the operations of the service."""
    loaded_models = LoadedModels(locations)
    return CONSOLE.mount(
        Trials(store, locations, background, loaded_models),
        Verdicts(store),
        DatasetImages(store, locations, loaded_models),
        Thresholds(store, locations),
        Comparisons(store, locations, background, loaded_models),
        Dashboard(store),
    )
