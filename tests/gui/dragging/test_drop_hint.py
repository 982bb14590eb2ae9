import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, QRect, QSize, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QScrollArea, QWidget

from interp_gui.core.feature import MIME_TYPE, Feature
from interp_gui.core.model import Preprocessing
from interp_gui.core.recipe import ModelIdentity, Recipe
from interp_gui.gui.dragging.drag import mime_for
from interp_gui.gui.dragging.drop_hint import DropHint, Refusal, sentence_box
from interp_gui.gui.dragging.sentences import of_features, of_files, of_recipe
from interp_gui.gui.dragging.window_drops import WindowDrops

SEVEN = Feature(layer="features.14", units=(7,))
BUTTON, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


class Target(QWidget):
    def __init__(self, parent=None):
        super().__init__(parent)
        self.dropped = []
        self.resize(300, 200)

    def dragEnterEvent(self, event):
        event.acceptProposedAction()

    def dropEvent(self, event):
        self.dropped.append(event.mimeData().text())


def send(widget, kind, mime, at=(5, 5)):
    if kind is QDragLeaveEvent:
        event = QDragLeaveEvent()
    elif kind is QDropEvent:
        event = QDropEvent(QPointF(*at), Qt.DropAction.CopyAction, mime, BUTTON, NONE)
    else:
        event = kind(QPoint(*at), Qt.DropAction.CopyAction, mime, BUTTON, NONE)
    QApplication.sendEvent(widget, event)
    return event


def overlay_of(widget):
    return next(c for c in widget.findChildren(QWidget) if c.accessibleName() == "Drop preview")


def text(words):
    mime = QMimeData()
    mime.setText(words)
    return mime


@pytest.fixture
def target(qtbot):
    target = Target()
    qtbot.addWidget(target)
    target.show()
    return target


def test_what_will_happen_is_said_while_it_is_dragged(target):
    hint = DropHint(target, lambda mime: f"Keep {mime.text()}")
    assert not overlay_of(target).isVisible()
    assert send(target, QDragEnterEvent, text("seven")).isAccepted()
    assert overlay_of(target).isVisible()
    assert overlay_of(target).accessibleDescription() == "Keep seven"
    assert overlay_of(target).geometry() == target.rect()
    send(target, QDragLeaveEvent, None)
    assert not overlay_of(target).isVisible()
    send(target, QDragEnterEvent, text("nine"))
    send(target, QDropEvent, text("nine"))
    assert not overlay_of(target).isVisible()
    assert (target.dropped, hint.text) == (["nine"], "")


def test_what_is_refused_says_why_and_never_arrives(target):
    hint = DropHint(target, lambda _: Refusal("This layer has no places: there is no map."))
    enter = send(target, QDragEnterEvent, text("x"))
    assert hint.refused
    assert overlay_of(target).accessibleDescription().startswith("This layer has no places")
    # accepted, so that Qt tells when the drag leaves, but with no action
    assert (enter.isAccepted(), enter.dropAction()) == (True, Qt.DropAction.IgnoreAction)
    assert send(target, QDragMoveEvent, text("x")).dropAction() == Qt.DropAction.IgnoreAction
    send(target, QDropEvent, text("x"))
    assert target.dropped == []
    assert not overlay_of(target).isVisible()


def test_what_is_none_of_its_business_goes_on_to_the_widget(target):
    DropHint(target, lambda _: "")
    send(target, QDragEnterEvent, text("x"))
    assert not overlay_of(target).isVisible()
    send(target, QDropEvent, text("x"))
    assert target.dropped == ["x"]


def test_a_sentence_can_follow_the_place(target):
    hint = DropHint(target, lambda _: "left" if hint.position.x() < 150 else "right", by_place=True)
    send(target, QDragEnterEvent, text("x"), (10, 10))
    assert hint.text == "left"
    send(target, QDragMoveEvent, text("x"), (200, 10))
    assert hint.text == "right"


def test_the_sentence_stands_where_the_dragged_picture_does_not_cover_it():
    size = QSize(200, 30)
    high = sentence_box(QRect(0, 0, 600, 500), size)
    assert high.top() > 400, "at the foot, so that the target can be seen"
    low = sentence_box(QRect(0, 0, 600, 180), size)
    assert low.top() < 20
    for box in (high, low):
        assert abs(box.center().x() - 300) <= 1
        assert box.size() == size
    assert sentence_box(QRect(0, 0, 600, 20), size).top() == 0


def test_a_list_shows_it_over_all_of_it(qtbot):
    area = QScrollArea()
    qtbot.addWidget(area)
    area.resize(300, 200)
    area.show()
    DropHint(area, lambda _: "Keep it")
    send(area.viewport(), QDragEnterEvent, text("x"))
    assert overlay_of(area).geometry() == area.rect()


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["mobilenet.pth"], "Open mobilenet.pth as a model"),
        (["Cat.JPG"], "Open Cat.JPG as an image"),
        (["work.interp"], "Open the session work.interp"),
        (["folder"], "Open the images in folder"),
        (["birds.CSV"], "Import the images that birds.CSV lists"),
        (["notes.xyz"], "See whether notes.xyz is a model"),
        (["a.pt", "b.png", "c.png", "folder"], "Open 1 model, 2 images and 1 folder of images"),
        (["a.pt2", "vit", "notes.xyz"], "Open 2 models and 1 other file"),
        (["vit"], "Open vit as a model"),
        (["b.png", "c.png"], "Open 2 images"),
        ([], ""),
    ],
)
def test_files_are_named_by_what_they_become(tmp_path, names, sentence):
    (tmp_path / "folder").mkdir()
    (tmp_path / "vit").mkdir()
    for name in ("config.json", "model.safetensors"):
        (tmp_path / "vit" / name).touch()
    assert of_files([str(tmp_path / name) for name in names]) == sentence


def test_features_are_named_and_refused_in_words():
    def say(name):
        return f"Keep {name}"

    assert of_features(mime_for([SEVEN]), say) == "Keep features.14:7"
    assert of_features(mime_for([SEVEN, SEVEN]), say) == "Keep 2 features"
    assert of_features(text("x"), say) == ""
    refused = of_features(mime_for([SEVEN]), say, why_not=lambda _: "No.")
    assert (refused, type(refused)) == ("No.", Refusal)
    broken = QMimeData()
    broken.setData(MIME_TYPE, b"nonsense")
    assert isinstance(of_features(broken, say), Refusal)


def test_an_exported_picture_is_looked_into_while_it_is_dragged(target, background, qtbot):
    recipe = Recipe(
        analysis="feature-visualization", features=(SEVEN,),
        model=ModelIdentity(name="a", architecture="b", library="c", weights_sha256="d"),
        preprocessing=Preprocessing(),
    )  # fmt: skip
    hint = WindowDrops(target, background, lambda path: recipe if "made" in path else None)
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile("/pictures/made.png")])
    send(target, QDragEnterEvent, mime)
    assert hint.text == "Open made.png as an image"
    qtbot.waitUntil(lambda: hint.text == of_recipe(recipe))
    assert "features.14:7" in hint.text
    mime.setUrls([QUrl.fromLocalFile("/pictures/other.png")])
    send(target, QDragEnterEvent, mime)
    assert hint.text == "Open other.png as an image"
    background.close()
    assert hint.text == "Open other.png as an image"
