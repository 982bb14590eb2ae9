import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QFileDialog, QScrollArea

from interp_gui.core.analysis import Progress
from interp_gui.engine.messages import EngineLost, OpenModel, Progressed
from interp_gui.gui.actions import ActionSpec
from interp_gui.gui.welcome.drop_zone import HEADING
from interp_gui.gui.welcome.gallery import SamplesGallery
from interp_gui.samples import places


@pytest.fixture
def page(window):
    return window.centre.welcome


@pytest.fixture(autouse=True)
def few_pictures(monkeypatch):
    monkeypatch.setattr(places, "PICTURES", 8)


@pytest.fixture
def ready(window, client, greet, qtbot):
    client.emit(greet())
    qtbot.waitUntil(lambda: window.bridge.is_ready)
    return window


def mime(*paths):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return data


def drag(widget, data):
    event = QDragEnterEvent(
        QPoint(9, 9), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    event.ignore()
    QApplication.sendEvent(widget, event)
    return event


def drop(widget, data):
    event = QDropEvent(
        QPoint(9, 9).toPointF(), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    QApplication.sendEvent(widget, event)


# --- dropping ----------------------------------------------------------------------------------


@pytest.mark.parametrize("over", ["page", "zone"])
def test_what_is_dragged_over_it_is_told_before_it_is_dropped(page, tmp_path, over):
    target = page.viewport() if over == "page" else page.zone
    file = tmp_path / "net.pth"
    file.write_bytes(b"x")
    assert drag(target, mime(file)).isAccepted()
    assert page.zone.lit
    assert page.heading.text() == "Open net.pth as a model"
    assert page.zone.accessibleName() == "Open net.pth as a model"
    QApplication.sendEvent(target, QDragLeaveEvent())
    assert not page.zone.lit
    assert page.heading.text() == HEADING


def test_what_is_no_file_is_not_taken(page):
    words = QMimeData()
    words.setText("net.pth")
    assert not drag(page, words).isAccepted()
    assert not page.zone.lit


@pytest.mark.parametrize("over", ["page", "zone"])
def test_what_is_dropped_on_it_opens(ready, client, page, tmp_path, over, qtbot):
    target = page.viewport() if over == "page" else page.zone
    file = tmp_path / "net.pth"
    file.write_bytes(b"x")
    drag(target, mime(file))
    drop(target, mime(file))
    assert client.requests[client.last(OpenModel)].path == str(file)
    assert not page.zone.lit
    assert page.heading.text() == "Opening net.pth…"


@pytest.mark.parametrize("how", ["mouse", Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space])
def test_the_drop_zone_opens_the_dialog_by_mouse_and_keys(window, page, how):
    if how == "mouse":
        QTest.mouseClick(page.zone, Qt.MouseButton.LeftButton)
    else:
        page.zone.setFocus()
        QTest.keyClick(page.zone, how)
    dialogs = window.findChildren(QFileDialog)
    assert [dialog.windowTitle() for dialog in dialogs] == ["Open model"]
    dialogs[0].close()


# --- while a model opens -----------------------------------------------------------------------


def test_it_tells_how_far_the_opening_is_and_offers_nothing_else(ready, client, page, qtbot):
    card = page.cards[0]
    assert card.isEnabled()
    ready.documents.open_model("/models/net.pth")
    job = client.last(OpenModel)
    generation = client.options[job]["generation"]
    assert page.zone.progress.isHidden(), "nothing moves where it is not known how far it is"
    far = Progress(done=3, total=8, text="Comparing 4 networks that fit")
    client.emit(Progressed(job=job, generation=generation, progress=far))
    qtbot.waitUntil(lambda: page.zone.progress.value() == 3)
    assert not page.zone.progress.isHidden()
    assert page.zone.progress.maximum() == 8
    assert page.text.text() == "Comparing 4 networks that fit"
    assert not card.isEnabled()
    client.end(job, "failed")
    qtbot.waitUntil(lambda: page.heading.text() == HEADING)
    assert page.zone.progress.isHidden()
    assert card.isEnabled()


def test_an_opening_can_be_cancelled_where_it_is_told(ready, client, page, qtbot):
    assert page.zone.cancel.isHidden()
    ready.documents.open_model("/models/net.pth")
    assert not page.zone.cancel.isHidden()
    page.zone.cancel.click()
    job = client.last(OpenModel)
    assert ("cancel", job) in client.calls
    client.end(job, "cancelled")
    qtbot.waitUntil(lambda: page.zone.cancel.isHidden())


def test_what_waits_for_the_engine_can_be_given_up(window, client, page):
    window.documents.open_model("/models/net.pth")
    page.zone.cancel.click()
    assert not window.documents.opening
    assert page.heading.text() == HEADING
    assert not client.requests


def test_an_engine_that_has_given_up_is_told_and_can_be_restarted(
    ready, client, page, greet, qtbot
):
    client.emit(EngineLost(reason="It ran out of memory.", respawning=False))
    qtbot.waitUntil(lambda: page.heading.text() == "The engine stopped")
    assert "ran out of memory" in page.text.text()
    assert page.cards[0].isEnabled()
    assert not page.zone.offer.isHidden()
    ready.documents.open_model("/models/net.pth")
    assert page.heading.text() == "The engine stopped"
    assert "'net.pth' opens once it runs again" in page.text.text()
    page.zone.offer.click()
    assert client.calls[-1] == ("restart",)
    assert page.heading.text() == "Opening net.pth…"
    assert "starting" in page.text.text()
    assert page.zone.offer.isHidden()
    client.emit(greet())
    qtbot.waitUntil(lambda: any(isinstance(r, OpenModel) for r in client.requests.values()))


def test_an_engine_that_comes_back_by_itself_offers_nothing(ready, client, page, qtbot):
    client.emit(EngineLost(reason="It ended.", respawning=True))
    qtbot.waitUntil(lambda: not ready.bridge.is_ready)
    assert page.heading.text() == HEADING
    assert page.zone.offer.isHidden()


# --- samples -----------------------------------------------------------------------------------


def test_a_sample_opens_with_its_pictures_and_their_labels(ready, client, page, describe, qtbot):
    page.cards[0].setFocus()
    QTest.keyClick(page.cards[0], Qt.Key.Key_Return)
    assert page.heading.text() == "Opening the sample…"
    qtbot.waitUntil(lambda: any(isinstance(r, OpenModel) for r in client.requests.values()))
    assert client.requests[client.last(OpenModel)].path.endswith("samples/shapes.safetensors")
    qtbot.waitUntil(lambda: ready.state.dataset is not None)
    entries = ready.state.dataset.images
    assert len(entries) == 8
    assert {entry.label for entry in entries} >= {"circle", "star"}
    assert set(entries[0].metadata) >= {"colour", "texture", "marker"}
    assert ready.state.dataset.classes["star"] == 4, "labels are known to be the classes"


def test_pictures_of_another_sample_give_way_and_own_ones_stay(ready, pictures, qtbot):
    state = ready.state
    ready.files.open_sample("shapes")
    qtbot.waitUntil(lambda: state.dataset is not None)
    ready.files.open_sample("shapes-marker")
    qtbot.waitUntil(lambda: state.dataset is not None and "-marker-" in state.dataset.paths[0])
    assert len(state.dataset.images) == 8
    ready.documents.add_images([str(pictures / "cat")])
    qtbot.waitUntil(lambda: len(state.dataset.images) == 11)
    ready.files.open_sample("shapes")
    qtbot.waitUntil(lambda: len(state.dataset.images) == 19)


def test_the_gallery_says_what_is_here_and_downloads_only_when_told(
    window, qtbot, monkeypatch, tmp_path
):
    from interp_gui.samples import mobilenet

    monkeypatch.setattr(mobilenet, "PACKAGE", "no-such-package")
    asked = []
    monkeypatch.setattr(
        window.files.samples, "open", lambda name, download: asked.append((name, download))
    )
    window.actions_["file.samples"].trigger()
    gallery = window.findChild(SamplesGallery)
    rows = {row.sample.id: row for row in gallery.rows}
    assert "Comes with interp-gui" in rows["shapes"].status.text()
    missing = rows["mobilenet"]
    qtbot.waitUntil(lambda: "Not on this computer" in missing.status.text())
    assert missing.button.text() == "Download and open (14 MB)"
    assert asked == []
    missing.button.click()
    assert asked == [("mobilenet", True)]
    qtbot.waitUntil(lambda: not window.findChildren(SamplesGallery))


def test_the_gallery_opens_its_first_sample_by_enter(window, qtbot, monkeypatch):
    asked = []
    monkeypatch.setattr(
        window.files.samples, "open", lambda name, download: asked.append((name, download))
    )
    window.actions_["file.samples"].trigger()
    gallery = window.findChild(SamplesGallery)
    QTest.keyClick(gallery, Qt.Key.Key_Return)
    assert asked == [("shapes", False)]


# --- recent ------------------------------------------------------------------------------------


def test_what_was_open_before_is_offered_newest_first(window, page, tmp_path, monkeypatch, qtbot):
    assert page.recent.buttons == []
    for name in ("old", "a & b"):
        file = tmp_path / f"{name}.pth"
        file.write_bytes(b"x")
        window.settings.add_recent_model(str(file), "")
    window._list_recent()
    assert [b.text() for b in page.recent.buttons] == [
        f"a && b.pth   ·   {tmp_path.name}", f"old.pth   ·   {tmp_path.name}"
    ]  # fmt: skip
    assert page.recent.buttons[0].accessibleName() == "Open a & b.pth again"
    page.recent.buttons[1].click()
    assert window.documents.opening == "old.pth"


def test_sessions_that_were_open_are_offered_too(window, page):
    opened = []
    window.actions_.add(ActionSpec(
        id="session.recent.0", title="/data/work.interp", handler=lambda: opened.append(1)
    ))  # fmt: skip
    (button,) = page.recent.buttons
    assert button.accessibleName() == "Open work.interp again"
    button.click()
    assert opened == [1]


# --- looks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(1024, 700), (1440, 900), (2560, 1440)])
def test_it_fits(window, page, size, qtbot):
    window.resize(*size)
    qtbot.wait(50)
    assert page.horizontalScrollBar().maximum() == 0
    assert page.widget().width() <= page.viewport().width()
    for card in page.cards:
        right = card.mapTo(page, QPoint(card.width(), 0)).x()
        assert right <= page.width()
    assert len({card.height() for card in page.cards}) == 1
    assert len({card.mapTo(page, QPoint()).y() for card in page.cards}) == 1
    lowest = page.cards[0].mapTo(page.viewport(), QPoint(0, page.cards[0].height())).y()
    assert lowest <= page.viewport().height(), "the samples are seen without scrolling"


def test_everything_has_a_name_and_can_be_reached_by_the_keyboard(page):
    assert isinstance(page, QScrollArea)
    for button in page.findChildren(QAbstractButton):
        assert button.accessibleName() or button.text()
        if button.isVisible() and button.isEnabled():
            assert button.focusPolicy() & Qt.FocusPolicy.TabFocus
