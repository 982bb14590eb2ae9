"""Puts preferences into force: at the start, and whenever one is changed."""

from typing import Protocol, runtime_checkable

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QApplication

from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.preferences.declaration import Preferences, engine_variables
from interp_gui.gui.settings import Settings
from interp_gui.gui.state import AppState
from interp_gui.gui.theme import Theme

_RESTART = "restart-engine"
_EFFECTS = (
    Qt.UIEffect.UI_AnimateMenu,
    Qt.UIEffect.UI_FadeMenu,
    Qt.UIEffect.UI_AnimateCombo,
    Qt.UIEffect.UI_AnimateTooltip,
    Qt.UIEffect.UI_FadeTooltip,
    Qt.UIEffect.UI_AnimateToolBox,
)


@runtime_checkable
class EngineSettings(Protocol):
    """What of an engine's client can be set."""

    variables: dict[str, str]


class PreferenceKeeper(QObject):
    """Applies what can be applied at once, and starts the engine anew for the rest.

    Parameters
    ----------
    engine
        Its variables are set; None where there is no real engine.
    """

    def __init__(
        self,
        state: AppState,
        bridge: EngineBridge,
        theme: Theme,
        settings: Settings,
        engine: EngineSettings | None = None,
    ) -> None:
        super().__init__(state)
        self._state, self._bridge = state, bridge
        self._theme, self._settings, self._engine = theme, settings, engine
        self._variables = engine_variables(settings.preferences)
        self._told = ""
        settings.watch(self._on_change)
        bridge.ready.connect(lambda _hello: state.withdraw(_RESTART))
        self._apply(settings.preferences)

    def _apply(self, preferences: Preferences) -> None:
        if preferences.theme != self._theme.name:
            self._theme.choose(preferences.theme)
        self._theme.set_text_size(preferences.text_size_percent)
        self._bridge.confirm_after_s = preferences.confirm_after_s
        self._theme.set_still(preferences.reduced_motion)
        for effect in _EFFECTS:
            if preferences.reduced_motion:
                QApplication.setEffectEnabled(effect, False)
        QApplication.setCursorFlashTime(0 if preferences.reduced_motion else 1000)

    def _on_change(self) -> None:
        self._apply(self._settings.preferences)
        if self._settings.problem and self._settings.problem != self._told:
            self._told = self._settings.problem
            self._state.notify("warning", self._told, "What you set holds until you close.")
        variables = engine_variables(self._settings.preferences)
        if variables != self._variables:
            self._variables = variables
            self._renew_engine()

    def _renew_engine(self) -> None:
        """Start the engine with other variables; while it works, only when the user says so."""
        if self._engine is not None:
            self._engine.variables = dict(self._variables)
        if not self._bridge.active:
            self._bridge.restart()
            self._state.notify("info", "The engine starts anew with these settings.")
            return
        self._state.notify(
            "info",
            "The engine needs a new start for these settings.",
            "Jobs are running; they go on from their last state afterwards.",
            action="Restart now",
            on_action=self._bridge.restart,
            key=_RESTART,
        )
