"""Starting the window: the engine's process first, then Qt, then the files that were named."""

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import TYPE_CHECKING

from interp_gui.core.errors import MissingAbility
from interp_gui.engine.client import EngineClient
from interp_gui.gui.preferences.declaration import engine_variables
from interp_gui.gui.relay import Relay
from interp_gui.gui.settings import Settings
from interp_gui.gui.trouble.crash import CrashReport, CrashWatch

if TYPE_CHECKING:
    from PySide6.QtWidgets import QDialog

    from interp_gui.gui.main_window import MainWindow


def run(paths: Sequence[str], *, safe_mode: bool = False, demo: bool = False) -> int:
    """Open the window and stay until it is closed; return the exit code.

    Parameters
    ----------
    paths
        Checkpoints, images and folders to open.
    safe_mode
        Without plugins and with the default layout.
    demo
        Open the sample model and photographs.

    Raises
    ------
    MissingAbility
        There is no display.
    """
    _check_display()
    relay = Relay()
    settings = Settings()
    client = EngineClient(
        on_event=relay, safe_mode=safe_mode, variables=engine_variables(settings.preferences)
    )
    client.start()
    crashes = CrashWatch()
    try:
        return _run_window(
            client, relay, settings, crashes, list(paths), safe_mode=safe_mode, demo=demo
        )
    finally:
        client.close()
        crashes.close()


def _run_window(
    client: EngineClient,
    relay: Relay,
    settings: Settings,
    crashes: CrashWatch,
    paths: list[str],
    *,
    safe_mode: bool,
    demo: bool,
) -> int:
    # Qt is imported here, while the engine imports torch in its own process.
    from PySide6.QtCore import Qt
    from PySide6.QtWidgets import QApplication

    from interp_gui.gui.accessible import AccessibleFactory
    from interp_gui.gui.collector import MainThreadCollector
    from interp_gui.gui.main_window import MainWindow
    from interp_gui.gui.theme import Theme
    from interp_gui.gui.trouble.problems import ProblemCatcher

    if settings.preferences.software_rendering:
        os.environ.setdefault("LIBGL_ALWAYS_SOFTWARE", "1")
        QApplication.setAttribute(Qt.ApplicationAttribute.AA_UseSoftwareOpenGL)
    existing = QApplication.instance()
    app = existing if isinstance(existing, QApplication) else QApplication(sys.argv[:1])
    accessible = AccessibleFactory()
    app.setApplicationName("interp-gui")
    app.setDesktopFileName("interp-gui")
    if safe_mode:
        settings.forget_layout()
    window = MainWindow(client, relay, settings=settings, theme=Theme(app))
    problems = ProblemCatcher(window.state, window.bridge)
    collector = MainThreadCollector(window)
    window.closed.connect(app.quit)
    if settings.problem:
        window.state.notify("warning", settings.problem)
    if paths:
        window.painted.connect(lambda: window.files.open(paths))
    window.painted.connect(lambda: _tell_of_the_last_run(window, crashes))
    if demo:
        window.painted.connect(window.files.open_sample)
    window.show()

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        window.ask_on_close = False
        window.sessions.keep_recovery()
        window.close()

    # Python sees the signal when the collector's timer next calls into it.
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        return app.exec()
    finally:
        signal.signal(signal.SIGINT, before)
        collector.close()
        problems.close()
        accessible.close()
        window.deleteLater()
        app.processEvents()


def _tell_of_the_last_run(window: "MainWindow", crashes: CrashWatch) -> None:
    """First give back what was open, then say what happened."""

    def show(reports: Sequence[CrashReport]) -> None:
        from interp_gui.gui.trouble.crash_dialog import CrashDialog

        if reports:
            CrashDialog(reports, window).open()

    def tell(asked: "QDialog | None" = None) -> None:
        if asked is None:
            window.background.run(crashes.reports, show)
        else:
            asked.finished.connect(lambda _: tell())

    window.sessions.offer_recovery().offered.connect(tell)


def _check_display() -> None:
    named = os.environ.get("QT_QPA_PLATFORM")
    seen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if sys.platform.startswith("linux") and not named and not seen:
        raise MissingAbility(
            "There is no display to open a window on.",
            hint="Use the commands (`interp-gui --help`), or `interp-gui demo --headless`.",
        )
