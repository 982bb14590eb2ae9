"""No words out of a file are read as HTML: it could load pictures from anywhere."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QPixmap
from PySide6.QtWidgets import QApplication, QLabel, QToolTip, QWidget

from interp_gui.gui.theme import Theme


@pytest.fixture
def theme(qapp):
    made = Theme(qapp)
    yield made
    qapp.setStyleSheet("")


def test_tooltips_are_plain(qtbot, theme, tmp_path):
    picture = QPixmap(400, 300)
    picture.fill(QColor("red"))
    assert picture.save(str(tmp_path / "picture.png"))
    under = QWidget()
    qtbot.addWidget(under)
    under.show()
    words = f"<b>layer</b><img src='file://{tmp_path / 'picture.png'}'>"
    QToolTip.showText(QPoint(5, 5), words, under)
    tips = [
        each for each in QApplication.topLevelWidgets()
        if isinstance(each, QLabel) and each.inherits("QTipLabel")
    ]  # fmt: skip
    QToolTip.hideText()
    assert [tip.textFormat() for tip in tips] == [Qt.TextFormat.PlainText]
    assert tips[0].height() < 300  # the picture is not in it
