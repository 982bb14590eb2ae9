"""Dragging features: the mime type that every view gives and takes.

What arrives may come from any program, so it is checked field by field before it is believed.
"""

import atexit
import shutil
import tempfile
import weakref
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import msgspec
from PySide6.QtCore import QByteArray, QMimeData, QObject, QPoint, QSize, Qt, QUrl
from PySide6.QtGui import (
    QColor,
    QDrag,
    QFontMetrics,
    QGuiApplication,
    QImage,
    QPainter,
    QPalette,
    QPixmap,
)
from PySide6.QtWidgets import QApplication, QWidget

from interp_gui.core.errors import InterpError, InvalidValue
from interp_gui.core.examples import Example
from interp_gui.core.feature import MIME_TYPE, Feature
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult, Picture
from interp_gui.gui.widgets.pixels import shrunk, to_array, to_image

MAX_BYTES = 16 * 1024 * 1024
MAX_FEATURES = 4096
MAX_UNIT = 1 << 24


class _Payload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    features: tuple[Feature, ...]
    version: int = 1


def encode_features(features: Sequence[Feature]) -> bytes:
    """Write features as the mime type's JSON."""
    return msgspec.json.encode(_Payload(tuple(features)))


def decode_features(data: bytes) -> tuple[Feature, ...]:
    """Read the mime type's JSON.

    Raises
    ------
    InvalidValue
        For anything that is not a list of well-formed features.
    """
    if len(data) > MAX_BYTES:
        raise InvalidValue("What was dropped is too large to be a feature.")
    try:
        payload = msgspec.json.decode(data, type=_Payload)
    except InterpError:
        raise
    except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError) as problem:
        raise InvalidValue(f"What was dropped is not a feature: {problem}.") from None
    if payload.version != 1:
        raise InvalidValue(
            "This feature was dragged from a newer version.", hint="Update interp-gui."
        )
    if not 0 < len(payload.features) <= MAX_FEATURES:
        raise InvalidValue("What was dropped holds no feature, or too many.")
    for feature in payload.features:
        _check(feature)
    return payload.features


def _check(feature: Feature) -> None:
    texts = (feature.layer, feature.model, feature.name)
    if any(len(text) > 500 or not text.isprintable() for text in texts):
        raise InvalidValue("What was dropped has a name that is not one.")
    if any(unit > MAX_UNIT for unit in feature.units):
        raise InvalidValue("What was dropped names a unit that no layer has.")


def features_from_mime(mime: QMimeData) -> tuple[Feature, ...]:
    """Features that a drag or the clipboard carries; none if it carries something else."""
    if not mime.hasFormat(MIME_TYPE):
        return ()
    return decode_features(bytes(mime.data(MIME_TYPE).data()))


def mime_for(
    features: Sequence[Feature], *, image: QImage | None = None, file: Path | None = None
) -> QMimeData:
    """Pack features as JSON, as text, and as a picture for other programs."""
    mime = QMimeData()
    mime.setData(MIME_TYPE, QByteArray(encode_features(features)))
    mime.setText("\n".join(feature.text for feature in features))
    if image is not None and not image.isNull():
        mime.setImageData(image)
    if file is not None:
        mime.setUrls([QUrl.fromLocalFile(str(file))])
    return mime


