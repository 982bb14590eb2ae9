"""Every control of every panel, view and dialog has a name, a role and a description."""

from itertools import pairwise

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
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
    QDockWidget,
    QFrame,
    QLabel,
    QLineEdit,
    QMenu,
    QMenuBar,
    QMessageBox,
    QPushButton,
    QScrollArea,
    QScrollBar,
    QSplitter,
    QSplitterHandle,
    QTabBar,
    QWidget,
)
from shiboken6 import isValid

from interp_gui.gui.views.frame import ViewFrame

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
    qtbot.waitUntil(lambda: window.state.image is not None)
    return window


@pytest.fixture
def crowded(furnished, client, describe, make_atlas, qtbot):
    """With something in every list, several models, and views side by side and torn off."""
    from interp_gui.core.feature import Feature
    from interp_gui.core.recipe import ModelIdentity, Recipe
    from interp_gui.core.result import Table
    from interp_gui.gui.report.kept import kept_of
    from interp_gui.gui.shelf import shelf_of
    from interp_gui.gui.state import OpenModelState

    window, state = furnished, furnished.state
    other = OpenModelState("model-2", describe(weights_sha256="77" * 32), "/models/other.pth")
    state.set_models((*state.models, other))
    feature = Feature.resolve("features.14:7", state.model.description)
    state.open_feature(feature)
    shelf_of(state).collect((feature,))
    described = state.model.description
    identity = ModelIdentity(name="net", weights_sha256="a" * 64, architecture="n", library="t")
    brightness = Recipe(
        analysis="brightness", model=identity, preprocessing=described.preprocessing
    )
    table = Table(key="t", title="Units", columns=("unit",), cells=((7,),))
    kept_of(state).keep(table, brightness)
    window.centre.tab("atlas").show_result(
        make_atlas(300, sides=(10,), pictures=[(10, "crop"), (10, "icon")]), None
    )
    window.centre.open_beside("unit")
    window.centre.open("wall")
    window.centre.desk.tear_off(window.centre.desk.active)
    qtbot.waitUntil(lambda: len(window.centre.desk.windows) == 1)
    assert window.bridge.jobs
    for dock in window.docks.values():
        dock.show()
    yield window
    window.centre.close_windows()


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
    assert {"image", "wall", "unit", "atlas"} <= names
    assert not (f := faults(furnished)), "\n".join(f)


def test_every_panel_and_view_with_contents(crowded):
    assert faults(crowded) == []
    torn = crowded.centre.desk.windows[0]
    assert faults(torn) == []


def test_every_action_says_what_it_does(furnished):
    for spec in furnished.actions_.specs:
        action = furnished.actions_[spec.id]
        assert action.text().replace("&", "").strip(), spec.id
        assert len(spec.tooltip.split()) >= 1, spec.id
        assert action.toolTip().strip(), spec.id


def stops(top):
    """What Tab can go to."""
    return [
        widget
        for widget in top.findChildren(QWidget)
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        and widget.isVisible() and widget.isEnabled() and widget.window() is top
        and widget.focusProxy() is None
    ]  # fmt: skip


def tab_round(top, key=Qt.Key.Key_Tab, most=300):
    """Press Tab until the focus is back where it was; what it went to, in order."""
    first = QApplication.focusWidget()
    seen = [first]
    for _ in range(most):
        QTest.keyClick(QApplication.focusWidget(), key)
        now = QApplication.focusWidget()
        assert now is not seen[-1], f"Tab stays in {type(now).__name__} '{now.accessibleName()}'"
        if now is first:
            return seen
        seen.append(now)
    raise AssertionError("Tab never comes back")


@pytest.mark.parametrize("tab", ["image", "wall", "unit", "atlas", "analysis:brightness"])
@pytest.mark.parametrize("panel", ["shelf", "jobs", "log"])
def test_tab_reaches_every_control_and_comes_back(furnished, qtbot, tab, panel):
    window = furnished
    window.activateWindow()
    window.state.set_tab(tab)
    window.docks[panel].raise_()
    qtbot.waitUntil(window.isActiveWindow)
    qtbot.wait(20)
    window.model_panel.models.setFocus()
    seen = tab_round(window)
    missed = [w for w in stops(window) if w not in seen and not isinstance(w, QScrollArea)]
    print("ROUND", len(seen), len(stops(window)))
    assert not missed, [f"{type(w).__name__} '{w.accessibleName()}'" for w in missed]
    assert not (f := jumps(seen)), "\n".join(f)


def test_tab_reaches_every_control_of_a_map(furnished, make_atlas, qtbot):
    window = furnished
    window.activateWindow()
    window.state.set_tab("atlas")
    view = window.centre.tab("atlas")
    view.show_result(make_atlas(300, sides=(10,), pictures=[(10, "crop")]), None)
    view.canvas.selected.emit(view.looking.kept.atlas.level(10).examples[0][:3])
    qtbot.waitUntil(window.isActiveWindow)
    qtbot.wait(20)
    view.layers.setFocus()
    seen = tab_round(window)
    missed = [w for w in stops(window) if w not in seen and not isinstance(w, QScrollArea)]
    assert not missed, [f"{type(w).__name__} '{w.accessibleName()}'" for w in missed]
    assert not (f := jumps(seen)), "\n".join(f)


def jumps(seen):
    """Where the focus goes back up within one panel or view."""
    found = []
    for one, two in pairwise(seen):
        if home(one) is None or home(one) is not home(two):
            continue
        a, b = place(one), place(two)
        if b.bottom() <= a.top() and b.left() <= a.right():
            found.append(
                f"{type(one).__name__} '{one.accessibleName()}' -> "
                f"{type(two).__name__} '{two.accessibleName()}'"
            )
    return found


def home(widget):
    """The smallest thing of panels, views and columns that a widget is in."""
    return next(
        (w for w in ancestors(widget) if isinstance(w, (QDockWidget, QSplitter, ViewFrame))), None
    )


def place(widget):
    return QRect(widget.mapToGlobal(QPoint()), widget.size())


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
            buttons = dialog.findChildren(QPushButton)
            if buttons and not any(button.isDefault() for button in buttons):
                found.append(f"{spec.id}: has no default button")
            QTest.keyClick(dialog, Qt.Key.Key_Escape)
            if isValid(dialog) and dialog.isVisible():
                found.append(f"{spec.id}: Esc does not close it")
                dialog.close()
        qtbot.wait(1)
    assert len(set(opened)) >= 6, opened
    assert not found, "\n".join(found)


FILE_DIALOGS = frozenset(
    ("file.open_model", "file.open_images", "file.open_folder", "file.open_model_folder",
     "file.look", "file.import_table", "session.open", "session.save_as", "help.doctor",
     "intervene.open", "intervene.save")
)  # fmt: skip
"""Qt's own, or run a process of their own (it has its own test)."""
