"""Make the pictures of docs/investigation.md: one question put to a model, from opening to report.

python docs/make_investigation.py [FOLDER] [--theme dark]

The real window with its real engine opens the sample that was taught a shortcut, finds the units
that carry it, switches them off, confirms that over images, bakes the change and opens the baked
file. It takes two minutes, without a display. Figures of the page are printed as it goes.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from PySide6.QtCore import QPointF
from PySide6.QtWidgets import QApplication, QScrollArea, QWidget

from interp_gui.core.examples import Example
from interp_gui.core.feature import Feature
from interp_gui.gui.commands.report import show_report
from interp_gui.gui.concepts.collected import WITH, WITHOUT, concept_examples_of
from interp_gui.gui.datasets.class_dialog import ClassDialog
from interp_gui.gui.datasets.csv_dialog import CsvDialog
from interp_gui.gui.interventions.bake_dialog import BakeDialog
from interp_gui.gui.interventions.live import live_of
from interp_gui.gui.interventions.model import interventions_of
from interp_gui.gui.output.watched import watch
from interp_gui.gui.report.dialog import ReportDialog
from interp_gui.gui.report.keeping import keep_all
from interp_gui.gui.tour import Tour, click, in_window
from interp_gui.samples import shapes_model
from interp_gui.samples.shapes.dataset import write_dataset
from interp_gui.samples.shapes.scenes import Spec, Spurious

IMAGES = Path(__file__).parent / "images" / "investigation"
SIZE = (1440, 900)
PICTURE, LAYER = "triangle-00107", "block5"
MARKER_PLACE = (0.13, 0.13)
"""Middle of the marker, as shares of the image's width and height."""
FIRST, MORE = 8, (68, 87, 6, 84, 90, 21, 62)
"""Units of the layer, in the order in which the ranking of the marker's place lists them."""


