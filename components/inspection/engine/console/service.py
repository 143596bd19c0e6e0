"""The service `brumeinspection`: what a person does around inspection, beside Lookout for Vision's API.

The closed service had trial detections, their verification, and its dashboard in a console and nowhere else;
here they are operations like any other, with a service model, reached through `brume.aws.client`. The
web page and `brume inspection` are two clients of them.
"""

from __future__ import annotations

from typing import Any

from brume.aws.engine.service import Call
from brume.inspection.engine.background import Background
from brume.inspection.engine.console.comparison import Comparisons
from brume.inspection.engine.console.dashboard import Dashboard
from brume.inspection.engine.console.dataset_images import Labelled
from brume.inspection.engine.console.inference import Judges
from brume.inspection.engine.console.thresholds import Thresholds
from brume.inspection.engine.console.trial_tables import TABLES
from brume.inspection.engine.console.trials import Trials
from brume.inspection.engine.console.verdicts import Verdicts
from brume.inspection.engine.locations import Places
from brume.inspection.engine.store import Store
from brume.inspection.engine.tables import metadata

NAME = "brumeinspection"
_Request = dict[str, Any]


class Console:
    """The operations, each in the module of its matter."""

    def __init__(self, store: Store, places: Places, background: Background) -> None:
        """Make the console's tables where they are missing."""
        with store.write() as db:
            metadata.create_all(db, tables=list(TABLES))
        judges = Judges(places)
        self._trials = Trials(store, places, background, judges)
        self._verdicts = Verdicts(store)
        self._labelled = Labelled(store, places, judges)
        self._thresholds = Thresholds(store, places)
        self._comparisons = Comparisons(store, places, background, judges)
        self._dashboard = Dashboard(store)

    def resume(self) -> None:
        """Take up what an earlier process of the engine did not finish."""
        self._trials.resume()

    def create_trial(self, request: _Request, call: Call) -> _Request:
        """CreateTrial."""
        return self._trials.create(request, call)

    def describe_trial(self, request: _Request, call: Call) -> _Request:
        """DescribeTrial."""
        return self._trials.describe(request, call)

    def list_trials(self, request: _Request, call: Call) -> _Request:
        """ListTrials."""
        return self._trials.list(request, call)

    def delete_trial(self, request: _Request, call: Call) -> _Request:
        """DeleteTrial."""
        return self._trials.delete(request, call)

    def detect_trial_image(self, request: _Request, call: Call) -> _Request:
        """DetectTrialImage."""
        return self._trials.detect(request, call)

    def list_trial_results(self, request: _Request, call: Call) -> _Request:
        """ListTrialResults."""
        return self._trials.results(request, call)

    def get_trial_picture(self, request: _Request, call: Call) -> _Request:
        """GetTrialPicture."""
        return self._trials.picture(request, call)

    def verify_trial_result(self, request: _Request, call: Call) -> _Request:
        """VerifyTrialResult."""
        return self._verdicts.verify(request, call)

    def add_verified_to_dataset(self, request: _Request, call: Call) -> _Request:
        """AddVerifiedToDataset."""
        return self._verdicts.add(request, call)

    def put_dataset_image(self, request: _Request, call: Call) -> _Request:
        """PutDatasetImage."""
        return self._labelled.put(request, call)

    def get_dataset_picture(self, request: _Request, call: Call) -> _Request:
        """GetDatasetPicture."""
        return self._labelled.picture(request, call)

    def get_model_evaluation(self, request: _Request, call: Call) -> _Request:
        """GetModelEvaluation."""
        return self._thresholds.evaluation(request, call)

    def update_model_threshold(self, request: _Request, call: Call) -> _Request:
        """UpdateModelThreshold."""
        return self._thresholds.update(request, call)

    def compare_models(self, request: _Request, call: Call) -> _Request:
        """CompareModels."""
        return self._comparisons.compare(request, call)

    def get_dashboard(self, request: _Request, call: Call) -> _Request:
        """GetDashboard."""
        return self._dashboard.get(request, call)
