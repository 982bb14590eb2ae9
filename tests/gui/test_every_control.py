"""Every control of every panel, view and dialog has a name, a role and a description."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractScrollArea,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFrame,
    QLabel,
    QLineEdit,
    QMenu,
    QMenuBar,
    QMessageBox,
    QScrollArea,
    QScrollBar,
    QSplitterHandle,
    QTabBar,
    QWidget,
)

CONTROLS = (
    QAbstractButton, QAbstractItemView, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit,
)  # fmt: skip
COMPOUND = (QAbstractSpinBox, QComboBox, QTabBar, QMenuBar, QMessageBox, QAbstractItemView)
WITHOUT = (QScrollBar, QScrollArea, QLabel, QMenu, QSplitterHandle)


def ancestors(widget):
    while (widget := widget.parentWidget()) is not None:
        yield widget


def is_control(widget):
    """Whether a person can do something with it."""
    if isinstance(widget, WITHOUT) or widget.objectName().startswith("qt_"):
        return False
    if any(isinstance(above, COMPOUND) for above in ancestors(widget)):
        return False
    if isinstance(widget, QLineEdit) and isinstance(widget.parentWidget(), QComboBox):
        return False
    if isinstance(widget, CONTROLS):
        return True
    takes_focus = bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
    is_viewport = isinstance(widget.parentWidget(), QAbstractScrollArea)
    return takes_focus and not is_viewport and type(widget) not in (QWidget, QFrame)


def described_elsewhere(widget):
    """Standard buttons say all there is to say; a button with words is described by them."""
    if isinstance(widget.parentWidget(), QDialogButtonBox | QMessageBox):
        return True
    if isinstance(widget, QTabBar):  # Qt tells of its tabs, each by its title
        return True
    text = widget.text() if isinstance(widget, QAbstractButton) else ""
    return len(text.split()) >= 2


def faults(top):
    found = []
    for widget in (top, *top.findChildren(QWidget)):
        if not is_control(widget):
            continue
        told = QAccessible.queryAccessibleInterface(widget)
        where = " < ".join(
            f"{type(w).__name__} '{w.accessibleName() or w.objectName()}'"
            for w in (widget, *list(ancestors(widget))[:3])
        )
        if told is None:
            found.append(f"is not told at all: {where}")
            continue
        if isinstance(widget, QTabBar) and widget.count() == 0:
            continue  # it is not shown, and bears the name of the tab in front
        if not told.text(QAccessible.Text.Name).strip():
            found.append(f"has no name: {where}")
        if told.role() in (QAccessible.Role.NoRole, QAccessible.Role.Client):
            found.append(f"has no role: {where}")
        if not described_elsewhere(widget) and not told.text(QAccessible.Text.Description).strip():
            found.append(f"has no description: {where}")
    return found


@pytest.fixture
def factory(qapp):
    from interp_gui.gui.accessible import AccessibleFactory

    factory = AccessibleFactory()
    yield factory
    factory.close()


@pytest.fixture
def furnished(factory, window, relay, greet, model, pictures, qtbot):
    """The window with a model and images, and every view open."""
    relay(greet())
    qtbot.waitUntil(lambda: window.bridge.is_ready)
    window.state.set_models((model,))
    window.state.set_model(model)
    window.documents.add_images([str(pictures)])
    qtbot.waitUntil(lambda: window.state.dataset is not None)
    window.centre.show_analysis("brightness")
    return window


def test_the_measure_finds_what_is_missing(factory, qtbot):
    from PySide6.QtWidgets import QPushButton, QSpinBox, QVBoxLayout

    class Canvas(QWidget):
        pass

    top = QWidget()
    qtbot.addWidget(top)
    column = QVBoxLayout(top)
    canvas = Canvas()
    canvas.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    for widget in (QSpinBox(), QPushButton("Go"), QPushButton(), canvas):
        column.addWidget(widget)
    found = faults(top)
    assert sum("has no name" in fault for fault in found) == 3
    assert sum("has no role" in fault for fault in found) == 1
    assert sum("has no description" in fault for fault in found) == 4


def test_the_empty_window(factory, window):
    assert not (f := faults(window)), "\n".join(f)


def test_every_panel_and_view(furnished):
    names = {w.objectName() for w in furnished.findChildren(QWidget)}
    assert {"model", "images", "output", "jobs", "log", "shelf"} <= names
    assert {"image", "wall", "unit"} <= names
    assert not (f := faults(furnished)), "\n".join(f)


def dialogs():
    return [w for w in QApplication.topLevelWidgets() if isinstance(w, QDialog) and w.isVisible()]


def test_every_dialog_that_a_command_opens(furnished, qtbot):
    opened, found = [], []
    window = furnished
    for spec in window.actions_.specs:
        title = window.actions_[spec.id].text()
        opens = title.endswith("…") and window.actions_[spec.id].isEnabled()
        if not opens or spec.id in FILE_DIALOGS:
            continue
        window.actions_[spec.id].trigger()
        qtbot.wait(20)
        for dialog in dialogs():
            opened.append(spec.id)
            found += [f"{spec.id}: {fault}" for fault in faults(dialog)]
            dialog.close()
        qtbot.wait(1)
    assert len(set(opened)) >= 6, opened
    assert not found, "\n".join(found)


FILE_DIALOGS = frozenset(
    ("file.open_model", "file.open_images", "file.open_folder", "file.import_table",
     "session.open", "session.save_as", "help.doctor")
)  # fmt: skip
"""Qt's own, or run a process of their own (it has its own test)."""
