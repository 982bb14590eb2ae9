"""The session of a window: new, open, save, and what is asked in between."""

import os
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from interp_gui.core.errors import InterpError
from interp_gui.core.session.document import SessionDocument
from interp_gui.gui.background import Background
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.opening.documents import Documents
from interp_gui.gui.report.kept import kept_of
from interp_gui.gui.session.autosave import Autosave
from interp_gui.gui.session.capture import capture, models_of, surroundings_of, work_of
from interp_gui.gui.session.owner import Hold, Owner
from interp_gui.gui.session.questions import ask_held, ask_unsaved
from interp_gui.gui.session.recovery_dialog import RecoveryOffer
from interp_gui.gui.session.restore import Restorer
from interp_gui.gui.settings import Settings
from interp_gui.gui.shared import names_of
from interp_gui.gui.shelf import shelf_of
from interp_gui.gui.state import AppState

SUFFIX = ".interp"
Then = Callable[[], object]


class Views(Protocol):
    """What a session needs of the centre."""

    def snapshot(self) -> dict[str, Any]: ...
    def restore(self, found: object) -> None: ...
    def reset(self) -> None: ...


class Sessions(QObject):
    """Which session a window holds, and whether it was changed.

    Signals
    -------
    changed
        The name, or whether there are unsaved changes.
    recent_changed
        The list of recent sessions in the settings.
    """

    changed = Signal()
    recent_changed = Signal()

    def __init__(
        self,
        window: QWidget,
        state: AppState,
        bridge: EngineBridge,
        documents: Documents,
        settings: Settings,
        views: Callable[[], Views],
    ) -> None:
        super().__init__(window)
        self._window, self._state, self._documents = window, state, documents
        self._settings, self._views = settings, views
        self._id = uuid.uuid4().hex
        self._hold: Hold | None = None
        self._is_recovered = self._keeps_recovery = False
        self.path = ""
        """File of the session; empty if it has none yet."""
        self.name = ""
        """What the window calls it; empty for one without a name."""
        # a thread of its own: a folder that is being scanned must not keep work from being written
        self.background = Background(workers=1, parent=self)
        self.background.failed.connect(documents.tell_problem)
        self.background.run(lambda: None, lambda _: None)
        self.restorer = Restorer(
            window, state, documents, settings, lambda found: views().restore(found)
        )
        self.restorer.filled.connect(self._on_filled)
        self.restorer.finished.connect(self._on_restored)
        self.autosave = Autosave(
            state, self.background, self._id, lambda: (self.take(), self.path),
            lambda: settings.preferences.autosave, self,
        )  # fmt: skip
        bridge.ready.connect(lambda _hello: self.autosave.prepare())
        self._saved_work, self._saved_surroundings = self._now()
        self._is_modified = False
        self._later = QTimer(self, singleShot=True, interval=0)
        self._later.timeout.connect(self._look)
        for signal in (
            shelf_of(state).changed, kept_of(state).changed, names_of(state).changed,
            state.edits_changed, state.stacks_changed, state.watched_changed,
            state.models_changed, state.dataset_changed, state.target_changed,
            state.undo.cleanChanged, state.undo.indexChanged,
        ):  # fmt: skip
            signal.connect(self._later.start)

    # --- what there is -------------------------------------------------------------------------

    @property
    def is_modified(self) -> bool:
        """Whether something would be lost without saving."""
        return self._is_modified

    @property
    def title(self) -> str:
        """Name for the window's title, with the place where Qt puts the mark of changes."""
        if not self.name and not self._is_modified:
            return ""
        return f"{self.name or 'Untitled session'}[*]"

    def take(self) -> SessionDocument:
        """The session as it is now."""
        found = capture(self._state, self._views().snapshot(), self.restorer.absent)
        return self.restorer.overlay(found)

    def _now(self) -> tuple[object, tuple[object, ...]]:
        found = capture(self._state, {}, self.restorer.absent)
        document = self.restorer.overlay(found)
        return work_of(document), surroundings_of(document)

    def _look(self) -> None:
        """See whether anything differs from what was saved."""
        work, surroundings = self._now()
        modified = self._is_recovered or work != self._saved_work
        modified = modified or (bool(self.path) and surroundings != self._saved_surroundings)
        if modified != self._is_modified:
            self._is_modified = modified
            self.changed.emit()

    # --- new -----------------------------------------------------------------------------------

    def new(self) -> None:
        """Begin with nothing open, after asking about unsaved changes."""
        self._unless_unsaved("beginning a new one", self._begin)

    def _begin(self) -> None:
        self._call_it("", "")
        self.restorer.start(SessionDocument())
        self._views().reset()

    def _unless_unsaved(self, before: str, then: Then) -> None:
        if not self._is_modified:
            then()
            return
        ask_unsaved(
            self._window, self.name, before=before, on_save=lambda: self.save(then=then),
            on_discard=then,
        )  # fmt: skip

    # --- opening -------------------------------------------------------------------------------

    def ask_open(self) -> None:
        """Ask for a session file and open it."""
        dialog = self._dialog("Open session")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self.open)
        dialog.open()

    def open(self, path: str) -> None:
        """Open a session file, after asking about unsaved changes."""
        path = os.path.abspath(path)
        self._unless_unsaved(f"opening '{Path(path).stem}'", partial(self._read, path))

    def _read(self, path: str, *, copy: bool = False, by_force: bool = False) -> None:
        def read() -> SessionDocument:
            from interp_gui.core.session.files import read_session

            return read_session(path)

        hold = Hold(Path(path), Owner.this(self._id))
        same = path == self.path
        held = hold.take(by_force=by_force) if not (copy or same) and os.path.exists(path) else None
        if held is not None:
            ask_held(
                self._window, Path(path).name, held, on_copy=partial(self._read, path, copy=True),
                on_take=partial(self._read, path, by_force=True),
            )  # fmt: skip
            return

        def failed(problem: Exception) -> None:
            if not same:
                hold.release()
            if not isinstance(problem, InterpError):
                raise problem
            self._forget(path)
            self._state.notify_problem(problem)

        def done(document: SessionDocument) -> None:
            if copy:
                hold.release()
                self._call_it("", f"{Path(path).stem} (copy)")
            else:
                self._call_it(path, Path(path).stem, self._hold if same else hold)
                self._remember(path)
            self.show(document, os.path.dirname(path))

        self.background.run(read, done, on_error=failed)

    def show(self, document: SessionDocument, folder: str) -> None:
        """Put a session into the window, in place of what there is."""
        self.autosave.pause()
        self.restorer.start(document, folder)

    def recover(self, document: SessionDocument, path: str, then: Then) -> None:
        """Show what a window that is gone left; `then` is called when it is safe again."""

        def safe() -> None:
            self.autosave.saved.disconnect(safe)
            then()

        def restored(_: object) -> None:
            self.restorer.finished.disconnect(restored)
            self.autosave.saved.connect(safe)

        hold = Hold(Path(path), Owner.this(self._id)) if path else None
        if hold is not None and os.path.isdir(os.path.dirname(path)) and hold.take() is None:
            self._call_it(path, Path(path).stem, hold)
        else:
            self._call_it("", f"{Path(path).stem} (recovered)" if path else "")
        self._is_recovered = True
        self.restorer.finished.connect(restored)
        self.show(document, os.path.dirname(path))

    def _on_filled(self) -> None:
        """Opening models may take long: what is done meanwhile is a change, and is written down."""
        self._saved_work, self._saved_surroundings = self._now()
        self._is_modified = self._is_recovered
        self.changed.emit()
        self.autosave.resume()

    def _on_restored(self, document: SessionDocument) -> None:
        # a model that was found elsewhere is a change of the session
        self._saved_surroundings = (models_of(document), *self._now()[1][1:])
        self._state.undo.setClean()
        self._look()

    def _call_it(self, path: str, name: str, hold: Hold | None = None) -> None:
        if self._hold is not None and self._hold is not hold:
            self._hold.release()
        self._hold, self.path, self.name = hold, path, name
        self._is_recovered = False
        self.changed.emit()

    # --- saving --------------------------------------------------------------------------------

    def save(self, *, then: Then | None = None) -> None:
        """Save to the session's file, or ask for one; `then` is called when it is saved."""
        if self.path:
            self._write(self.path, then)
        else:
            self.save_as(then=then)

    def save_as(self, *, then: Then | None = None) -> None:
        """Ask for a file and save to it."""
        dialog = self._dialog("Save session")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(SUFFIX.lstrip("."))
        dialog.selectFile(f"{self.name or 'session'}{SUFFIX}")
        dialog.fileSelected.connect(lambda path: self.save_to(path, then=then))
        dialog.open()

    def save_to(self, path: str, *, then: Then | None = None) -> None:
        """Save to a file, which becomes that of the session."""
        path = os.path.abspath(path)
        if path == self.path:
            self._write(path, then)
            return
        hold = Hold(Path(path), Owner.this(self._id))
        held = hold.take()
        if held is not None:
            self._state.notify(
                "error",
                f"'{Path(path).name}' is open in another window, and was not overwritten.",
                "Choose another name, or close it there first.",
            )
            return

        def written() -> None:
            self._call_it(path, Path(path).stem, hold)
            self._remember(path)

        self._write(path, then, before_done=written, on_failed=hold.release)

    def _write(
        self,
        path: str,
        then: Then | None,
        *,
        before_done: Then | None = None,
        on_failed: Then | None = None,
    ) -> None:
        document = self.take()
        work, surroundings = self._now()
        index = self._state.undo.index()

        def write() -> None:
            from interp_gui.core.session.files import write_session

            write_session(path, document)

        def done(_: object) -> None:
            if before_done is not None:
                before_done()
            self._saved_work, self._saved_surroundings = work, surroundings
            self._is_recovered = False
            if self._state.undo.index() == index:
                self._state.undo.setClean()
            self._is_modified = True  # so that it is told, whatever it was
            self._look()
            self.autosave.schedule()
            self._state.notify("success", f"The session was saved to '{Path(path).name}'.")
            if then is not None:
                then()

        def failed(problem: Exception) -> None:
            if on_failed is not None:
                on_failed()
            if not isinstance(problem, InterpError):
                raise problem
            self._state.notify_problem(problem)

        self.background.run(write, done, on_error=failed)

    # --- recent sessions -----------------------------------------------------------------------

    def _remember(self, path: str) -> None:
        self._settings.add_recent_session(path)
        self._settings.change(last_folder=os.path.dirname(path))
        self.recent_changed.emit()

    def _forget(self, path: str) -> None:
        if not os.path.exists(path):
            others = [p for p in self._settings.values.recent_sessions if p != path]
            self._settings.change(recent_sessions=tuple(others))
            self.recent_changed.emit()

    # --- the end -------------------------------------------------------------------------------

    def offer_recovery(self) -> RecoveryOffer:
        """Look for what windows that are gone left, and ask what becomes of it."""
        offer = RecoveryOffer(
            self._window, self._state, self.background, lambda: Owner.this(self._id), self.recover
        )
        offer.look()
        return offer

    def keep_recovery(self) -> None:
        """Write down what is unsaved, to be offered at the next start: nobody can be asked."""
        if self._is_modified:
            self.autosave.flush()
            self._keeps_recovery = True

    def close(self) -> None:
        """Wait for what is being written, and leave nothing behind."""
        self.restorer.stop()
        self.background.close()
        self.autosave.end(keep=self._keeps_recovery)
        if self._hold is not None:
            self._hold.release()

    def _dialog(self, title: str) -> QFileDialog:
        start = os.path.dirname(self.path) or self._settings.values.last_folder
        dialog = QFileDialog(self._window, title, start)
        dialog.setNameFilters([f"Sessions (*{SUFFIX})", "All files (*)"])
        dialog.finished.connect(dialog.deleteLater)
        return dialog
