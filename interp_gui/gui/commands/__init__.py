"""The window's own commands, declared by menu: what they are called, when they can be used."""

from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from interp_gui.gui.actions import ActionSpec
from interp_gui.gui.commands.concepts import concept_commands
from interp_gui.gui.commands.edit import edit_commands
from interp_gui.gui.commands.feature import feature_actions, follow_targets
from interp_gui.gui.commands.file import file_commands
from interp_gui.gui.commands.focus import focus_commands
from interp_gui.gui.commands.help import help_commands
from interp_gui.gui.commands.images import image_commands
from interp_gui.gui.commands.intervene import MENU as INTERVENE
from interp_gui.gui.commands.intervene import intervene_commands
from interp_gui.gui.commands.output import output_commands
from interp_gui.gui.commands.palette import palette_commands
from interp_gui.gui.commands.preferences import preference_commands
from interp_gui.gui.commands.report import report_commands
from interp_gui.gui.commands.session import session_commands
from interp_gui.gui.commands.view import view_commands
from interp_gui.gui.commands.views import views_commands
from interp_gui.gui.dragging.window_drops import WindowDrops
from interp_gui.gui.keyboard.focus_ring import KeyboardFocus
from interp_gui.gui.keyboard.text_keys import TextKeys
from interp_gui.gui.panel_menus import add_panel_menus, show_images_of

if TYPE_CHECKING:
    from interp_gui.gui.main_window import MainWindow


def early_commands(window: "MainWindow") -> tuple[ActionSpec, ...]:
    """Those that the centre and the panels use while they are built."""
    return (*file_commands(window), *session_commands(window), *edit_commands(window))


def late_commands(window: "MainWindow") -> tuple[ActionSpec, ...]:
    """Those that name the panels."""
    return (
        *image_commands(window),
        *concept_commands(window),
        *output_commands(window),
        *view_commands(window),
        *views_commands(window),
        *feature_actions(window),
        *intervene_commands(window),
        *palette_commands(window),
        *focus_commands(window),
        *report_commands(window),
        *help_commands(window),
        *preference_commands(window),
    )


def connect(window: "MainWindow") -> None:
    """Connect commands with what comes later: views register what they do with features."""
    follow_targets(window)
    WindowDrops(window, window.background)
    KeyboardFocus(window)
    TextKeys(window)
    own = [spec for spec in window.actions_.specs if spec.menu == INTERVENE]
    for _, mates in groupby(sorted(own, key=lambda spec: spec.group), lambda spec: spec.group):
        window.interventions.menu.addActions([window.actions_[spec.id] for spec in mates])
        window.interventions.menu.addSeparator()  # none is shown at the end
    add_panel_menus(window)
    window.output.images_wanted.connect(partial(show_images_of, window))
