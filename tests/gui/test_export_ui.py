import numpy as np
import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialogButtonBox

from interp_gui.core.feature import Feature
from interp_gui.core.result import Bars, Grid, Picture
from interp_gui.gui.export_ui import (
    Exportable,
    ExportDialog,
    copy_result,
    file_stem,
    sheet,
    write,
)
from interp_gui.gui.shared import background_of


@pytest.fixture(autouse=True)
def own_settings(tmp_path):
    from PySide6.QtCore import QSettings

    QSettings.setDefaultFormat(QSettings.Format.IniFormat)
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(tmp_path))


@pytest.fixture
def told(state):
    found = []
    state.notified.connect(found.append)
    yield found
    background_of(state).close()


def picture(title="features.14:7"):
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    feature = Feature(layer="features.14", units=(7,))
    return Picture(
        key=title, title=title, pixels=pixels, feature=feature, numbers={"activation": 2.5}
    )


def test_files_are_written_off_the_event_loop(state, told, tmp_path, qtbot):
    paths = [tmp_path / f"x.{ending}" for ending in ("png", "svg", "csv", "npz")]
    write(state, [Exportable(picture())] * 4, paths)
    qtbot.waitUntil(lambda: bool(told))
    assert told[0].level == "success"
    assert all(path.stat().st_size > 0 for path in paths)


def test_a_folder_that_is_not_there_is_a_toast(state, told, tmp_path, qtbot):
    write(state, [Exportable(picture())], [tmp_path / "nowhere" / "x.png"])
    qtbot.waitUntil(lambda: bool(told))
    assert told[0].level == "error"


def test_copy_puts_picture_numbers_and_feature_on_the_clipboard(state, told, qtbot):
    copy_result(state, picture())
    mime = QGuiApplication.clipboard().mimeData()
    assert mime.hasImage()
    assert "features.14:7" in mime.text()
    assert "activation 2.5" in mime.text()
    copy_result(state, Bars(key="b", title="Bars", labels=("x",), values=(1.0,)))
    qtbot.waitUntil(lambda: len(told) == 2)
    assert QGuiApplication.clipboard().mimeData().text() == "Bars"


def test_dialog_keeps_name_and_format_together(qtbot, tmp_path):
    dialog = ExportDialog("features.14:7, 3 units")
    qtbot.addWidget(dialog)
    assert dialog.path.text().endswith("features.14-7-3-units.png")
    dialog.path.setText(str(tmp_path / "a.png"))
    dialog.format.setCurrentIndex(dialog.format.findData("pdf"))
    assert dialog.paths(["t"]) == [tmp_path / "a.pdf"]
    save = dialog.buttons.button(QDialogButtonBox.StandardButton.Save)
    assert save.isEnabled()
    dialog.path.setText(str(tmp_path / "missing" / "a.pdf"))
    assert not save.isEnabled()
    assert "does not exist" in dialog.note.text()
    dialog.format.setCurrentIndex(dialog.format.findData("csv"))
    assert not dialog.scale.isEnabled()


def test_many_files_get_names_of_their_own(qtbot, tmp_path):
    titles = ["a:1", "a:1", "b/../c"]
    dialog = ExportDialog("x", titles=titles)
    qtbot.addWidget(dialog)
    (tmp_path / "a-1.svg").touch()
    dialog.path.setText(str(tmp_path))
    assert dialog.note.text().splitlines() == [
        "3 files will be written:", "a-1.png", "a-1-2.png", "b-..-c.png"
    ]  # fmt: skip
    dialog.format.setCurrentIndex(dialog.format.findData("svg"))
    assert "a-1-2.svg" in dialog.note.text()
    assert "1 of them exist" in dialog.note.text()
    dialog.format.setCurrentIndex(dialog.format.findData("png"))
    paths = dialog.paths(titles)
    assert [p.name for p in paths] == ["a-1.png", "a-1-2.png", "b-..-c.png"]
    assert all(p.parent == tmp_path for p in paths)


def test_stems_are_safe():
    assert file_stem("../../etc/passwd") == "etc-passwd"
    assert file_stem("") == "result"
    assert len(file_stem("x" * 500)) == 100


def test_a_sheet_holds_all_pictures():
    made = sheet("Sheet", [Exportable(picture("a")), Exportable(picture("b"))])
    assert isinstance(made.result, Grid)
    assert len(made.result.items) == 2
    assert made.recipe is None  # not every picture has one
