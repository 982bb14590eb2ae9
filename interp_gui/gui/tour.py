"""The five-minute tour of the README, taken by the program itself and kept as pictures.

It drives the real window with its real engine, without a display. The demo uses it where there is
none, and the guide's screenshots are made by it.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from interp_gui.core.errors import InterpError, MissingAbility
from interp_gui.core.feature import Feature
from interp_gui.samples import mobilenet_path

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from interp_gui.gui.atlas.tab import AtlasTab
    from interp_gui.gui.main_window import MainWindow
    from interp_gui.gui.tabs.image_tab import ImageTab
    from interp_gui.gui.tabs.unit_page import UnitPage
    from interp_gui.gui.tabs.wall import LayerWall

PATIENCE_S = 600
QUIET_MS = 600
PHOTOGRAPH, PLACE = "chelsea", (0.42, 0.5)
WALL_LAYER, UNIT = "features.14", "features.18:725"
SHEET_UNITS = 16


def run_tour(
    folder: str | os.PathLike[str],
    *,
    theme: Literal["light", "dark"] = "light",
    size: tuple[int, int] = (1440, 900),
    say: Callable[[str], None] | None = None,
) -> int:
    """Take the tour and write its pictures into `folder`; return the exit code.

    Parameters
    ----------
    theme
        Colours of the window.
    size
        Width and height of the window in pixels.
    say
        Told one line a stop; standard error by default.

    Raises
    ------
    FileProblem
        The sample model is not on this machine.
    MissingAbility
        Something did not come to an end within ten minutes.
    """
    mobilenet_path()  # without the sample there is no tour: said before anything is started
    tell = say or (lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    in_window(lambda window: Tour(window, target, tell).take(theme, size))
    return 0


def in_window(act: Callable[["MainWindow"], object]) -> None:
    """Do something with a window of its own and a real engine; no display is needed."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from interp_gui.engine.client import EngineClient
    from interp_gui.gui.relay import Relay

    relay = Relay()
    client = EngineClient(on_event=relay)
    client.start()
    try:
        from PySide6.QtWidgets import QApplication

        from interp_gui.gui.main_window import MainWindow
        from interp_gui.gui.settings import Settings
        from interp_gui.gui.theme import Theme

        existing = QApplication.instance()
        app = existing if isinstance(existing, QApplication) else QApplication(sys.argv[:1])
        with tempfile.TemporaryDirectory() as own:
            # Layout and recent files of the person are left alone.
            window = MainWindow(
                client, relay, settings=Settings(Path(own)), theme=Theme(app), ask_on_close=False
            )
            try:
                act(window)
            finally:
                window.close()
                window.deleteLater()
                app.processEvents()
    finally:
        client.close()


