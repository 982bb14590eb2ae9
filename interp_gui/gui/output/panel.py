"""The Output panel: what the current model answers for the current image, before and after edits.

Without anything in force it is the model's plain answer. With it, the answer before stands beside
the one after; the strip beneath shows the watched images in either case.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from interp_gui.core.analysis import Inputs
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult, Bars
from interp_gui.core.target import Target, TargetKind
from interp_gui.engine.messages import Ended, Run
from interp_gui.gui import parts, theme
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.interventions.live import live_of
from interp_gui.gui.output import watched
from interp_gui.gui.output.beside import BesideAnswers
from interp_gui.gui.output.edited import OLD, RESTARTING, EditedAnswer
from interp_gui.gui.output.strip import WatchedStrip
from interp_gui.gui.shared import top_class_of
from interp_gui.gui.state import AppState
from interp_gui.gui.thumbnails import Thumbnails
from interp_gui.gui.toolbar import reopening_text
from interp_gui.gui.undoing.changes import choose_target

if TYPE_CHECKING:
    from interp_gui.gui.output.answer_bars import AnswerBars

ANALYSIS = "predict"
VIEW = "output"


class OutputPanel(QWidget):
    """The strongest answers as bars; asks again whenever model or image change.

    Signals
    -------
    images_wanted
        Filter that lists the images of a class.
    """

    images_wanted = Signal(str)

    def __init__(
        self, state: AppState, bridge: EngineBridge, thumbnails: Thumbnails | None = None
    ) -> None:
        super().__init__()
        self._state = state
        self._bridge = bridge
        self._live = live_of(state)
        self.setMinimumWidth(150)
        self.heading = parts.label()
        self.watch = parts.icon_button(
            "pin", "Watch this image", lambda: watched.toggle_current(state)
        )
        self.watch.setCheckable(True)
        self.message = parts.label(dim=True)
        self.bars: AnswerBars | None = None
        self._is_waiting = False
        self._answered = ""
        """Name of the image whose answer stands here."""
        self.target = parts.label(dim=True)
        self.target.setVisible(False)
        column = self._scrolled()
        head = parts.row()
        head.addWidget(self.heading, 1)
        head.addWidget(self.watch)
        column.addLayout(head)
        self.plain = QWidget()
        self._column = parts.column(self.plain, spacing=theme.SPACE_M)
        self._column.addWidget(self.message)
        self._column.addWidget(self.target)
        column.addWidget(self.plain)
        self.edited = EditedAnswer(state, bridge)
        self.edited.explain.connect(self._explain)
        column.addWidget(self.edited)
        self.beside = BesideAnswers(state, bridge)
        column.addWidget(self.beside)
        self.strip = WatchedStrip(state, thumbnails)
        column.addWidget(self.strip)
        column.addStretch(1)
        self._live.attach(bridge)
        self._live.changed.connect(self._show_which)
        state.watched_changed.connect(self._show_watch)
        state.image_changed.connect(self._show_watch)
        state.model_changed.connect(self.ask)
        state.image_changed.connect(self.ask)
        state.target_changed.connect(self._show_target)
        bridge.ready.connect(self.ask)
        bridge.reopening.connect(self._on_reopening)
        bridge.lost.connect(lambda _lost: self.ask())
        self._show_watch()
        self.ask()
        self._show_which()

    def _scrolled(self) -> QVBoxLayout:
        """The column of all that stands here, which scrolls where it is too long."""
        area, body = QScrollArea(), QWidget()
        area.setAccessibleName("Output")
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        column = parts.column(body, margin=theme.SPACE_M, spacing=theme.SPACE_M)
        area.setWidget(body)
        parts.column(self).addWidget(area)
        return column

    def _show_which(self) -> None:
        """The plain answer, or the one before beside the one after."""
        on = self._live.in_force and self._state.model is not None and self._state.image is not None
        self.plain.setVisible(not on)
        self.edited.setVisible(on)

    def _show_watch(self) -> None:
        """Whether the image in front is watched, and whether it can be."""
        image = self._state.image
        problem = watched.why_not_watch(self._state)
        is_watched = image is not None and image in self._state.watched
        self.watch.setVisible(image is not None)
        self.watch.setChecked(is_watched)
        self.watch.setEnabled(not problem)
        words = "Watch this image no longer" if is_watched else "Watch this image"
        self.watch.setToolTip(problem or f"{words} (Ctrl+Shift+W)")
        self.watch.setAccessibleName(words)

    def ask(self) -> None:
        """Ask the engine for the current image's answer, or say what is missing for it."""
        model, image = self._state.model, self._state.image
        if model is None:
            return self._say("Open a model to see its answers here.")
        if image is None:
            return self._say("Open an image to see what the model answers.")
        if not self._bridge.is_ready:
            return self._say_old(Path(image).name)
        self.heading.setText(Path(image).name)
        self.heading.setVisible(True)
        if self.bars is not None:
            self.bars.setEnabled(self.bars.hasFocus())  # which it would lose
        if self.bars is None or self.bars.isHidden() or self.message.text().startswith(RESTARTING):
            self._is_waiting = True
            self.message.setText(self._waiting_text())
            self.message.setVisible(True)
        request = Run(
            analysis=ANALYSIS,
            model=model.handle,
            inputs=Inputs(images=(image,), target=self._state.target),
        )
        self._bridge.run(request, view=VIEW, on_result=self._on_result, on_end=self._on_end)
        return None

    def refresh(self) -> None:
        """Ask once more, before and after edits."""
        self.ask()
        self._live.ask_again()

    def _waiting_text(self) -> str:
        """Why there is no answer yet."""
        model, again = self._state.model, self._bridge.reopened
        if model is not None and model.handle in again.waiting:
            return reopening_text(again)
        return "Asking the model…"

    def _on_reopening(self) -> None:
        if self._is_waiting:
            self.message.setText(self._waiting_text())

    def _say(self, text: str) -> None:
        self._is_waiting = False
        self._bridge.drop(VIEW)
        self.heading.setVisible(False)
        self.target.setVisible(False)
        if self.bars is not None:
            self.bars.setVisible(False)
        self.message.setText(text)
        self.message.setVisible(True)

    def _say_old(self, image: str) -> None:
        """What is shown while the engine starts again: the answer before, marked as such."""
        self._say(RESTARTING)
        self.heading.setText(image)
        self.heading.setVisible(True)
        if self.bars is not None and self.bars.result is not None and image == self._answered:
            self.bars.setVisible(True)
            self.bars.setEnabled(False)
            self.message.setText(f"{RESTARTING} {OLD}")

    def _on_result(self, result: AnyResult, recipe: Recipe | None) -> None:
        if not isinstance(result, Bars):
            return
        self._is_waiting = False
        if self.bars is None:
            self.bars = self._make_bars()
        self.bars.set_result(result, recipe)
        self._answered = self.heading.text()
        self.bars.setVisible(bool(result.labels))  # none where the answer is not a number
        self.bars.setEnabled(True)
        model = self._state.model
        if model is not None:
            index = self.bars.index_of(0) if model.description.class_count else None
            top_class_of(self._state).set(model.handle, index)
        self._show_target()
        self.message.setText("\n".join(result.notes))
        self.message.setVisible(bool(result.notes))

    def _make_bars(self) -> "AnswerBars":
        # Here and not above: views of results bring the drawing of exports with them, which the
        # first paint of the window need not wait for.
        from interp_gui.gui.export_ui import connect_export
        from interp_gui.gui.output.answer_bars import AnswerBars

        bars = AnswerBars(self._why_no_images)
        connect_export(bars, self._state)
        bars.explain.connect(self._explain)
        bars.compare.connect(self._compare)
        bars.images.connect(self._want_images)
        self._column.insertWidget(0, bars)
        return bars

    # --- rows ----------------------------------------------------------------------------------

    def _show_target(self) -> None:
        """Frame the row that is explained, and say which number of it."""
        model, target = self._state.model, self._state.target
        if self.bars is None or self.bars.result is None or model is None:
            return
        index = target.index
        if index is None and target.kind not in ("similarity", "scalar"):
            index = self.bars.index_of(0)  # the top class
        self.bars.is_difference = target.kind == "logit_difference"
        self.bars.comparable = model.description.class_count > 1
        self.bars.set_target(index)
        title = target.title(model.description)
        named = self._state.shared.references.get(target.reference, "")
        if target.kind == "similarity" and named:
            title = f"similarity to {named}"
        self.target.setText(f"Explained: {title}")
        self.target.setVisible(not self.bars.isHidden())

    def _explain(self, index: int) -> None:
        target, model = self._state.target, self._state.model
        if model is None:
            return
        kind: TargetKind = "probability" if target.kind == "probability" else "logit"
        if not model.description.class_count:
            kind = "scalar"
        choose_target(self._state, Target(kind=kind, index=index, output=target.output))

    def _compare(self, index: int) -> None:
        target = self._state.target
        own = self.bars.target if self.bars is not None else None
        choose_target(
            self._state,
            Target(kind="logit_difference", index=own, versus=index, output=target.output),
        )

    def _labels_of(self, index: int) -> list[str]:
        dataset = self._state.dataset
        return [name for name, of in dataset.classes.items() if of == index] if dataset else []

    def _why_no_images(self, index: int) -> str:
        if self._state.dataset is None:
            return "Open some images first."
        known = bool(self._labels_of(index))
        return "" if known else "No label of the images stands for this class."

    def _want_images(self, index: int) -> None:
        from interp_gui.gui.panels.images.filter_bar import written

        self.images_wanted.emit(written("label", self._labels_of(index)[0]))

    def _on_end(self, ended: Ended) -> None:
        if ended.error is not None:
            self._say(f"{ended.error.message} {ended.error.hint}".strip())
