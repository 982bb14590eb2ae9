"""Take a picture of every panel, view and dialog, to be looked at; nothing of it is kept.

python docs/make_gallery.py FOLDER [--themes light dark] [--sizes 1280x800 2560x1440]
    [--scales 100 150 200 250]

The real window with its real engine opens the Shapes sample, and goes through all that it has, in
both themes and several sizes. Beside the pictures it writes a contact sheet for each theme, size
and scale. Each scale is a process of its own, since Qt reads it once.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

PATIENCE_S = 120
QUIET_MS = 500
SHEET_PX, COLUMNS, ROWS = 480, 4, 5
NOT_HERE = frozenset(
    ("file.open_model", "file.open_images", "file.open_folder", "file.open_model_folder",
     "file.look", "file.import_table", "session.open", "session.save_as")
)  # fmt: skip
"""Commands that open the system's file dialog."""
OVER_THE_WINDOW = frozenset(("edit.find_anything",))


def main(words: Sequence[str] | None = None) -> int:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--themes", nargs="+", default=["light", "dark"])
    parser.add_argument("--sizes", nargs="+", default=["1280x800", "2560x1440"])
    parser.add_argument("--scales", nargs="+", type=int, default=[100])
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args(words)
    given.folder.mkdir(parents=True, exist_ok=True)
    if given.one:
        sizes = [tuple(int(number) for number in size.split("x")) for size in given.sizes]
        return _take(given.folder, given.themes, sizes, given.one)
    for scale in given.scales:
        own = {
            "QT_SCALE_FACTOR": str(scale / 100),
            "QT_SCALE_FACTOR_ROUNDING_POLICY": "PassThrough",
        }
        command = [
            sys.executable, __file__, str(given.folder), "--one", str(scale), "--themes",
            *given.themes, "--sizes", *given.sizes,
        ]  # fmt: skip
        subprocess.run(command, env={"QT_QPA_PLATFORM": "offscreen"} | os.environ | own, check=True)
    return 0


def _take(folder: Path, themes: list[str], sizes: list[tuple[int, ...]], scale: int) -> int:
    from interp_gui.engine.client import EngineClient
    from interp_gui.gui.relay import Relay

    relay = Relay()
    with tempfile.TemporaryDirectory() as own:
        os.environ["INTERP_GUI_CONFIG"] = f"{own}/config"
        os.environ["INTERP_GUI_DATA"] = f"{own}/data"
        client = EngineClient(on_event=relay)
        client.start()
        try:
            from PySide6.QtWidgets import QApplication

            from interp_gui.gui.main_window import MainWindow
            from interp_gui.gui.settings import Settings
            from interp_gui.gui.theme import Theme

            app = QApplication(sys.argv[:1])
            window = MainWindow(
                client, relay, settings=Settings(Path(own) / "config"), theme=Theme(app),
                ask_on_close=False,
            )  # fmt: skip
            try:
                Gallery(window, folder, scale).take(themes, sizes)
            finally:
                window.ask_on_close = False
                window.close()
                window.deleteLater()
                app.processEvents()
        finally:
            client.close()
    return 0


