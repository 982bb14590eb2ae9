"""The Interventions panel: what is changed in the network, and what each change does."""

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QMimeData, QPoint, Qt, QTimer
from PySide6.QtWidgets import QMenu, QStackedWidget, QToolButton, QWidget

from interp_gui.core.edit import EditKind, EditStack
from interp_gui.core.errors import InterpError
from interp_gui.core.feature import Feature
from interp_gui.core.interventions.fitting import why_no_place
from interp_gui.core.place import Place
from interp_gui.gui import parts, theme
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.dragging.drag import features_from_mime
from interp_gui.gui.dragging.edits import (
    copy_edits,
    edits_on_clipboard,
    is_edits_file,
    may_hold_recipe,
    start_edit_drag,
)
from interp_gui.gui.features.commands import feature_commands_of
from interp_gui.gui.interventions import content, words
from interp_gui.gui.interventions.choices import Region
from interp_gui.gui.interventions.drops import NO_OTHER_IMAGE, PanelDrops
from interp_gui.gui.interventions.edit_list import EditList
from interp_gui.gui.interventions.files import adopt_edits, load_edits, tell_unfit
from interp_gui.gui.interventions.kept import KeptStacks
from interp_gui.gui.interventions.menu import popup_row_menu
from interp_gui.gui.interventions.model import interventions_of
from interp_gui.gui.interventions.sources import sources_of
from interp_gui.gui.state import AppState

EMPTY = (
    "Drop a unit here to switch it off: from the layer wall, a ranking, the atlas, the shelf or a "
    "unit's page. Or choose one and press Shift+X.\n\nHold X over any card to switch its unit off "
    "for as long as you hold it."
)