class Walk(Tour):
    """The stops of the page."""

    def walk(self, theme: Any, size: tuple[int, int], scenes: Path) -> None:
        """Take all of them."""
        window, state = self._window, self._window.state
        window.choose_theme(theme)
        window.resize(*size)
        window.show()
        self._wait(lambda: window.bridge.is_ready, "the engine")
        window.files.open([str(shapes_model(marker=True))])
        self._wait(lambda: state.model is not None, "the model")
        window.datasets.import_table(str(scenes / "labels.csv"))
        self._accept(CsvDialog, "import_button")
        self._wait(lambda: state.dataset is not None, "the images")
        window.datasets.classes.open()
        self._accept(ClassDialog, "accept_button")
        self._wait(lambda: bool(state.dataset and state.dataset.classes), "the classes")
        self._picture()
        self._units()
        self._pages()
        self._off()
        self._watch()
        self._over_images()
        self._bake(scenes.parent)

    def _picture(self) -> None:
        state = self._window.state
        assert state.dataset is not None
        path = next(p for p in state.dataset.paths if PICTURE in os.path.basename(p))
        state.set_layer(LAYER)
        state.open_image(path)
        self._rest()
        self._shot("open", "a triangle is taken for a star")

    def _units(self) -> None:
        tab = self._tab("image")
        shown = tab.canvas.image_rect()
        x, y = MARKER_PLACE
        click(tab.canvas, QPointF(shown.x() + x * shown.width(), shown.y() + y * shown.height()))
        self._rest()
        tab.list.set_current(tab.list.cards[0].key)
        self._rest()
        self._shot("units", "the units that speak for the star at the marker")

    def _off(self) -> None:
        self._put((FIRST,))
        self._shot("off", "one of them is switched off, beside random features of the layer")
        self._figures("one unit")
        self._put(MORE)
        self._shot("more", "and seven more")
        self._figures("eight units")

    def _pages(self) -> None:
        """Pictures of two other pages, of the same model: concepts and patching."""
        window, state = self._window, self._window.state
        assert state.dataset is not None
        marked = {image.path: dict(image.metadata) for image in state.dataset.images}
        collected = concept_examples_of(state)
        for side, word in ((WITH, "yes"), (WITHOUT, "no")):
            found = [path for path, told in marked.items() if told.get("marker") == word]
            collected.add(side, [Example(path) for path in found])
        state.set_tab("concepts")
        self._rest()
        self._tab("concepts").run()
        self._rest()
        self._page("concepts")
        other = next(i for i in state.dataset.images if i.label == "cross")
        window.centre.show_analysis("activation-patching")
        tab: Any = window.centre.tab("analysis:activation-patching")
        self._rest()
        tab.source.choose(other.path)
        tab.run()
        self._rest()
        self._page("patching")
        state.set_tab("image")
        self._rest()

    def _page(self, name: str) -> None:
        """A picture that stands on a page of the guide."""
        self._window.toasts.clear()
        self._sleep(50)
        path = self._folder / f"page-{name}.png"
        self._window.grab().save(str(path))
        self._tell(f"{path.name}: for the guide")

    def _put(self, units: tuple[int, ...]) -> None:
        state = self._window.state
        assert state.model is not None
        own = state.model.description
        features = [Feature.resolve(f"{LAYER}:{unit}", own) for unit in units]
        interventions_of(state).add_features(features)
        self._rest()

    def _figures(self, what: str) -> None:
        live = live_of(self._window.state)
        found = [live.effects(i) for i in range(len(self._window.state.edits.edits))]
        told = [f"{e.effect:+.3f} ({e.percentile:.0f} %)" for e in found if e and e.effect]
        self._tell(f"  {what}: {'; '.join(told)}")

    def _watch(self) -> None:
        state = self._window.state
        assert state.dataset is not None
        rows = [image for image in state.dataset.images if image.label != "star"]
        marked = [i.path for i in rows if dict(i.metadata).get("marker") == "yes"][:6]
        watch(state, marked)
        self._rest()
        self._scroll_to(self._window.output.strip)
        self._shot("watched", "other pictures with the marker, before and after")

    def _over_images(self) -> None:
        window = self._window
        window.actions_["intervene.dataset"].trigger()
        tab: Any = window.centre.tab("analysis:dataset-effect")
        self._rest()
        tab.run()
        self._rest()
        keep_all(window.state, tab.board.exportables())
        self._shot("images", "what the edits do to every image, beside random ones")

    def _bake(self, folder: Path) -> None:
        window = self._window
        window.actions_["intervene.bake"].trigger()
        dialog = self._dialog(BakeDialog)
        self._rest()
        dialog.path.setText(str(folder / "without-shortcut.safetensors"))
        dialog.write_button.click()
        self._rest()
        dialog.path.setText("without-shortcut.safetensors")  # no folder of this machine in pictures
        self._shot("bake", "the edits become weights, checked against the edited network", dialog)
        dialog.open_button.click()
        self._wait(lambda: len(window.state.models) == 2, "the baked model")
        self._rest()
        window.state.set_tab("image")
        self._rest()
        self._shot("baked", "the baked file answers so by itself")
        show_report(window)
        report = self._dialog(ReportDialog)
        self._rest()
        self._shot("report", "the finding as a report", report)
        report.close()

    # --- means ---------------------------------------------------------------------------------

    def _dialog(self, kind: type[Any]) -> Any:
        def found() -> Any:
            shown = (w for w in QApplication.topLevelWidgets() if isinstance(w, kind))
            return next((w for w in shown if w.isVisible()), None)

        self._wait(lambda: found() is not None, kind.__name__)
        return found()

    def _scroll_to(self, widget: QWidget) -> None:
        above = widget.parentWidget()
        while above is not None and not isinstance(above, QScrollArea):
            above = above.parentWidget()
        if above is not None:
            above.ensureWidgetVisible(widget)

    def _accept(self, kind: type[Any], button: str) -> None:
        dialog = self._dialog(kind)
        accept = getattr(dialog, button)
        self._wait(accept.isEnabled, button)
        accept.click()


def main() -> None:
    """Walk once a theme, and keep the pictures that the page shows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--theme", default="light", choices=("light", "dark"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as own:
        scenes = Path(own) / "scenes"
        marked = Spec(spurious=Spurious().uncorrelated())
        write_dataset(scenes, 240, spec=marked, masks=False)
        folder = given.folder or Path(own) / "pictures"
        folder.mkdir(parents=True, exist_ok=True)
        in_window(lambda window: Walk(window, folder, _say).walk(given.theme, SIZE, scenes))
        if given.folder is None:
            IMAGES.mkdir(parents=True, exist_ok=True)
            for path in sorted(folder.glob("*.png")):
                own_page = path.stem.startswith("page-")
                name = f"{path.stem[5:]}-{given.theme}" if own_page else path.stem
                kept = (IMAGES.parent if own_page else IMAGES) / f"{name}.jpg"
                Image.open(path).convert("RGB").save(kept, quality=72, subsampling=0)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
