"""Text can be read in both themes: WCAG 2.2 asks for 4.5:1, and 3:1 for what shows the focus."""

from itertools import product

import pytest
from PySide6.QtGui import QPalette

from interp_gui.gui.theme import (
    Theme,
    dim_colour,
    framed_palette,
    level_colour,
    palette,
)

ROLE = QPalette.ColorRole
GROUNDS = (ROLE.Window, ROLE.Base, ROLE.AlternateBase, ROLE.Button, ROLE.ToolTipBase)


def luminance(colour):
    parts = (colour.redF(), colour.greenF(), colour.blueF())
    linear = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_the_measure_itself():
    from PySide6.QtGui import QColor

    assert contrast(QColor("black"), QColor("white")) == pytest.approx(21)
    assert contrast(QColor("#777777"), QColor("white")) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(
    ("text", "ground"),
    [
        *product((ROLE.WindowText, ROLE.Text, ROLE.ButtonText, ROLE.ToolTipText), GROUNDS),
        *product((ROLE.Link, ROLE.LinkVisited), (ROLE.Window, ROLE.Base)),
        (ROLE.HighlightedText, ROLE.Highlight),
    ],
)
def test_text_on_every_ground(dark, text, ground):
    colours = palette(dark=dark)
    assert contrast(colours.color(text), colours.color(ground)) >= 4.5


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("ground", GROUNDS)
def test_secondary_text_on_every_ground(dark, ground):
    colours = palette(dark=dark)
    assert contrast(dim_colour(colours), colours.color(ground)) >= 4.5


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("level", ["info", "success", "warning", "error"])
@pytest.mark.parametrize("ground", [ROLE.Window, ROLE.Base, ROLE.Button])
def test_messages_of_every_level(dark, level, ground):
    assert contrast(level_colour(level, dark=dark), palette(dark=dark).color(ground)) >= 4.5


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("ground", GROUNDS)
def test_the_focus_is_seen_on_every_ground(dark, ground):
    colours = palette(dark=dark)
    assert contrast(colours.color(ROLE.Highlight), colours.color(ground)) >= 3


def test_widgets_get_the_palette_that_is_measured(qapp):
    theme = Theme(qapp)
    for name in ("dark", "light"):
        theme.choose(name)
        wanted = palette(dark=name == "dark")
        for role in (*GROUNDS, ROLE.WindowText, ROLE.Highlight):
            assert qapp.palette().color(role) == wanted.color(role)
    theme.choose("system")
    theme.deleteLater()


@pytest.mark.parametrize("dark", [False, True])
def test_outlines_of_fields_are_seen(dark):
    """Fusion makes them from the window's colour, darker by a factor of 1.4."""
    colours = palette(dark=dark)
    outline = framed_palette(colours).color(ROLE.Window).darker(140)
    plain = colours.color(ROLE.Window).darker(140)
    for ground in (ROLE.Window, ROLE.Base):
        seen = contrast(outline, colours.color(ground))
        assert seen >= 1.9
        assert not dark or seen > contrast(plain, colours.color(ground))


@pytest.mark.parametrize("dark", [False, True])
def test_bars_are_seen_on_every_ground(dark):
    from interp_gui.gui.widgets.bars import NEGATIVE, POSITIVE

    for colour in (POSITIVE, NEGATIVE):
        assert contrast(colour, palette(dark=dark).color(ROLE.Window)) >= 3