class InterventionsPanel(QWidget):
    """Rows of edits, the stacks that are kept, and where things are dropped.

    Parameters
    ----------
    brushed
        What is brushed on the current image now; empty for nothing.
    """

    def __init__(
        self, state: AppState, bridge: EngineBridge, brushed: Callable[[], Region] = tuple
    ) -> None:
        super().__init__()
        self.setAccessibleName("Interventions")
        self.setMinimumWidth(150)
        self._state = state
        self.edits = interventions_of(state)
        self.edits.attach(bridge)
        self.dragging: tuple[int, ...] = ()
        """Numbers of the edits of this panel that are being dragged."""
        self.list = EditList(state, brushed)
        self.kept = KeptStacks(state)
        self.menu = QMenu(self)
        self.menu.setToolTipsVisible(True)
        self._make_controls()
        self._arrange()
        self._connect()
        self._register(bridge)
        self.drops = PanelDrops(self, state)
        self.refresh()

    def _make_controls(self) -> None:
        self.mute = parts.icon_button("mute", "Mute all: show the network as it is", self._mute)
        self.mute.setCheckable(True)
        self.mute.setAutoRaise(False)
        self.keep = parts.icon_button(
            "keep", "Keep a copy of these edits, to compare others with", self.keep_stack
        )
        self.more = parts.icon_button("more", "More that can be done with the interventions")
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.more.setMenu(self.menu)
        for button in (self.mute, self.keep, self.more):
            button.setAccessibleDescription(button.toolTip())
        self.status = parts.label(dim=True, wrap=False)
        self.status.setMinimumWidth(20)
        self.held = parts.label()
        self.held.setAccessibleName("What is held")

    def _arrange(self) -> None:
        bar = parts.row(theme.SPACE_S)
        bar.addWidget(self.mute)
        bar.addWidget(self.status, 1)
        bar.addWidget(self.keep)
        bar.addWidget(self.more)
        self.empty = parts.label(EMPTY, dim=True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty.setContentsMargins(theme.SPACE_L, 0, theme.SPACE_L, 0)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.empty)
        self.pages.addWidget(self.list)
        column = parts.column(self, spacing=0)
        column.addLayout(bar)
        column.addWidget(self.held)
        column.addWidget(self.pages, 1)
        column.addWidget(self.kept)

    def _connect(self) -> None:
        state = self._state
        self._later = QTimer(self, singleShot=True, interval=0)
        self._later.timeout.connect(self.refresh)
        for signal in (state.edits_changed, state.model_changed):
            signal.connect(self._later.start)
        self.list.drag_wanted.connect(self._drag)
        self.list.menu_wanted.connect(lambda where: popup_row_menu(self, state, where))
        self.list.key_wanted.connect(self._on_key)

    def _register(self, bridge: EngineBridge) -> None:
        """Offer it wherever a feature has a menu."""
        commands = feature_commands_of(self._state)
        commands.register("ablate", "Switch off", self.switch_off, why_not=self._why_not)
        commands.register("intervene", "Put on the panel…", self.ask_kind, why_not=self._why_not)

    # --- what is shown -------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show what stands on the panel."""
        self._later.stop()
        stack, held = self._state.edits, self._state.held
        filled = bool(stack.edits or stack.image_edits)
        self.pages.setCurrentIndex(1 if filled else 0)
        for widget in (self.mute, self.keep):
            widget.setEnabled(filled)
        self.mute.setChecked(stack.muted)
        self.status.setText(self._status())
        self.status.setToolTip(self.status.text())
        self.held.setVisible(bool(held))
        self.held.setText("\n".join(f"Held: {e.feature.title} is switched off." for e in held))
        colour = theme.level_colour("info", dark=theme.is_dark(self.palette())).name()
        parts.restyle(self.held, f"color: {colour}; padding: 0 6px 4px 6px;")

    def _status(self) -> str:
        stack = self._state.edits
        count = len(stack.edits) + len(stack.image_edits)
        if not count:
            return ""
        if stack.muted:
            return "All muted"
        if stack.solo is not None:
            return "One alone in force"
        force = self._state.edits_that_fit
        live = len(force.active) + len(force.active_image_edits)
        name = f"{stack.name}: " if stack.name else ""
        return f"{name}{live} of {count} in force" if live < count else f"{name}{count} in force"

    # --- taking --------------------------------------------------------------------------------

    def why_not(self, features: Sequence[Feature]) -> str:
        """Why features cannot be changed in the current model; empty if they can."""
        return feature_commands_of(self._state).why_foreign(features) or self._why_not(features)

    def _why_not(self, features: Sequence[Feature]) -> str:
        model = self._state.model
        weights = {feature.model for feature in features if feature.model}
        if model is None:
            return "Open a model first."
        if weights and model.description.weights_sha256 not in weights:
            return ""  # its own model is made current first
        made = content.bundled(features)
        full = content.why_too_many(len(made), len(self._state.edits.edits))
        if full:
            return full
        for feature in made:
            edit = content.fresh(feature, words.kinds_for(feature)[0])
            problem = why_no_place(edit, model.description)
            if problem:
                return problem
        return ""

    def what_happens(self, features: Sequence[Feature], kind: EditKind) -> str:
        """What a drop of features does, as a sentence."""
        what, model = words.count_of(features), self._state.model
        other = ""
        weights = {feature.model for feature in features if feature.model}
        if model is not None and weights and model.description.weights_sha256 not in weights:
            other = ", and make its model the current one"
        endings = {
            "ablate": " (to the images' mean)" if self.edits.book.is_possible else " (to zero)",
            "scale": f" by {content.FACTOR:g}",
            "add": f" by {content.STEER:g}"
            + (" standard deviations" if self.edits.book.is_possible else ""),
            "patch": f" from {Path(self.lending_image).name}",
        }
        verb = "Take" if kind == "project_out" else words.KIND_TITLES[kind]
        tail = " out of the layer" if kind == "project_out" else endings.get(kind, "")
        made = len(content.bundled(features))
        together = ""
        if made < len(features):
            together = ", together in one edit" if made == 1 else f", in {made} edits by layer"
        return f"{verb} {what}{tail}{together}{other}"

    @property
    def lending_image(self) -> str:
        """Which image a fresh patch takes its values from; empty where there is no other one."""
        return sources_of(self._state).other

    def take_features(
        self, features: Sequence[Feature], kind: EditKind, place: Place = Place()
    ) -> None:
        """Put edits of features on the panel; a patch takes another image's values."""
        commands = feature_commands_of(self._state)
        problem = commands.why_foreign(features)
        if problem:
            self._state.notify("info", problem)
            return
        own = {feature.model for feature in features if feature.model}
        models = self._state.models
        model = next((m for m in models if m.description.weights_sha256 in own), None)
        current = self._state.model
        if model is not None and current is not None and (
            current.description.weights_sha256 not in own
        ):  # fmt: skip
            self._state.set_model(model)
        if kind != "patch":
            self.edits.add_features(features, kind, place=place)
        elif self.lending_image:
            sources_of(self._state).find(
                self.lending_image,
                lambda sha256: self.edits.add_features(
                    features, "patch", place=place, source=sha256
                ),
            )

    def take_edits(self, stack: EditStack, at: int) -> None:
        """Put dropped edits on the panel; those of the panel itself move."""
        if self.dragging:
            self.list.move_to(self.dragging, at)
        else:
            adopt_edits(self._state, stack, at=at)

    def take_file(self, path: str, position: QPoint) -> None:
        """Put the edits of a file on the panel, or take the value of a row from an image."""
        row = self.list.row_at(self.list.mapFrom(self, position))
        if row is not None and not is_edits_file(path) and self.takes_image_at(position):
            self.list.deeds.take_value_from(row.index, path)
        elif is_edits_file(path) or may_hold_recipe(path):
            load_edits(self._state, path, at=self.place_at(position))

    def takes_image_at(self, position: QPoint) -> str:
        """What the row at a position would take an image's value for; empty for nothing."""
        if self.pages.currentIndex() != 1:
            return ""
        row = self.list.row_at(self.list.mapFrom(self, position))
        edit = row.edit if row is not None else None
        return edit.feature.title if edit is not None and edit.kind in ("ablate", "patch") else ""

    def place_at(self, position: QPoint) -> int:
        """Before which edit something lands that is dropped at a position of the panel."""
        if self.pages.currentIndex() != 1:
            return 0
        return self.list.place_at(self.list.mapFrom(self, position))

    def edge_of(self, place: int) -> int:
        """Where the gap before an edit is, in the panel's coordinates."""
        return self.list.mapTo(self, QPoint(0, self.list.edge_of(place))).y()

    def moves_to(self, place: int) -> bool:
        """Whether the edits that are dragged would stand elsewhere."""
        order = content.moved_order(len(self._state.edits.edits), self.dragging, place)
        return order != sorted(order)

    # --- doing ---------------------------------------------------------------------------------

    def switch_off(self, features: tuple[Feature, ...]) -> None:
        """Switch features off; what "Switch off" does anywhere in the window."""
        self.take_features(features, "ablate")

    def ask_kind(self, features: tuple[Feature, ...]) -> None:
        """Ask which kind of edit, by a menu where the cursor or the panel is."""
        from PySide6.QtGui import QCursor

        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setToolTipsVisible(True)
        for kind in self.drops.kinds_for(features):
            title = words.KIND_TITLES[kind]
            lends = self.lending_image
            from_image = f"{title} from {Path(lends).name}" if lends else title
            entry = menu.addAction(from_image if kind == "patch" else title)
            entry.setToolTip(words.KIND_HINTS[kind])
            if kind == "patch" and not lends:
                entry.setEnabled(False)
                entry.setToolTip(NO_OTHER_IMAGE)
            entry.triggered.connect(lambda _on=False, kind=kind: self.take_features(features, kind))
        menu.popup(QCursor.pos())

    def take_focus(self) -> None:
        """Go to the edit that keys are about; where there is none, to the panel's buttons."""
        current = self.list.current
        if self.list.rows:
            self.list.choose((0 if current is None else current,), focus=True)
        else:
            self.more.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def keep_stack(self) -> None:
        """Keep a copy of what stands on the panel."""
        if self._state.edits.edits or self._state.edits.image_edits:
            self.edits.keep_stack()

    def compare_next(self) -> None:
        """Compare with the next of the kept stacks, and behind the last one with none."""
        now, count = self.edits.compared, len(self._state.stacks)
        after = 0 if now is None else now + 1
        self.edits.compare(after if after < count else None)

    def copy_chosen(self) -> None:
        """Copy the chosen edits; all of them where none is chosen."""
        stack = self._state.edits
        chosen = self.list.chosen or tuple(range(len(stack.edits)))
        if chosen:
            copy_edits([stack.edits[i] for i in chosen])
            what = words.edits_of([stack.edits[i] for i in chosen])
            self._state.notify("success", f"Copied {what}.")

    def paste(self) -> None:
        """Put the edits, or the features, on the clipboard on the panel."""
        from PySide6.QtWidgets import QApplication

        mime: QMimeData | None = QApplication.clipboard().mimeData()
        try:
            stack = edits_on_clipboard()
            features = features_from_mime(mime) if stack is None and mime is not None else ()
        except InterpError as problem:
            self._state.notify_problem(problem)
            return
        at = self.list.current
        if stack is not None:
            self.edits.add_edits(stack, at=None if at is None else at + 1)
            tell_unfit(self._state)
        elif features:
            self.take_features(features, "ablate")
        else:
            self._state.notify("info", "There are no edits on the clipboard.")

    def _mute(self) -> None:
        self.edits.mute_all(not self._state.edits.muted)

    def _drag(self, indices: tuple[int, ...]) -> None:
        self.dragging = indices
        stack = EditStack(edits=tuple(self._state.edits.edits[i] for i in self.dragging))
        try:
            start_edit_drag(self, stack)
        finally:
            self.dragging = ()

    def _on_key(self, meaning: str) -> None:
        if meaning == "copy":
            self.copy_chosen()
        elif meaning == "paste":
            self.paste()