class Gallery:
    """Goes through the window."""

    def __init__(self, window: Any, folder: Path, scale: int) -> None:
        self.window, self.folder, self.scale = window, folder, scale
        self.where = folder
        self.shots: list[Path] = []

    def take(self, themes: list[str], sizes: list[tuple[int, ...]]) -> None:
        """Every stage in every theme and size; what was computed stays."""
        window = self.window
        window.show()
        self.wait(lambda: window.bridge.is_ready, "the engine")
        variants = [(theme, size) for theme in themes for size in sizes]
        for stage in (self.empty, self.furnished, self.dialogs):
            for theme, size in variants:
                self._turn(theme, size)
                stage()
        for theme, size in variants:
            self._turn(theme, size)
            _contact_sheet(self.where, sorted(self.where.glob("*.png")))

    def _turn(self, theme: str, size: tuple[int, ...]) -> None:
        width, height = size
        self.window.choose_theme(theme)
        self.window.resize(int(width * 100 / self.scale), int(height * 100 / self.scale))
        self.sleep(50)
        self.window.layout_.reset()
        self.where = self.folder / f"{theme}-{width}x{height}-{self.scale}"
        self.where.mkdir(exist_ok=True)
        self.sleep(150)

    # --- stages --------------------------------------------------------------------------------

    def empty(self) -> None:
        """Before anything is open."""
        from interp_gui.gui.guide.start import Guide

        self.window.centre.reset()
        self.sleep(100)
        self.shot("00-welcome", self.window)
        self.window.actions_["help.guided_start"].trigger()
        self.sleep(300)
        self.shot("01-guided-start", self.window)
        for guide in self.window.findChildren(Guide):
            guide.end()
        self._panels("empty")

    def furnished(self) -> None:
        """With the sample, in every view."""
        window, state = self.window, self.window.state
        if state.model is None:
            self._open()
        state.set_tab("image")
        self.rest()
        self.shot("20-window", window)
        self._panels("full")
        for tab in ("image", "wall", "unit", "atlas"):
            state.set_tab(tab)
            self.rest()
            self.shot(f"30-view-{tab}", window.centre)
        self._atlas()
        for analysis in sorted(window.bridge.analyses):
            window.centre.show_analysis(analysis)
            self.sleep(100)
            self.shot(f"31-analysis-{analysis}", window.centre)
        state.set_tab("wall")
        self.sleep(100)
        window.centre.open_beside("unit")
        self.rest()
        self.shot("32-split", window)
        window.centre.reset()
        self.rest()

    def _atlas(self) -> None:
        """A map, coloured by a class."""
        window, layer = self.window, self.window.state.layer
        window.centre.open_atlas("block4")
        tab: Any = window.centre.tab("atlas")
        if tab.looking.kept is None:
            tab.work.make(tab.request())
            self.wait(lambda: tab.work.outcome in ("finished", "failed"), "the map")
        tab.sidebar.colours.choose_class("1")
        tab.canvas.selected.emit(tab.looking.kept.atlas.levels[0].examples[0][:1])
        self.rest()
        tab.canvas.finish()
        self.shot("33-atlas", window)
        window.state.set_layer(layer)

    def _open(self) -> None:
        window, state = self.window, self.window.state
        window.files.samples.open("shapes")
        self.wait(lambda: state.model is not None and state.dataset is not None, "the sample")
        self.rest()
        model = state.model
        layers = [layer.name for layer in model.description.layers if layer.worthwhile]
        state.set_layer(layers[len(layers) // 2])
        state.set_image(state.dataset.paths[3])
        self.rest()
        from interp_gui.core.feature import Feature
        from interp_gui.gui.shelf import shelf_of

        found = [
            Feature.resolve(f"{state.layer}:{unit}", model.description) for unit in (1, 4, 7)
        ]  # fmt: skip
        state.open_feature(found[1])
        self.rest()
        state.set_tab("wall")
        self.rest()
        wall: Any = window.centre.tab("wall")
        pictures = {card.title: card.main for card in wall.list.cards}
        shelf_of(state).collect(tuple(found), [pictures.get(str(unit)) for unit in (1, 4, 7)])
        view: Any = window.centre.tab("unit")
        from interp_gui.gui.report.kept import kept_of

        picture = view.panel.picture
        if picture.result is not None and picture.recipe is not None:
            kept_of(state).keep(picture.result, picture.recipe)
        self.rest()

    def _panels(self, how: str) -> None:
        window = self.window
        for name, dock in window.docks.items():
            dock.raise_()
            self.sleep(60)
            self.shot(f"10-panel-{name}-{how}", dock)
            if name == "model":
                for index in range(1, window.model_panel.tabs.count()):
                    window.model_panel.tabs.setCurrentIndex(index)
                    self.sleep(60)
                    self.shot(f"10-panel-{name}-{how}-{index}", dock)
                window.model_panel.tabs.setCurrentIndex(0)
        window.docks["shelf"].raise_()

    def dialogs(self) -> None:
        """Every dialog that a command opens, and every menu."""
        window = self.window
        for spec in list(window.actions_.specs):
            action = window.actions_[spec.id]
            title = action.text()
            if not title.endswith("…") or not action.isEnabled() or spec.id in NOT_HERE:
                continue
            action.trigger()
            self.sleep(700)
            if spec.id in OVER_THE_WINDOW:
                window.toasts.clear()
                self.shot(f"40-dialog-{spec.id}", window)
                action.trigger()
            self._take_dialogs(f"40-dialog-{spec.id}")
        self._own_dialogs()
        for menu in window.menuBar().actions():
            shown = menu.menu()
            shown.popup(window.mapToGlobal(window.rect().topLeft()))
            self.sleep(80)
            self.shot(f"50-menu-{menu.text().replace('&', '')}", shown)
            shown.close()
        state = window.state
        state.notify("success", "Wrote picture.png.")
        state.notify("warning", "The file 'a.png' is no image.", "It was left out.")
        state.notify("error", "The checkpoint cannot be read.", "Download it again.", "details")
        self.sleep(400)
        self.shot("60-toasts", window)
        window.toasts.clear()

    def _own_dialogs(self) -> None:
        """Dialogs that something else than a command opens."""
        window, state = self.window, self.window.state
        paths = state.dataset.paths[:24]
        with tempfile.TemporaryDirectory(prefix="pictures-") as folder:
            table = Path(folder) / "pictures.csv"
            for path in paths:
                shutil.copy(path, folder)
            names = [Path(path).name for path in paths]
            rows = (f"{name},{name.split('-')[0]},{i % 4}" for i, name in enumerate(names))
            table.write_text("\n".join(["path,label,group", *rows]), encoding="utf-8")
            window.datasets.import_table(str(table))
            self.wait(lambda: _is_read(window), "the table to be read")
            self.sleep(200)
            self._take_dialogs("41-import-table")
        state.set_tab("unit")
        self.rest()
        window.centre.tab("unit").export_page()
        self.sleep(300)
        self._take_dialogs("42-export")
        state.set_tab("image")
        for name, dialog in _questions(window):
            dialog.show()
            self.sleep(200)
            self._take_dialogs(f"43-{name}")

    def _take_dialogs(self, name: str) -> None:
        for number, top in enumerate(_dialogs()):
            _hide_paths(top)
            self.shot(f"{name}{'-' * number}", top)
            top.close()

    # --- means ---------------------------------------------------------------------------------

    def shot(self, name: str, widget: Any) -> None:
        """Keep a picture of a widget."""
        widget.grab().save(str(self.where / f"{name}.png"))

    def rest(self) -> None:
        """Wait until nothing has been computed for a while."""
        self.sleep(QUIET_MS)
        self.wait(lambda: all(row.over for row in self.window.bridge.jobs.values()), "the jobs")
        self.sleep(200)

    def wait(self, until: Callable[[], bool], what: str) -> None:
        """Wait for something."""
        deadline = time.monotonic() + PATIENCE_S
        while not until():
            if time.monotonic() > deadline:
                raise SystemExit(f"The gallery waited in vain for {what}.")
            self.sleep(50)

    def sleep(self, delay_ms: int) -> None:
        """Let the window work for a while."""
        from PySide6.QtCore import QEventLoop, QTimer

        loop = QEventLoop()
        QTimer.singleShot(delay_ms, loop.quit)
        loop.exec()


def _is_read(window: Any) -> bool:
    """Whether the dialog that imports a table has read it."""
    from interp_gui.gui.datasets.csv_dialog import CsvDialog

    return any(dialog.import_button.isEnabled() for dialog in window.findChildren(CsvDialog))


def _questions(window: Any) -> Iterator[tuple[str, Any]]:
    """What is asked about model files, with made-up ones."""
    from interp_gui.core.opening import (
        Candidate,
        FileReport,
        ForeignName,
        HeadQuestion,
        KeyReport,
        OpenChoice,
        OpenQuestion,
        ReshapedKey,
    )
    from interp_gui.gui.opening.code_dialog import CodeDialog, CodeFile
    from interp_gui.gui.opening.file_dialog import FileDialog
    from interp_gui.gui.opening.question_dialog import OpenQuestionDialog

    sees = "224 × 224, shorter side to 256, cut, bilinear"
    candidates = (
        Candidate(
            architecture="resnet50", library="torchvision", same=("timm:resnet50",), input=sees,
            why="the file's name names it",
        ),
        Candidate(
            architecture="resnetblur50", library="timm", input=sees,
            differs=("stride 1 instead of 2 in 7 convolutions", "blurs before it strides"),
            why="timm's resnetblur50 takes all of its tensors",
        ),
    )  # fmt: skip
    nearest = KeyReport(
        architecture="resnet50", library="torchvision", missing=("fc.bias",), likeness=0.97,
        unexpected=("extra.weight",),
        reshaped=(ReshapedKey(key="conv1.weight", found=(64, 3, 3, 3), expected=(64, 3, 7, 7)),),
    )  # fmt: skip
    head = HeadQuestion(
        layers=("Linear 512 → 128", "?", "Linear 128 → 3"), gaps=(1,), options=("relu", "gelu")
    )
    asked = OpenQuestion(path="n.pth", file="resnet50_birds.pth", candidates=candidates)
    own = OpenChoice(architecture="torchvision:resnet18")
    for name, question in (
        ("which-network", asked),
        ("no-network", OpenQuestion(path="net.pth", file="net.pth", nearest=(nearest,), code=True)),
        ("head", OpenQuestion(path="net.pth", file="net.pth", head=head, choice=own)),
        ("weights", OpenQuestion(path="net.pth", file="net.pth", weights=("model", "model_ema"))),
    ):
        yield name, OpenQuestionDialog(question, window)
    report = FileReport(
        path="net.pth", title="PyTorch weights", size_bytes=44_800_000, needed_bytes=89_600_000,
        free_bytes=8_000_000_000, sha256="ab" * 32, concerns=("foreign-code",),
        foreign=(ForeignName(name="posix.system", dangerous=True), ForeignName(name="net.Net")),
    )  # fmt: skip
    yield "file", FileDialog(report, window)
    source = "import torch\n\n\nclass Net(torch.nn.Module):\n    ...\n"
    yield "code", CodeDialog(CodeFile("net.py", source, "cd" * 32, ("Net",)), "net.pth", window)


def _dialogs() -> Iterator[Any]:
    from PySide6.QtCore import Qt
    from PySide6.QtWidgets import QApplication, QMainWindow, QMenu

    for widget in QApplication.topLevelWidgets():
        kinds = (Qt.WindowType.Dialog, Qt.WindowType.Popup, Qt.WindowType.Window)
        own = widget.isVisible() and not isinstance(widget, QMainWindow | QMenu)
        if own and widget.windowType() in kinds:
            yield widget


def _hide_paths(top: Any) -> None:
    """Show no path of the machine that the pictures are taken on."""
    from PySide6.QtCore import QSignalBlocker
    from PySide6.QtWidgets import QLabel, QLineEdit

    for field in (*top.findChildren(QLineEdit), *top.findChildren(QLabel)):
        if field.text().startswith(os.sep):
            with QSignalBlocker(field):
                field.setText("/home/me/pictures")


def _contact_sheet(folder: Path, paths: list[Path]) -> None:
    cells = [path for path in paths if not path.name.startswith("sheet")]
    for at in range(0, len(cells), COLUMNS * ROWS):
        _sheet(folder / f"sheet-{at // (COLUMNS * ROWS)}.png", cells[at : at + COLUMNS * ROWS])


def _sheet(target: Path, cells: list[Path]) -> None:
    from PIL import Image, ImageDraw

    height = SHEET_PX * 3 // 4
    rows = -(-len(cells) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * SHEET_PX, rows * (height + 20)), "#808080")
    draw = ImageDraw.Draw(sheet)
    for at, path in enumerate(cells):
        x, y = at % COLUMNS * SHEET_PX, at // COLUMNS * (height + 20)
        picture = Image.open(path).convert("RGB")
        picture.thumbnail((SHEET_PX - 8, height - 4))
        sheet.paste(picture, (x + 4, y + 18))
        draw.text((x + 4, y + 3), path.stem, fill="white")
    sheet.save(target)


if __name__ == "__main__":
    sys.exit(main())
