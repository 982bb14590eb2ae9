import pytest
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QMainWindow

from interp_gui.gui.actions import ActionRegistry, ActionSpec, mnemonic, plain_title


@pytest.fixture
def window(qtbot):
    window = QMainWindow()
    qtbot.addWidget(window)
    return window


def spec(name, **values):
    return ActionSpec(**{"id": name, "title": name.title(), "handler": lambda: None, **values})


def titles(menu):
    return [plain_title(a.text()) for a in menu.actions() if not a.isSeparator()]


def test_menus_are_views_of_the_registry(window):
    actions = ActionRegistry(window)
    actions.add(spec("open", menu="File", group="1"))
    actions.build_menus(window.menuBar())
    file = actions._menus["File"]
    actions.add(spec("quit", menu="File", group="9"))
    actions.add(spec("close", menu="File", group="1"))
    actions.add(spec("light", menu="File/Theme", group="5"))
    assert titles(file) == ["Open", "Close", "Theme", "Quit"]
    assert sum(a.isSeparator() for a in file.actions()) == 2
    actions.remove("close")
    actions.remove("light")
    assert titles(file) == ["Open", "Quit"]
    assert not actions._menus["Edit"].actions()[0].isEnabled()


def test_tooltips_name_the_shortcut(window):
    actions = ActionRegistry(window)
    action = actions.add(spec("open", shortcut="Ctrl+O; F2", tooltip="Open a model"))
    assert action.toolTip() == "Open a model (Ctrl+O)"
    assert [k.toString() for k in action.shortcuts()] == ["Ctrl+O", "F2"]


def test_ids_and_shortcuts_are_unique(window):
    actions = ActionRegistry(window)
    actions.add(spec("open", shortcut="Ctrl+O"))
    with pytest.raises(ValueError, match="twice"):
        actions.add(spec("open"))
    with pytest.raises(ValueError, match="share"):
        actions.add(spec("other", shortcut="F9; Ctrl+O"))


def test_enabled_and_checked_follow_the_state(window):
    state = {"on": False}
    calls = []
    actions = ActionRegistry(window)
    action = actions.add(
        spec(
            "toggle", checkable=True, enabled_when=lambda: state["on"],
            checked_when=lambda: state["on"], handler=calls.append,
        )
    )  # fmt: skip
    assert (action.isEnabled(), action.isChecked()) == (False, False)
    state["on"] = True
    actions.refresh()
    assert (action.isEnabled(), action.isChecked()) == (True, True)
    assert calls == [], "a refresh is not a command"
    action.trigger()
    assert calls == [False]


def test_plain_handlers_get_no_argument(window):
    calls = []
    actions = ActionRegistry(window)
    actions.add(spec("go", handler=lambda *args: calls.append(args))).trigger()
    assert calls == [()]


def test_toolbar_and_buttons(window, qtbot):
    actions = ActionRegistry(window)
    actions.add(spec("a", toolbar=True, title="&Ask"))
    actions.add(spec("b"))
    bar = window.addToolBar("main")
    actions.build_toolbar(bar)
    assert [a.objectName() for a in bar.actions()] == ["a"]
    assert actions.button("a", window).accessibleName() == "Ask"
    assert QKeySequence("Ctrl+A") not in actions["a"].shortcuts()


def test_entries_without_a_letter_get_a_free_one(window):
    actions = ActionRegistry(window)
    actions.build_menus(window.menuBar())
    for title in ("&Copy", "Cut", "Paste && go", "a && b", "—", "&Paint"):
        actions.add(spec(title, title=title, menu="Edit"))
    actions.add(spec("in", title="Inner", menu="Edit/&Sub"))
    texts = [a.text() for a in actions._menus["Edit"].actions()]
    assert texts == ["&Copy", "C&ut", "Paste && &go", "&a && b", "—", "&Paint", "&Sub"]
    assert [mnemonic(text) for text in texts] == ["c", "u", "g", "a", "", "p", "s"]
    assert actions["in"].text() == "&Inner"
    actions.add(spec("late", title="&Clear", menu="Edit"))
    assert actions["late"].text() == "C&lear"


def test_why_not_disables_and_is_told(window):
    reasons = ["Open a model first."]
    actions = ActionRegistry(window)
    action = actions.add(
        spec("map", tooltip="Map it", shortcut="Ctrl+M", why_not=lambda: reasons[0])
    )
    assert not action.isEnabled()
    assert action.toolTip() == "Map it (Ctrl+M)\nOpen a model first."
    reasons[0] = ""
    actions.refresh()
    assert action.isEnabled()
    assert action.toolTip() == "Map it (Ctrl+M)"


def test_a_part_of_another_analysis_is_in_no_menu():
    from types import SimpleNamespace

    from interp_gui.core.analysis import AnalysisInfo
    from interp_gui.engine.messages import Hello
    from interp_gui.gui.commands.analyse import analysis_commands

    def info(name, *, offered):
        return AnalysisInfo(
            id=name, title=name, summary="", needs=(), produces=(), parameters=(), offered=offered
        )

    hello = Hello(
        protocol=1, device="cpu", device_reason="",
        analyses=(info("atlas", offered=True), info("atlas-path", offered=False)),
    )  # fmt: skip
    specs = analysis_commands(SimpleNamespace(), hello)
    assert [spec.id for spec in specs] == ["analyse.atlas"]
