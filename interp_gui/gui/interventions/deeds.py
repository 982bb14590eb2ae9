"""What the controls of a row do."""

from typing import cast

from PySide6.QtCore import QObject

from interp_gui.core.edit import EditKind
from interp_gui.gui.interventions.live import live_of
from interp_gui.gui.interventions.model import interventions_of
from interp_gui.gui.interventions.row import EditRow
from interp_gui.gui.interventions.sources import sources_of
from interp_gui.gui.shared import names_of
from interp_gui.gui.state import AppState


class Deeds(QObject):
    """Connects the details of rows with the changes that they stand for."""

    def __init__(self, state: AppState, parent: QObject) -> None:
        super().__init__(parent)
        self._state, self._edits = state, interventions_of(state)
        self._live, self._sources = live_of(state), sources_of(state)

    def connect_details(self, row: EditRow) -> None:
        """Let the controls of a row change its edit."""
        details, edits = row.details, self._edits
        if details is None:
            return
        details.kind.chosen.connect(lambda kind: self._choose_kind(row, kind))
        details.place.chosen.connect(
            lambda place: edits.change(
                row.index, place=place, title=f"choose where {self._title(row)} is changed"
            )
        )
        details.place.refused.connect(self._state.notify_problem)
        details.baseline.chosen.connect(lambda kind: edits.choose_baseline(row.index, kind))
        details.baseline.image_chosen.connect(lambda path: self.take_value_from(row.index, path))
        details.strength.changed.connect(lambda values, held: self._set(row, values, held=held))
        details.strength.settled.connect(edits.seal)
        details.solo_wanted.connect(
            lambda: edits.solo(None if self._state.edits.solo == row.index else row.index)
        )
        details.duplicate_wanted.connect(lambda: edits.duplicate(row.index))
        details.open_wanted.connect(lambda: self._open(row))
        details.fix_wanted.connect(lambda: self._fix(row))

    def take_value_from(self, index: int, path: str) -> None:
        """Let an edit put the value that another image has."""

        def found(sha256: str) -> None:
            if index >= len(self._state.edits.edits):
                return
            edit = self._state.edits.edits[index]
            if edit.kind == "patch":
                title = f"patch {edit.feature.title} from another image"
                self._edits.change(index, source=sha256, title=title)
            elif edit.kind == "ablate":
                self._edits.choose_baseline(index, "image", source=sha256)

        self._sources.find(path, found)

    def _title(self, row: EditRow) -> str:
        if row.edit is None:
            return ""
        return names_of(self._state).name(row.edit.feature) or row.edit.feature.text

    def _set(self, row: EditRow, values: dict[str, float | None], *, held: bool) -> None:
        self._edits.change(
            row.index, merge="strength" if held else "",
            title=f"set the strength of {self._title(row)}", **values,
        )  # fmt: skip

    def _choose_kind(self, row: EditRow, kind: str) -> None:
        edit, image = row.edit, self._sources.other
        if edit is None:
            return
        if kind != "patch":
            self._edits.change_kind(row.index, cast(EditKind, kind))
        elif edit.image_source:
            self._edits.change_kind(row.index, "patch", source=edit.image_source)
        elif not image:
            self._state.notify("info", "Open another image first: a patch takes its value from it.")
            self._state.edits_changed.emit()  # the list shows again what is
        else:
            self._sources.find(
                image, lambda sha256: self._edits.change_kind(row.index, "patch", source=sha256)
            )

    def _fix(self, row: EditRow) -> None:
        effect = self._live.effects(row.index)
        if self._edits.can_adopt(row.index):
            self._edits.adopt(row.index)
        elif effect is not None and effect.behind:
            self._edits.move_behind(row.index, effect.behind)

    def _open(self, row: EditRow) -> None:
        from interp_gui.gui.features.commands import feature_commands_of

        feature_commands_of(self._state).act("unit", row.selected_features())
