"""What a row shows when it is chosen: all that can be set, and all that is known."""

from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QPushButton, QToolButton, QWidget

from interp_gui.core.edit import Edit
from interp_gui.core.interventions.kinds import EditEffect
from interp_gui.core.interventions.statistics import FeatureStatistics
from interp_gui.core.layer import LayerInfo
from interp_gui.gui import icons, parts, theme
from interp_gui.gui.interventions import told
from interp_gui.gui.interventions.choices import BaselineBox, KindBox, PlaceBox, Region
from interp_gui.gui.interventions.effect_strip import EffectStrip
from interp_gui.gui.interventions.sources import SourceImages
from interp_gui.gui.interventions.strength import StrengthEditor
from interp_gui.gui.widgets.flow import FlowRow


class EditDetails(QWidget):
    """Controls and figures of one edit.

    Signals
    -------
    fix_wanted
        Its button was pressed: move behind the norm, or use in this model.
    """

    fix_wanted = Signal()
    solo_wanted = Signal()
    duplicate_wanted = Signal()
    open_wanted = Signal()

    def __init__(self, brushed: Callable[[], Region], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.kind = KindBox()
        self.place = PlaceBox(brushed)
        self.baseline = BaselineBox()
        self.strength = StrengthEditor()
        self.shows_strength = False
        """Whether the edit has a strength at all."""
        self.strip = EffectStrip()
        self.state = parts.label()
        self.caption = parts.label("To", dim=True, wrap=False)
        self.note = parts.label(dim=True)
        self.warning = parts.label()
        for words in (self.state, self.note, self.warning):
            words.setFont(theme.small_font(self.font()))
        self.fix = QPushButton()
        self.fix.clicked.connect(self.fix_wanted)
        self._make_buttons()
        self._arrange()

    def _make_buttons(self) -> None:
        self.solo = parts.icon_button("solo", "Put this edit alone in force")
        self.solo.setCheckable(True)
        self.solo.setAutoRaise(False)
        self.copy = parts.icon_button("duplicate", "Duplicate this edit")
        self.open = parts.icon_button("unit", "Open the unit's page")
        for button, signal in (
            (self.solo, self.solo_wanted),
            (self.copy, self.duplicate_wanted),
            (self.open, self.open_wanted),
        ):
            button.setAccessibleDescription(button.toolTip())
            button.clicked.connect(signal)

    def _arrange(self) -> None:
        column = parts.column(self, spacing=theme.SPACE_S)
        first = FlowRow()
        first.addWidget(self.kind)
        first.addWidget(self.place)
        second = parts.row()
        second.addWidget(self.caption)
        second.addWidget(self.baseline, 1)
        second.addWidget(self.strength, 1)
        column.addLayout(first)
        column.addLayout(second)
        for widget in (
            self.strength.refusal, self.strength.words, self.strip, self.state, self.note,
            self.warning,
        ):  # fmt: skip
            column.addWidget(widget)
        last = FlowRow()
        last.addWidget(self.fix)
        last.add_gap()
        for button in self.buttons:
            last.addWidget(button)
        column.addLayout(last)

    @property
    def buttons(self) -> tuple[QToolButton, ...]:
        """Solo, duplicate, open."""
        return (self.solo, self.copy, self.open)

    # --- what is shown -------------------------------------------------------------------------

    def show_edit(
        self,
        edit: Edit,
        *,
        layer: LayerInfo | None,
        sources: SourceImages,
        known: FeatureStatistics | None,
        waits: bool,
        has_images: bool,
        problem: str,
        alone: bool,
    ) -> None:
        """Show the values of an edit.

        Parameters
        ----------
        layer
            Where it acts, in the current model; None where that has no such layer.
        known
            How strongly its feature occurs in the images at hand.
        waits
            Whether it waits for that.
        problem
            Why that will not be known.
        alone
            Whether it is the only one in force.
        """
        self.kind.show_edit(edit)
        self.place.show_edit(edit, layer)
        takes_value, has_strength = edit.kind in ("ablate", "patch"), edit.kind in (
            "scale", "add", "clamp",
        )  # fmt: skip
        if takes_value:
            self.baseline.show_edit(edit, sources, waits=waits, has_images=has_images)
        if has_strength:
            self.strength.show_edit(edit, known)
        for control, shown in (
            (self.caption, takes_value), (self.baseline, takes_value),
            (self.strength, has_strength),
        ):  # fmt: skip
            control.setVisible(shown)
        self.shows_strength = has_strength
        self.caption.setText("From" if edit.kind == "patch" else "To")
        self.solo.setChecked(alone)
        self._say(self.note, _note(edit, waits=waits, has_images=has_images, problem=problem))

    def show_effect(
        self, effect: EditEffect | None, *, problem: str, target: str, adoptable: bool
    ) -> None:
        """Show what the edit did; `problem` says why it is not in force at all."""
        found = told.state_of(effect, problem)
        self.strip.set_effect(effect if not problem else None)
        sentences = [f"{found.words}." if found.words else "", found.sentence]
        if effect is not None and not problem:
            sentences += [told.effect_sentence(effect, target), told.run_sentence(effect)]
        self._say(self.state, " ".join(sentence for sentence in sentences if sentence))
        warning = told.warning_of(effect, problem)
        self._say(self.warning, f"⚠ {warning}" if warning else "")
        # What this image's values became is known exactly; the slider's words are about an average.
        # Where it changes nothing, words about what it brings values to would not be true.
        idle = effect is not None and effect.state in ("inactive", "failed", "broken")
        self.strength.words.setVisible(
            bool(self.strength.words.text()) and self.shows_strength
            and "observed" not in warning and not idle
        )  # fmt: skip
        colour = theme.level_colour("warning", dark=theme.is_dark(self.palette())).name()
        parts.restyle(self.warning, f"color: {colour}")
        behind = effect.behind if effect is not None and not problem else ""
        if behind:
            self.fix.setText("Move behind the norm")
            self.fix.setToolTip(f"Change the same unit at {behind} instead")
        elif adoptable:
            self.fix.setText("Use in this model")
            self.fix.setToolTip("The current model has this layer and unit too")
        self.fix.setIcon(icons.icon("forward") if behind else icons.icon("tick"))
        self.fix.setAccessibleDescription(self.fix.toolTip())
        self.fix.setVisible(bool(behind) or adoptable)

    def _say(self, label: QLabel, text: str) -> None:
        label.setText(text)
        label.setVisible(bool(text))


def _note(edit: Edit, *, waits: bool, has_images: bool, problem: str) -> str:
    """What to know about the values of an edit."""
    if waits and problem:
        return f"The images' values are not known: {problem}"
    if waits:
        return (
            "Reading the images; until then it is zero."
            if edit.kind == "ablate"
            else ("Reading the images.")
        )
    if edit.kind == "ablate" and edit.baseline.kind == "zero" and not has_images:
        return "Zero, because no images are open whose mean could be taken."
    if edit.kind == "add" and not edit.deviation:
        return "In absolute terms: no images are known to measure it by."
    return ""
