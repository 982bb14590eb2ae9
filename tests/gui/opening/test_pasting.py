import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QUrl
from PySide6.QtGui import QColor, QGuiApplication, QImage

from interp_gui.core.errors import OutputProblem
from interp_gui.gui.opening.pasting import keep, paths_in


@pytest.fixture(autouse=True)
def own_data(tmp_path, monkeypatch):
    monkeypatch.setenv("INTERP_GUI_DATA", str(tmp_path / "data"))


def picture(colour="red"):
    image = QImage(20, 10, QImage.Format.Format_ARGB32)
    image.fill(QColor(colour))
    return image


def paste(window, mime):
    QGuiApplication.clipboard().setMimeData(mime)
    window.actions_["edit.paste"].trigger()


def test_a_pasted_picture_is_kept_and_becomes_current(window, tmp_path, qtbot):
    mime = QMimeData()
    mime.setImageData(picture())
    paste(window, mime)
    qtbot.waitUntil(lambda: window.state.image is not None)
    assert window.state.image.startswith(str(tmp_path / "data" / "pasted"))
    assert np.asarray(Image.open(window.state.image))[0, 0, :3].tolist() == [255, 0, 0]
    QGuiApplication.clipboard().clear()


def test_pasted_files_and_paths_are_opened(window, pictures, qtbot):
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(pictures / "cat" / "cat1.png"))])
    paste(window, mime)
    qtbot.waitUntil(lambda: window.state.dataset is not None)
    mime = QMimeData()
    mime.setText(f"{pictures / 'dog'}\n")
    paste(window, mime)
    qtbot.waitUntil(lambda: len(window.state.dataset.images) == 5)
    QGuiApplication.clipboard().clear()


def test_words_are_no_images(window, qtbot):
    mime = QMimeData()
    mime.setText("hello there")
    paste(window, mime)
    qtbot.waitUntil(lambda: bool(window.toasts.shown))
    assert window.toasts.shown[0].note.message == "The clipboard holds no image."
    QGuiApplication.clipboard().clear()


def test_the_same_picture_is_kept_once(tmp_path):
    first, again = keep(picture(), tmp_path), keep(picture(), tmp_path)
    assert first == again
    assert keep(picture("blue"), tmp_path) != first
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputProblem, match="cannot be kept"):
        keep(picture(), tmp_path / "file" / "below")


def test_paths_in_a_text(pictures):
    path = pictures / "cat" / "cat0.png"
    assert paths_in(f'"{path}"\n\nfile://{path}') == [str(path), str(path)]
    assert paths_in(f"{path}\nand words") == []
    assert paths_in("relative.png") == paths_in("") == paths_in("\0") == []
