"""What the toolbar holds beside buttons: the device and the engine's state."""

import re

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from interp_gui.engine.messages import EngineLost, Heartbeat, Hello, Reopening
from interp_gui.gui import icons, parts, theme
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.jobs.row import total_text
from interp_gui.gui.panels.facts import RUNTIMES, runtime_text
from interp_gui.gui.state import AppState, Level


class Badge(QWidget):
    """A dot or a sign with a few words."""

    accessible_role = "StatusBar"

    def __init__(self, name: str, icon: str = "") -> None:
        super().__init__()
        self._name = name
        self.setAccessibleName(name)
        self.setAccessibleDescription("What the models are computed on" if icon else name)
        self._icon = icon
        self._level: Level = "info"
        self.text = QLabel()
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        layout = parts.row(spacing=theme.SPACE_S)
        layout.setContentsMargins(22, 0, theme.SPACE_M, 0)
        self.setLayout(layout)
        layout.addWidget(self.text)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)

    def show_state(self, text: str, tooltip: str, level: Level = "info") -> None:
        """Set words, explanation and colour."""
        self.text.setText(text)
        self.setToolTip(tooltip)
        self.setAccessibleName(f"{self._name}: {text}")
        self.setAccessibleDescription(tooltip)
        self._level = level
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = self.height() // 2
        if self._icon:
            colour = theme.dim_colour(self.palette())
            ratio = self.devicePixelRatioF()
            picture = icons.draw(self._icon, QSize(16, 16) * ratio, colour)
            picture.setDevicePixelRatio(ratio)
            painter.drawPixmap(2, middle - 8, picture)
        else:
            painter.setPen(Qt.PenStyle.NoPen)
            colour = theme.level_colour(self._level, dark=theme.is_dark(self.palette()))
            painter.setBrush(QColor(colour))
            painter.drawEllipse(8, middle - 4, 8, 8)
        painter.end()


class EngineBadge(Badge):
    """Whether the engine is starting, ready, busy or lost."""

    def __init__(self, bridge: EngineBridge) -> None:
        super().__init__("Engine")
        self._bridge = bridge
        self._memory = ""
        bridge.ready.connect(lambda _hello: self._follow())
        bridge.job_changed.connect(lambda _row: self._follow())
        bridge.reopening.connect(self._follow)
        bridge.lost.connect(self._on_lost)
        bridge.restarting.connect(self._on_restart)
        bridge.beat.connect(self._on_beat)
        self.show_state(
            "Engine starting…", "What you open now is shown when the engine is ready.", "warning"
        )

    def _follow(self) -> None:
        if not self._bridge.is_ready:
            return
        again = reopening_text(self._bridge.reopened)
        if again:
            tip = "A new engine opens what was open. What you ask of a model opens it first."
            self.show_state(again, tip, "warning")
            return
        jobs = total_text(self._bridge.active)
        level: Level = "info" if jobs else "success"
        self.show_state(jobs or "Ready", f"{self._doing()}{self._memory}", level)

    def _doing(self) -> str:
        """What the job that runs is at, as one sentence."""
        running = next((row for row in self._bridge.active if row.state == "running"), None)
        if running is None:
            return "The engine is ready."
        doing = running.progress.text
        return f"{running.title}: {doing}." if doing else f"{running.title}."

    def _on_beat(self, beat: Heartbeat) -> None:
        if beat.memory_bytes:
            self._memory = f" It uses {beat.memory_bytes / 2**30:.1f} GiB of memory."
            self._follow()

    def _on_restart(self) -> None:
        self.show_state("Engine restarting…", "What you open now waits for it.", "warning")

    def _on_lost(self, lost: EngineLost) -> None:
        if lost.respawning:
            self.show_state("Engine restarting…", lost.reason, "warning")
        else:
            self.show_state("Engine stopped", f"{lost.reason} Restart it from Help.", "error")


def reopening_text(now: Reopening) -> str:
    """Which of the models that were open is opened again; empty where none is."""
    if not now.model:
        return ""
    return f"Reopening {now.name} ({now.at} of {now.count})…"


class DeviceBadge(Badge):
    """Where the model runs, and why there."""

    def __init__(self, bridge: EngineBridge, state: AppState) -> None:
        super().__init__("Device", "device")
        self._state = state
        self._engine = ("", "")
        self._reason = ""
        self.setVisible(False)
        bridge.ready.connect(self._on_ready)
        state.model_changed.connect(self._tell)
        state.model_described.connect(self._tell)

    def _on_ready(self, hello: Hello) -> None:
        name = "CPU" if hello.device == "cpu" else hello.device.upper()
        tip = f"{name} · {hello.device_reason}" if hello.device_reason else name
        self._engine, self._reason = (name, tip), hello.device_reason
        self._tell()
        self.setVisible(True)

    def _tell(self) -> None:
        """What the current model runs on, or what the engine would use."""
        name, tip = self._engine
        model = self._state.model.description if self._state.model is not None else None
        if model is not None and (model.runtime != "torch" or model.runtime_reason):
            tip = runtime_text(model)
            if tip.startswith(RUNTIMES["onnx"]):  # "ONNX Runtime on the CPU: why there"
                name = re.split(r"[:.,(]", tip)[0].strip()
            if tip == f"{name}." and name.endswith("CPU") and self._reason:
                tip = f"{name}: {self._reason}"  # the session was asked for nothing else
        self.show_state(name, tip)
