"""From arrays to what Qt paints, and back to the size at which it is painted."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QImage, QPixmap


def to_image(pixels: NDArray[Any]) -> QImage:
    """Turn (H, W), (H, W, 3) or (H, W, 4) uint8 into an image that owns its memory.

    Returns
    -------
    A null image for an empty array.
    """
    array = np.ascontiguousarray(pixels, dtype=np.uint8)
    if array.size == 0:
        return QImage()
    channels = 1 if array.ndim == 2 else array.shape[2]
    formats = {
        1: QImage.Format.Format_Grayscale8,
        3: QImage.Format.Format_RGB888,
        4: QImage.Format.Format_RGBA8888,
    }
    height, width = array.shape[:2]
    borrowed = QImage(array.data, width, height, array.strides[0], formats[channels])
    # a deep copy: QImage would otherwise point into memory that numpy frees
    return borrowed.convertToFormat(
        QImage.Format.Format_ARGB32_Premultiplied if channels == 4 else QImage.Format.Format_RGB32
    ).copy()


def to_array(image: QImage) -> NDArray[np.uint8]:
    """Turn an image into (H, W, 3) uint8."""
    rgb = image.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(rgb.constBits(), np.uint8).reshape(rgb.height(), rgb.bytesPerLine())
    return rows[:, : rgb.width() * 3].reshape(rgb.height(), rgb.width(), 3).copy()


def fitted(area: QRect, size: QSize) -> QRect:
    """The largest rectangle of the proportions of `size` in the middle of `area`."""
    if size.isEmpty() or area.isEmpty():
        return QRect()
    scaled = size.scaled(area.size(), Qt.AspectRatioMode.KeepAspectRatio)
    left = area.left() + (area.width() - scaled.width()) // 2
    top = area.top() + (area.height() - scaled.height()) // 2
    return QRect(left, top, scaled.width(), scaled.height())


def covering(size: QSize, target: QSize) -> QRect:
    """The middle part of a picture of `size` that has the proportions of `target`."""
    cut = target.scaled(size, Qt.AspectRatioMode.KeepAspectRatio)
    return QRect(
        (size.width() - cut.width()) // 2,
        (size.height() - cut.height()) // 2,
        max(1, cut.width()),
        max(1, cut.height()),
    )


def scaled_pixmap(image: QImage, size: QSize, ratio: float) -> QPixmap:
    """Scale to `size` logical pixels on a screen of `ratio` device pixels each.

    Pictures that are magnified more than four times keep their pixels visible: there, smoothing
    would show detail that is not in the data.
    """
    device = QSize(max(1, round(size.width() * ratio)), max(1, round(size.height() * ratio)))
    smooth = device.width() <= 4 * image.width()
    mode = (
        Qt.TransformationMode.SmoothTransformation
        if smooth
        else Qt.TransformationMode.FastTransformation
    )
    pixmap = QPixmap.fromImage(
        image.scaled(device, Qt.AspectRatioMode.IgnoreAspectRatio, mode)
        if device != image.size()
        else image
    )
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


def shrunk(image: QImage, side: int) -> QImage:
    """The image with no side longer than `side` pixels."""
    if max(image.width(), image.height()) <= side:
        return image
    return image.scaled(
        side,
        side,
        Qt.AspectRatioMode.KeepAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
