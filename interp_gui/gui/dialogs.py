"""About, and what the program runs on."""

import platform

from PySide6.QtCore import Qt, qVersion
from PySide6.QtWidgets import QMessageBox, QWidget

import interp_gui
from interp_gui.engine.messages import Hello
from interp_gui.gui.toast import DetailsDialog


def show_about(parent: QWidget) -> None:
    """Say what this is."""
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setWindowTitle("About interp-gui")
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(f"interp-gui {interp_gui.__version__}")
    box.setInformativeText(
        "Look inside vision networks and change them by hand.\n\n"
        "Apache License 2.0. It opens no connection unless you ask it to."
    )
    box.open()


def show_system(parent: QWidget, hello: Hello | None) -> None:
    """List versions, device and plugins, to read and to copy."""
    DetailsDialog("What interp-gui runs on", system_text(hello), parent).open()


def system_text(hello: Hello | None) -> str:
    """Versions, device and plugins, one a line."""
    lines = [
        f"interp-gui {interp_gui.__version__}",
        f"Python {platform.python_version()} on {platform.platform()}",
        f"Qt {qVersion()}",
    ]
    if hello is None:
        return "\n".join([*lines, "", "The engine is not running."])
    reason = f" ({hello.device_reason})" if hello.device_reason else ""
    lines += ["", f"Device: {hello.device}{reason}", f"Engine process: {hello.pid}", ""]
    lines += [f"{name} {version}" for name, version in sorted(hello.versions.items())]
    lines += ["", "Plugins:" if hello.plugins else "Plugins: none"]
    for plugin in hello.plugins:
        state = f"disabled: {plugin.problem}" if plugin.problem else "works"
        lines.append(f"  {plugin.name} {plugin.version} {state}".rstrip())
        if plugin.details:
            lines += [f"    {line}" for line in plugin.details.splitlines()]
    lines += ["", "More: run `interp-gui doctor` in a terminal."]
    return "\n".join(lines)