def drag_pixmap(
    title: str, *, image: QImage | None, count: int, widget: QWidget, things: str = "features"
) -> QPixmap:
    """Picture beneath the cursor: the feature's own with its name, and how many are dragged."""
    ratio = widget.devicePixelRatioF()
    metrics = QFontMetrics(widget.font())
    has_picture = image is not None and not image.isNull()
    side = 72 if has_picture else 0
    label = title if count == 1 else f"{count} {things}"
    width = max(side, min(220, metrics.horizontalAdvance(label) + 16))
    size = QSize(width, side + metrics.height() + 8)
    pixmap = QPixmap(size * ratio)
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    palette = widget.palette()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(palette.color(QPalette.ColorRole.Highlight))
    painter.setBrush(QColor(palette.color(QPalette.ColorRole.Base)))
    painter.drawRoundedRect(0, 0, size.width() - 1, size.height() - 1, 5, 5)
    if image is not None and has_picture:
        small = shrunk(image, round((side - 8) * ratio))
        small.setDevicePixelRatio(ratio)
        painter.drawImage(QPoint((width - round(small.width() / ratio)) // 2, 4), small)
    painter.setPen(palette.color(QPalette.ColorRole.Text))
    text = metrics.elidedText(label, Qt.TextElideMode.ElideMiddle, width - 12)
    painter.drawText(
        6, side, width - 12, metrics.height() + 8, int(Qt.AlignmentFlag.AlignCenter), text
    )
    painter.end()
    return pixmap


class _DragFolder(QObject):
    """Files handed to other programs live until the window closes: they may copy them late."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._folder = Path(tempfile.mkdtemp(prefix="interp-gui-drag-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._count = 0

    def new_file(self, title: str) -> Path:
        self._count += 1
        name = "".join(c if c.isalnum() or c in "-_." else "-" for c in title)[:80] or "feature"
        folder = self._folder / str(self._count)
        folder.mkdir()
        return folder / f"{name}.png"


def _write_picture(source: QWidget, title: str, result: AnyResult, recipe: Recipe | None) -> Path:
    from interp_gui.core.export import export_result

    window = source.window()
    folder = window.findChild(_DragFolder) or _DragFolder(window)
    path = folder.new_file(title)
    export_result(result, path, recipe=recipe)
    return path


def start_drag(
    source: QWidget,
    features: Sequence[Feature],
    *,
    image: QImage | None = None,
    result: AnyResult | None = None,
    recipe: Recipe | None = None,
    examples: Sequence[Example] = (),
) -> None:
    """Drag features, or examples, out of `source` until the button is released.

    Parameters
    ----------
    examples
        The images, or parts of them, that are dragged with the features or without any.
    result, recipe
        What a drop on the desktop saves as a PNG; without them it is `image`.
    """
    from interp_gui.gui.dragging.examples import put_examples

    file = None
    title = features[0].title if features else Path(examples[0].path).name
    if not features:
        result = None
    elif result is None and image is not None and not image.isNull():
        result = Picture(key="card", title=features[0].title, pixels=to_array(image),
                         feature=features[0])  # fmt: skip
    elif image is None and isinstance(result, Picture):
        image = to_image(result.pixels)
    if result is not None:
        try:
            file = _write_picture(source, title, result, recipe)
        except (InterpError, OSError):
            file = None  # the feature itself can still be dropped
    drag = QDrag(source)
    mime = mime_for(features, image=image, file=file) if features else files_of(examples)
    put_examples(mime, examples)
    drag.setMimeData(mime)
    count = len(features) or len(examples)
    pixmap = drag_pixmap(
        title, image=image, count=count, widget=source,
        things="features" if features else "examples",
    )  # fmt: skip
    drag.setPixmap(pixmap)
    drag.setHotSpot(QPoint(12, 12))
    drag.exec(Qt.DropAction.CopyAction)


def files_of(examples: Sequence[Example]) -> QMimeData:
    """The image files of examples, as other programs take them."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(path) for path in dict.fromkeys(e.path for e in examples)])
    return mime


def copy_to_clipboard(
    features: Sequence[Feature], *, image: QImage | None = None, text: str = ""
) -> None:
    """Put a picture, its text and its features on the clipboard."""
    mime = mime_for(features, image=image) if features else QMimeData()
    if not features and image is not None and not image.isNull():
        mime.setImageData(image)
    if text:
        mime.setText(text)
    QApplication.clipboard().setMimeData(mime)
    release_at_exit()


@cache
def release_at_exit() -> None:
    """Empty the clipboard of platforms that would free our data after Python is gone, and crash.

    Platforms with a real clipboard free it with the application, and may keep what was copied.
    """
    if QGuiApplication.platformName() in ("offscreen", "minimal"):
        atexit.register(_empty_clipboard)


def _empty_clipboard() -> None:
    if QGuiApplication.instance() is not None:
        QGuiApplication.clipboard().clear()
