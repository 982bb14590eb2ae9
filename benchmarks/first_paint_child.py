"""Print seconds from the parent's start to the first paint of a main window, then leave.

python first_paint_child.py ours|napari PARENT_START_TIME
"""

import os
import sys
import time


def main():
    what, started_s = sys.argv[1], float(sys.argv[2])
    from PySide6.QtCore import QEvent, QObject
    from PySide6.QtWidgets import QApplication, QMainWindow

    class FirstPaint(QObject):
        """Sees every event of the application."""

        def eventFilter(self, watched, event):  # noqa: N802
            if event.type() == QEvent.Type.Paint and isinstance(watched, QMainWindow):
                print(f"PAINTED {time.time() - started_s:.3f}", flush=True)
                if what == "ours":
                    close_engine()
                os._exit(0)
            return False

    application = QApplication(sys.argv[:1])
    watcher = FirstPaint()
    application.installEventFilter(watcher)
    if what == "ours":
        from interp_gui.gui import app

        app.run([])
    else:
        import napari

        napari.Viewer()
        napari.run()


def close_engine():
    """Do not leave the engine that was just started to itself."""
    import psutil

    for child in psutil.Process().children(recursive=True):
        child.kill()


if __name__ == "__main__":
    main()