class Tour:
    """The stops of the tour."""

    def __init__(self, window: "MainWindow", folder: Path, tell: Callable[[str], None]) -> None:
        self._window = window
        self._folder = folder
        self._tell = tell
        self._count = 0

    def take(self, theme: Literal["light", "dark"], size: tuple[int, int]) -> None:
        """Take all stops in order."""
        window, state = self._window, self._window.state
        window.choose_theme(theme)
        window.resize(*size)
        window.show()
        window.bridge.lost.connect(lambda lost: self._tell(f"engine: {lost.reason}"))
        problems: list[str] = []
        state.notified.connect(lambda note: problems.append(f"{note.level}: {note.message}"))
        self._wait(lambda: window.bridge.is_ready, "the engine")
        self._shot("welcome", "an empty window says what to do")
        window.files.open_sample()
        self._wait(lambda: state.model is not None, "the sample model")
        self._wait(lambda: state.dataset is not None, "the photographs")
        self._photograph()
        self._wall()
        self._unit()
        self._atlas()
        self._grad_cam()
        for problem in problems:
            if not problem.startswith(("info", "success")):
                self._tell(problem)

    # --- stops ---------------------------------------------------------------------------------

    def _photograph(self) -> None:
        state = self._window.state
        dataset = state.dataset
        assert dataset is not None
        named = [path for path in dataset.paths if PHOTOGRAPH in os.path.basename(path)]
        state.set_image(named[0] if named else dataset.paths[0])
        state.set_layer(WALL_LAYER)
        state.set_tab("image")
        tab = self._tab("image")
        self._rest()
        self._brush(tab)
        self._rest()
        self._shot("why-this-answer", "the units that respond at a place, confirmed by ablation")
        key = tab.list.cards[0].key
        tab.list.set_current(key)
        self._rest()
        self._shot("activation-map", "where one of them responds")

    def _brush(self, tab: "ImageTab") -> None:
        from PySide6.QtCore import QPointF

        shown = tab.canvas.image_rect()
        click(
            tab.canvas,
            QPointF(shown.x() + PLACE[0] * shown.width(), shown.y() + PLACE[1] * shown.height()),
        )

    def _wall(self) -> None:
        state = self._window.state
        state.set_tab("wall")
        wall: LayerWall = self._tab("wall")
        self._rest()
        self._shot("wall", "every unit with its real examples")
        wall.filter.setText(f"0-{SHEET_UNITS - 1}")
        self._rest()
        wall.optimise.setChecked(True)
        self._rest()
        self._shot("wall-optimised", "with the pictures that drive them")
        wall.optimise.setChecked(False)
        wall.list.select_all()
        self._export_sheet(wall)
        wall.filter.clear()

    def _atlas(self) -> None:
        from interp_gui.gui.atlas.selection import cell_of

        state = self._window.state
        state.set_layer(WALL_LAYER)
        state.set_tab("atlas")
        tab: AtlasTab = self._tab("atlas")
        self._wait(tab.make.isEnabled, "the atlas can be made")
        request = tab.request()
        assert request is not None
        tab.work.make(request)  # unasked, however long it takes
        self._wait(lambda: tab.work.outcome in ("finished", "failed"), "the atlas")
        self._rest()
        kept = tab.looking.kept
        if kept is not None and kept.atlas.levels:
            level = kept.atlas.level(tab.canvas.side)
            fullest = int(level.count.argmax())
            tab.looking.choose(cell_of(kept.atlas, level.side, fullest))
            self._rest()
            tab.canvas.finish()
        self._shot("atlas", "a whole layer as a map of what it sees")

    def _export_sheet(self, wall: "LayerWall") -> None:
        from interp_gui.core.export import export_result
        from interp_gui.gui.export_ui import sheet

        shown = wall.exportables(wall.list.selected_keys())
        made = sheet(f"Units of {WALL_LAYER}", shown)
        path = self._folder / "contact-sheet.png"
        export_result(made.result, path, recipe=made.recipe)
        self._tell(f"{path.name}: the same units as one contact sheet")

    def _unit(self) -> None:
        from interp_gui.core.export import export_result

        state = self._window.state
        model = state.model
        assert model is not None
        feature = Feature.resolve(UNIT, model.description)
        state.open_feature(feature)
        self._rest()
        self._shot("unit", "one unit: optimised picture, real examples, figures")
        page: UnitPage = self._tab("unit")
        view = page.panel.picture
        if view.result is not None:
            for suffix in ("png", "svg", "pdf"):
                path = self._folder / f"unit-picture.{suffix}"
                export_result(view.result, path, recipe=view.recipe)
            self._tell("unit-picture.png, .svg, .pdf: that picture, with its recipe inside")

    def _grad_cam(self) -> None:
        state = self._window.state
        state.set_layer("features.18")
        self._window.centre.show_analysis("grad-cam")
        tab: Any = self._window.centre.tab("analysis:grad-cam")
        if tab is None:
            self._tell("the plugin interp-gui-cnn is not installed: no Grad-CAM")
            return
        self._rest()
        tab.run()
        self._rest()
        self._shot("grad-cam", "an analysis that a plugin brought, from its declaration alone")

    # --- means ---------------------------------------------------------------------------------

    def _tab(self, name: str) -> Any:
        tab = self._window.centre.tab(name)
        assert tab is not None
        return tab

    def _rest(self) -> None:
        """Wait until nothing has been computed for a while."""
        self._sleep(QUIET_MS)
        self._wait(self._idle, "the jobs")

    def _idle(self) -> bool:
        def over() -> bool:
            return all(row.over for row in self._window.bridge.jobs.values())

        if not over():
            return False
        self._sleep(QUIET_MS)
        return over()

    def _wait(self, until: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not until():
            if time.monotonic() > deadline:
                raise MissingAbility(
                    f"The tour waited in vain for {what}.",
                    hint="Run 'interp-gui doctor' to see what is missing.",
                )
            self._sleep(50)

    def _sleep(self, delay_ms: int) -> None:
        from PySide6.QtCore import QEventLoop, QTimer

        loop = QEventLoop()
        QTimer.singleShot(delay_ms, loop.quit)
        loop.exec()

    def _shot(self, name: str, words: str, shown: "QWidget | None" = None) -> None:
        self._window.toasts.clear()
        self._sleep(50)
        self._count += 1
        path = self._folder / f"{self._count:02d}-{name}.png"
        if not (shown or self._window).grab().save(str(path)):
            raise InterpError(f"'{path}' cannot be written.", hint="Choose another folder.")
        self._tell(f"{path.name}: {words}")


def click(widget: "QWidget", where: "object") -> None:
    """Press and release the left button on a widget, as a person would."""
    from PySide6.QtCore import QEvent, QPointF, Qt
    from PySide6.QtGui import QMouseEvent
    from PySide6.QtWidgets import QApplication

    assert isinstance(where, QPointF)
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    strokes = ((QEvent.Type.MouseButtonPress, left), (QEvent.Type.MouseButtonRelease, none))
    for kind, buttons in strokes:
        event = QMouseEvent(
            kind, where, QPointF(widget.mapToGlobal(where.toPoint())), left, buttons,
            Qt.KeyboardModifier.NoModifier,
        )  # fmt: skip
        QApplication.sendEvent(widget, event)
