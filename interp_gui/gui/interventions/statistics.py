"""How strongly features occur in the images at hand: asked of the engine once, then known."""

from collections.abc import Iterable

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal

from interp_gui.core.analysis import Inputs
from interp_gui.core.errors import InterpError
from interp_gui.core.feature import Feature
from interp_gui.core.interventions.statistics import FeatureStatistics
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult, Table
from interp_gui.engine.messages import Ended, Run
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.state import AppState, OpenModelState

ANALYSIS = "feature-statistics"
MOST_KEPT = 512
Key = tuple[str, Feature]


class StatisticsBook(QObject):
    """What is known of features over the images at hand, by dataset.

    Signals
    -------
    changed
        More is known, or it is known that something cannot be.
    """

    changed = Signal()

    def __init__(self, state: AppState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._bridge: EngineBridge | None = None
        self._known: dict[Key, FeatureStatistics] = {}
        self._problems: dict[Key, str] = {}
        self._wanted: dict[Feature, None] = {}
        self._asked: tuple[Feature, ...] = ()
        self._dataset = ""
        self._job: int | None = None
        # Several features of one drop are one pass over the images.
        self._later = QTimer(self, singleShot=True, interval=0)
        self._later.timeout.connect(self._ask)
        state.dataset_changed.connect(self._later.start)
        state.model_changed.connect(self._later.start)

    def attach(self, bridge: EngineBridge) -> None:
        """Say whom to ask."""
        self._bridge = bridge
        bridge.ready.connect(self._on_ready)

    @property
    def is_possible(self) -> bool:
        """Whether there are images at hand."""
        return bool(self._state.dataset_handle)

    def of(self, feature: Feature) -> FeatureStatistics | None:
        """What is known of a feature over the images at hand."""
        return self._known.get(self._key(feature))

    def problem_of(self, feature: Feature) -> str:
        """Why nothing can be known of a feature; empty where that is not known."""
        return self._problems.get(self._key(feature), "")

    def want(self, features: Iterable[Feature]) -> None:
        """Ask for what is not known yet."""
        for feature in features:
            key = self._key(feature)
            if key not in self._known and key not in self._problems:
                self._wanted[key[1]] = None
        if self._wanted:
            self._later.start()

    def _on_ready(self, _hello: object) -> None:
        self._problems.clear()  # a new engine may know what the old one died of
        self._later.start()

    # --- asking --------------------------------------------------------------------------------

    def _key(self, feature: Feature) -> Key:
        model = self._state.model
        own = feature.model or (model.description.weights_sha256 if model is not None else "")
        return self._state.dataset_handle, msgspec.structs.replace(feature, name="", model=own)

    def _ask(self) -> None:
        """Ask for all that is wanted of one model, once nothing else is being asked."""
        bridge, dataset = self._bridge, self._state.dataset_handle
        if bridge is None or not bridge.is_ready or not dataset or self._job is not None:
            return
        if ANALYSIS not in bridge.analyses:
            return
        wanted = [feature for feature in self._wanted if (dataset, feature) not in self._known]
        self._wanted = dict.fromkeys(wanted)
        for feature in wanted:
            model = self._model_of(feature)
            if model is not None:
                mine = tuple(each for each in wanted if each.model == feature.model)
                self._run(bridge, model, mine)
                return

    def _model_of(self, feature: Feature) -> OpenModelState | None:
        models = self._state.models
        return next((m for m in models if m.description.weights_sha256 == feature.model), None)

    def _run(
        self, bridge: EngineBridge, model: OpenModelState, features: tuple[Feature, ...]
    ) -> None:
        self._asked, self._dataset = features, self._state.dataset_handle
        for feature in features:
            self._wanted.pop(feature, None)
        self._job = bridge.run(
            Run(
                analysis=ANALYSIS, model=model.handle, dataset=self._dataset,
                inputs=Inputs(features=features, layer=features[0].layer),
            ),
            priority="visible", title="How strong features are in the images",
            on_result=self._on_result, on_end=self._on_end,
        )  # fmt: skip

    def _on_result(self, result: AnyResult, _recipe: Recipe | None) -> None:
        if not isinstance(result, Table) or "statistics" not in result.provenance:
            return
        try:
            found = msgspec.convert(
                result.provenance["statistics"], tuple[FeatureStatistics, ...], strict=False
            )
        except (msgspec.ValidationError, InterpError):
            return
        for feature, known in zip(self._asked, found, strict=False):
            self._known[self._dataset, feature] = known
        while len(self._known) > MOST_KEPT:
            self._known.pop(next(iter(self._known)))
        self.changed.emit()

    def _on_end(self, ended: Ended) -> None:
        asked, self._job, self._asked = self._asked, None, ()
        lacking = [f for f in asked if (self._dataset, f) not in self._known]
        if ended.error is not None and len(lacking) > 1:
            # One of them is at fault: ask for each by itself, and the others are known.
            self._run_alone(lacking)
            return
        reason = ended.error.message if ended.error is not None else "It was cancelled."
        for feature in lacking:
            self._problems[self._dataset, feature] = reason
        if lacking:
            self.changed.emit()
        self._later.start()

    def _run_alone(self, features: list[Feature]) -> None:
        first, *others = features
        model = self._model_of(first)
        self._wanted = dict.fromkeys((*others, *self._wanted))
        if self._bridge is not None and model is not None:
            self._run(self._bridge, model, (first,))
