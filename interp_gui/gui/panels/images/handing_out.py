"""Images to other programs: dragged out, copied, shown in the file manager."""

import os
from collections.abc import Sequence

from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QDrag, QGuiApplication, QImage, QPixmap
from PySide6.QtWidgets import QWidget

from interp_gui.core.dataset import ImageEntry
from interp_gui.gui.background import Background
from interp_gui.gui.dragging.drag import copy_to_clipboard, drag_pixmap
from interp_gui.gui.panels.images.table import file_name
from interp_gui.gui.thumbnails import Thumbnails
from interp_gui.gui.widgets.pixels import to_image

MOST = 2000
"""More files at once are refused by many programs."""


def drag_out(source: QWidget, entries: Sequence[ImageEntry], thumbnails: Thumbnails) -> None:
    """Drag files to another program, until the button is released."""
    if not entries:
        return
    drag = QDrag(source)
    drag.setMimeData(files_mime(entries))
    drag.setPixmap(_picture(source, entries, thumbnails))
    drag.setHotSpot(QPoint(12, 12))
    drag.exec(Qt.DropAction.CopyAction)


def files_mime(entries: Sequence[ImageEntry]) -> QMimeData:
    """Files as other programs take them."""
    mime = QMimeData()
    paths = [entry.path for entry in entries[:MOST]]
    mime.setUrls([QUrl.fromLocalFile(path) for path in paths])
    mime.setText("\n".join(paths))
    return mime


def _picture(source: QWidget, entries: Sequence[ImageEntry], thumbnails: Thumbnails) -> QPixmap:
    found = thumbnails.get(entries[0].path)
    image = found.toImage() if found is not None else QImage()
    title = file_name(entries[0].path) if len(entries) == 1 else f"{len(entries):,} images"
    return drag_pixmap(title, image=image, count=1, widget=source)


def copy_image(entry: ImageEntry, background: Background) -> None:
    """Put an image and its path on the clipboard."""

    def read() -> QImage:
        from interp_gui.core.images import read_image

        return to_image(read_image(entry.path))

    background.run(
        read,
        lambda image: copy_to_clipboard((), image=image, text=entry.path),
        key="copy-image",
    )


def copy_paths(entries: Sequence[ImageEntry]) -> None:
    """Put the paths of images on the clipboard, one a line."""
    QGuiApplication.clipboard().setText("\n".join(entry.path for entry in entries))


def show_in_folder(entry: ImageEntry) -> None:
    """Open the folder of an image in the file manager."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(os.path.dirname(entry.path)))
