"""The second image, from which values are taken."""

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent

from interp_gui.core.analysis import AnalysisInfo
from interp_gui.gui.tabs.analysis_tab import AnalysisTab

PATCHING = AnalysisInfo(
    id="activation-patching", title="Patch", summary="Two images.",
    needs=("image", "source", "target"), produces=("matrix",), parameters=(),
)  # fmt: skip


@pytest.fixture
def tab(state, bridge, actions, ready, qtbot):
    widget = AnalysisTab(state, bridge, actions, PATCHING)
    qtbot.addWidget(widget)
    return widget


def test_a_second_image_has_to_be_chosen(tab, state, model, image, tmp_path):
    assert tab.source.isVisibleTo(tab)
    assert tab.what_is_missing() == "Open a second image to take values from."
    assert tab.request() is None
    state.set_watched((state.image, "/there/other.png"))
    assert tab.source.path == "/there/other.png"  # never the current one
    assert tab.request().inputs.images == (state.image, "/there/other.png")
    state.set_watched(())
    assert tab.source.path == ""


def test_an_image_that_is_dropped_is_the_source(tab, state, model, image):
    state.set_watched(("/there/other.png",))
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile("/elsewhere/dropped.jpg")])
    actions, left = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    none = Qt.KeyboardModifier.NoModifier
    dropped = QDropEvent(QPointF(5, 5), actions, mime, left, none)
    assert tab.source.eventFilter(tab.source, dropped)
    assert dropped.isAccepted()
    assert tab.source.path == "/elsewhere/dropped.jpg"
    assert tab.request().inputs.images == (state.image, "/elsewhere/dropped.jpg")
    # the press that begins a drag has made the image current: the one before is so again
    base = state.image
    state.set_image("/elsewhere/dropped.jpg")
    dropped = QDropEvent(QPointF(5, 5), actions, mime, left, none)
    assert tab.source.eventFilter(tab.source, dropped)
    assert tab.request().inputs.images == (base, "/elsewhere/dropped.jpg")
    state.set_watched(("/there/third.png",))
    assert tab.source.path == "/elsewhere/dropped.jpg"


def test_other_analyses_have_no_source(state, bridge, actions, ready, model, image, qtbot):
    widget = AnalysisTab(state, bridge, actions, bridge.analyses["grad-cam"])
    qtbot.addWidget(widget)
    assert not widget.source.isVisibleTo(widget)
    state.set_watched(("/there/other.png",))
    request = widget.request()
    assert request is None or request.inputs.images == (state.image,)
