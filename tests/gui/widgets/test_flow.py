import gc

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QLineEdit, QPushButton, QVBoxLayout, QWidget

from interp_gui.gui.widgets.flow import FlowRow


@pytest.fixture
def bar(qtbot):
    """Three buttons of 100 px, a line that grows from 80 px, and a button at the end."""
    outer = QWidget()
    qtbot.addWidget(outer)
    column = QVBoxLayout(outer)
    column.setContentsMargins(0, 0, 0, 0)
    row = FlowRow(spacing=10)
    widgets = [QPushButton(str(i)) for i in range(3)]
    for button in widgets:
        button.setFixedSize(100, 20)
        row.addWidget(button)
    line = QLineEdit()
    line.setMinimumWidth(80)
    row.addWidget(line)
    row.add_gap()
    last = QPushButton("end")
    last.setFixedSize(100, 20)
    row.addWidget(last)
    column.addLayout(row)
    column.addStretch(1)
    outer.show()
    return outer, [*widgets, line, last]


def shown_at(bar, width, qapp):
    outer, widgets = bar
    outer.resize(width, 300)
    qapp.processEvents()
    return [(w.x(), w.y(), w.width()) for w in widgets]


def test_with_room_all_stand_in_one_line_and_the_line_grows(bar, qapp):
    places = shown_at(bar, 800, qapp)
    assert len({y for _, y, _ in places[:3]}) == 1
    assert places[-1][0] + 100 == 800
    assert places[3][2] == 800 - 4 * 100 - 4 * 10


def test_without_room_they_wrap_and_none_is_clipped_or_covered(bar, qapp):
    outer, widgets = bar
    for width in (330, 220, 120):
        shown_at(bar, width, qapp)
        rects = [w.geometry() for w in widgets]
        assert all(outer.rect().contains(rect) for rect in rects), width
        assert not any(
            one.intersects(other) for i, one in enumerate(rects) for other in rects[i + 1 :]
        )
    assert len({w.y() for w in widgets}) == 5


def test_what_is_hidden_takes_no_room(bar, qapp):
    _, widgets = bar
    widgets[0].hide()
    places = shown_at(bar, 800, qapp)
    assert places[1][0] == 0


def test_the_layout_asks_for_the_height_of_its_lines(bar, qapp):
    outer, _ = bar
    row = outer.layout().itemAt(0).layout()
    assert row.heightForWidth(120) > row.heightForWidth(330) > row.heightForWidth(800)


def test_a_deleted_widget_leaves_its_row(bar, qapp):
    outer, widgets = bar
    row = outer.layout().itemAt(0).layout()
    widgets[0].deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()
    assert row.count() == 4
    outer.resize(800, 300)
    qapp.processEvents()
    assert widgets[1].x() == 0


def test_margins_are_kept_free(bar, qapp):
    outer, widgets = bar
    outer.layout().itemAt(0).layout().setContentsMargins(7, 5, 7, 5)
    for width in (330, 800):
        shown_at(bar, width, qapp)
        assert min(w.x() for w in widgets) == 7
        assert min(w.y() for w in widgets) >= 5
        assert max(w.x() + w.width() for w in widgets) <= width - 7
