import importlib.util
from collections import Counter
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMenu

from interp_gui.gui.actions import ActionSpec, mnemonic
from interp_gui.gui.keyboard.keys import KeyGroup, KeyRow, as_html, as_markdown, found, key_groups
from interp_gui.gui.keyboard.sheet import ShortcutSheet

ROOT = Path(__file__).parents[3]


@pytest.fixture
def sheet(window, qtbot):
    window.actions_["help.keys"].trigger()
    return window.findChild(ShortcutSheet)


def listed(sheet):
    tops = [sheet.tree.topLevelItem(i) for i in range(sheet.tree.topLevelItemCount())]
    return {
        top.text(0): {top.child(i).text(0): top.child(i).text(1) for i in range(top.childCount())}
        for top in tops
    }


def test_the_page_of_keys_is_current(window):
    path = ROOT / "docs/make_keyboard.py"
    spec = importlib.util.spec_from_file_location("make_keyboard", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.TARGET.read_text(encoding="utf-8") == script.page(window), (
        "run: QT_QPA_PLATFORM=offscreen python docs/make_keyboard.py"
    )


def test_every_shortcut_is_on_the_sheet_in_its_menu(window, sheet):
    shown = listed(sheet)
    assert shown["File"]["Open model…"] == "Ctrl+O"
    assert shown["Edit"]["Redo"] == "Ctrl+Shift+Z, Ctrl+Y"
    assert shown["Edit"]["Feature: Rename…"] == "F2"
    assert "Space" in shown["Cards of units and examples"].values()
    keys = {key for rows in shown.values() for text in rows.values() for key in text.split(", ")}
    for spec in window.actions_.specs:
        for key in window.actions_[spec.id].shortcuts():
            assert key.toString() in keys


def test_actions_without_a_key_are_listed_on_demand(sheet):
    assert "Theme: Dark" not in listed(sheet)["View"]
    sheet.all.setChecked(True)
    assert listed(sheet)["View"]["Theme: Dark"] == ""


def test_the_sheet_is_searched_copied_and_printed(window, sheet, qtbot):
    qtbot.keyClicks(sheet.filter, "ctrl+o")
    assert listed(sheet)["File"] == {"Open model…": "Ctrl+O"}
    sheet.copy_button.click()
    text = QGuiApplication.clipboard().text()
    assert "Open model…" in text
    assert "Quit" not in text
    document = sheet.document()
    assert "Ctrl+O" in document.toPlainText()
    assert "Quit" not in document.toPlainText()
    sheet.filter.setText("no such key at all")
    assert listed(sheet) == {}
    assert "no such key at all" in sheet.message.text()
    assert not sheet.print_button.isEnabled()


def test_printing_asks_for_a_printer(sheet):
    from PySide6.QtPrintSupport import QPrintDialog

    sheet.print_button.click()
    dialog = sheet.findChild(QPrintDialog)
    assert dialog.isVisible()
    dialog.close()


def test_a_second_call_brings_the_same_sheet(window, sheet):
    window.actions_["help.keys"].trigger()
    assert window.findChildren(ShortcutSheet) == [sheet]
    keys = [key.toString() for key in window.actions_["help.keys"].shortcuts()]
    assert keys == ["F1", "Ctrl+/"]


def test_new_actions_come_on_the_sheet(window, sheet):
    window.actions_.add(
        ActionSpec(id="x.y", title="Do &it", handler=print, menu="View", shortcut="Ctrl+Alt+Q")
    )
    assert listed(sheet)["View"]["Do it"] == "Ctrl+Alt+Q"


def test_no_markup_gets_through():
    groups = (KeyGroup("A|B", (KeyRow(("Ctrl+<",), "a | <b>bold</b>"),)),)
    assert "&lt;b&gt;" in as_html(groups)
    assert "a \\| " in as_markdown(groups)
    assert found(groups, "bold ctrl") == groups
    assert found(groups, "bald") == ()


def test_every_entry_of_every_menu_can_be_reached_by_its_own_letter(window, client, greet, qtbot):
    client.emit(greet())
    qtbot.waitUntil(lambda: "analyse.brightness" in window.actions_)
    for menu in window.menuBar().findChildren(QMenu):
        titles = [a.text() for a in menu.actions() if not a.isSeparator()]
        letters = Counter(map(mnemonic, titles))
        assert [t for t in titles if not mnemonic(t)] == [], menu.title()
        shared = {t for t in titles if letters[mnemonic(t)] > 1}
        # only where no letter of the second one is free; Qt then goes from one to the other
        assert all(len([t for t in shared if mnemonic(t) == m]) <= 2 for m in letters)
        spare = [t for t in shared if {c for c in t.lower() if c.isalnum()} - set(letters)]
        assert len(spare) <= len(shared) / 2, menu.title()
    letters = Counter(mnemonic(action.text()) for action in window.menuBar().actions())
    assert max(letters.values()) == 1


def test_every_tooltip_ends_in_its_shortcut(window):
    for spec in window.actions_.specs:
        action = window.actions_[spec.id]
        if action.shortcuts():
            assert f"({action.shortcut().toString()})" in action.toolTip()
            assert action.shortcutContext() == Qt.ShortcutContext.WindowShortcut


def test_groups_can_be_made_without_any_action(window):
    titles = [group.title for group in key_groups(window.actions_)]
    assert titles[:5] == ["File", "Edit", "View", "Intervene", "Help"]
