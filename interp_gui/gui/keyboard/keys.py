"""Every key of the window in groups: those of actions, and those of the parts that have the focus.

The shortcut sheet and docs/keyboard.md are made from this.
"""

import html
from collections.abc import Iterable
from dataclasses import dataclass

from PySide6.QtGui import QKeySequence

from interp_gui.gui.actions import MENUS, ActionRegistry, full_title, plain_title

CHANGING = ("file.recent", "analyse.")
"""Ids of actions that depend on what is open; they have no keys."""


@dataclass(frozen=True)
class KeyRow:
    """One key, or several, and what it does."""

    keys: tuple[str, ...]
    title: str
    what: str = ""


@dataclass(frozen=True)
class KeyGroup:
    """Keys that belong together."""

    title: str
    rows: tuple[KeyRow, ...]


def _row(keys: str, title: str) -> KeyRow:
    return KeyRow(tuple(keys.split("; ")), title)


PARTS = (
    KeyGroup("Anywhere", (
        _row("Tab; Shift+Tab", "Next or previous control"),
        _row("Menu; Shift+F10", "Menu of what has the focus"),
        _row("Alt", "Menu bar; with an underlined letter, that menu"),
        _row("Esc", "Close a dialog, the palette or a menu"),
    )),
    KeyGroup("Palette", (
        _row("Up; Down; PgUp; PgDown", "Go through what was found"),
        _row("Return", "Do it, or open it"),
        _row(">; #; :; @; =", "As first sign: only actions, layers, units, images or classes"),
    )),
    KeyGroup("Cards of units and examples", (
        _row("Left; Right; Up; Down", "Go from card to card"),
        _row("Home; End", "First or last card"),
        _row("PgUp; PgDown", "A screenful up or down"),
        _row("Return", "Open the card"),
        _row("Space", "Select the card, or take it out of the selection"),
        _row("Shift+Left; Shift+Right; Shift+Up; Shift+Down", "Extend the selection"),
        _row("Ctrl+A", "Select all"),
        _row("Ctrl+C", "Copy the selected units (layer wall, shelf)"),
    )),
    KeyGroup("Shelf", (
        _row("F2", "Rename"),
        _row("Delete", "Take the selected features off the shelf"),
        _row("Ctrl+Shift+Left; Ctrl+Shift+Right", "Move the selected features by one place"),
        _row("Ctrl+Shift+Home; Ctrl+Shift+End", "Move them to the beginning or the end"),
    )),
    KeyGroup("Interventions", (
        _row("X", "Held over a card, or on it: its unit is switched off until the key is let go"),
        _row("Up; Down", "Go from edit to edit"),
        _row("Space", "Put the chosen edits in or out of force"),
        _row("Return", "Go to the controls of the edit"),
        _row("Alt+Up; Alt+Down", "Move the chosen edits by one place"),
        _row("Ctrl+A", "Choose all edits"),
        _row("Ctrl+C; Ctrl+V", "Copy the chosen edits, paste edits or units"),
        _row("Delete", "Take the chosen edits off the panel"),
    )),
    KeyGroup("Unit page", (
        _row("Left; Up", "Previous unit, in the order of the wall"),
        _row("Right; Down", "Next unit"),
    )),
    KeyGroup("Image", (
        _row("Left; Right; Up; Down", "Move the brush"),
        _row("Space", "Brush where it is"),
        _row("Shift+Space", "Brush more"),
        _row("Esc; Delete", "Forget the brushed place"),
    )),
    KeyGroup("Atlas", (
        _row("Left; Right; Up; Down", "Go from cell to cell"),
        _row("Shift+Left; Shift+Right; Shift+Up; Shift+Down", "Pan"),
        _row("+; -", "Zoom in or out"),
        _row("Home", "Show the whole map"),
        _row("Return", "Open the cell"),
        _row("Space", "Select the points of the cell, or take them out of the selection"),
        _row("Esc", "Give up a line that is being drawn, or the selection"),
    )),
    KeyGroup("Images panel", (
        _row("Left; Right; Up; Down", "Go from image to image"),
        _row("Delete", "Take the selected images off the list; files are left alone"),
    )),
)  # fmt: skip
"""Keys that are no actions, by the part that must have the focus."""


def key_groups(
    registry: ActionRegistry, *, all_actions: bool = False, portable: bool = False
) -> tuple[KeyGroup, ...]:
    """Keys of the actions by menu, then those of the parts.

    Parameters
    ----------
    all_actions
        Whether actions without a key are listed too.
    portable
        Keys as they are written on every platform, for files.
    """
    form = QKeySequence.SequenceFormat
    style = form.PortableText if portable else form.NativeText
    groups = []
    for menu in (*MENUS, ""):
        rows = []
        for spec in sorted(registry.specs, key=lambda spec: spec.group):
            if spec.menu.partition("/")[0] != menu or spec.id.startswith(CHANGING):
                continue
            keys = tuple(key.toString(style) for key in registry[spec.id].shortcuts())
            if keys or all_actions:
                rows.append(KeyRow(keys, full_title(spec.menu, spec.title), spec.tooltip))
        if rows:
            groups.append(KeyGroup(menu or "Other", tuple(rows)))
    return (*groups, *PARTS)


def found(groups: Iterable[KeyGroup], text: str) -> tuple[KeyGroup, ...]:
    """Groups with only the rows in which every word is found, in title, keys or group."""
    words = text.lower().split()
    result = []
    for group in groups:
        rows = tuple(
            row
            for row in group.rows
            if all(
                word in f"{group.title} {row.title} {row.what} {' '.join(row.keys)}".lower()
                for word in words
            )
        )
        if rows:
            result.append(KeyGroup(group.title, rows))
    return tuple(result)


def as_text(groups: Iterable[KeyGroup]) -> str:
    """Lines for the clipboard."""
    lines = []
    for group in groups:
        lines.append(group.title)
        lines += [f"  {', '.join(row.keys) or '–':<34}  {row.title}" for row in group.rows]
        lines.append("")
    return "\n".join(lines)


def as_markdown(groups: Iterable[KeyGroup]) -> str:
    """Tables for the documentation."""
    lines = []
    for group in groups:
        explained = any(row.what for row in group.rows)
        more = (" what it does |", "---|") if explained else ("", "")
        lines += [
            f"## {group.title}",
            "",
            f"| keys | {'action' if explained else 'what'} |{more[0]}",
        ]
        lines.append(f"|---|---|{more[1]}")
        for row in group.rows:
            keys = ", ".join(f"`{key}`" for key in row.keys)
            what = f" {_cell(row.what)} |" if explained else ""
            lines.append(f"| {keys} | {_cell(row.title)} |{what}")
        lines.append("")
    return "\n".join(lines)


def as_html(groups: Iterable[KeyGroup]) -> str:
    """A page for the printer."""
    parts = ["<h1>Keys of interp-gui</h1>"]
    for group in groups:
        parts.append(f"<h3>{html.escape(group.title)}</h3><table width='100%' cellpadding='2'>")
        for row in group.rows:
            keys = html.escape(", ".join(row.keys))
            parts.append(
                f"<tr><td width='38%'><b>{keys}</b></td><td>{html.escape(row.title)}</td></tr>"
            )
        parts.append("</table>")
    return "".join(parts)


def _cell(text: str) -> str:
    return plain_title(text).replace("|", "\\|")
