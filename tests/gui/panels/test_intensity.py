import numpy as np
import pytest
from PIL import Image

from interp_gui.core.model import Preprocessing
from interp_gui.gui.panels.intensity import IntensityWindow
from interp_gui.gui.panels.preprocessing import PreprocessingForm


@pytest.fixture
def deep(tmp_path):
    """A 16-bit picture whose values lie in a small part of its range."""
    values = np.linspace(1000, 3000, 64 * 64).reshape(64, 64).astype(np.uint16)
    path = tmp_path / "scan.png"
    Image.fromarray(values).save(path)
    return str(path)


@pytest.fixture
def window(qtbot, background):
    window = IntensityWindow(background)
    qtbot.addWidget(window)
    return window


def test_auto_takes_the_percentiles_and_full_gives_the_range_back(window, deep, qtbot):
    edits = []
    window.edited.connect(lambda: edits.append(window.value))
    window.follow(deep)
    qtbot.waitUntil(window.automatic.isEnabled)
    assert "16-bit grey" in window.facts.text()
    assert edits == [], "looking at an image changes nothing"
    window.automatic.click()
    low, high = window.value
    assert 1000 < low < 1040
    assert 2960 < high < 3000
    window.low.setValue(1500)
    assert window.value == (1500, round(high))
    window.full.click()
    assert window.value is None
    assert len(edits) == 3


def test_it_is_there_only_for_images_of_more_than_8_bits(window, deep, pictures, qtbot):
    told = []
    window.wanted_changed.connect(told.append)
    window.follow(deep)
    qtbot.waitUntil(lambda: told == [True])
    window.follow(str(pictures / "cat" / "cat0.png"))
    qtbot.waitUntil(lambda: told == [True, False])
    window.set_value((10, 20))
    assert told[-1], "a window that is set stays in sight"


def test_a_broken_image_has_no_window(window, pictures, qtbot):
    window.follow(str(pictures / "dog" / "broken.png"))
    qtbot.wait(50)
    assert not window.is_wanted
    assert not window.automatic.isEnabled()


def test_the_window_is_part_of_what_is_applied(qtbot, state, background, model, deep):
    form = PreprocessingForm(state, background)
    qtbot.addWidget(form)
    form.show()
    state.set_model(model)
    state.set_image(deep)
    qtbot.waitUntil(form.intensity.isVisible)
    wanted = []
    form.applied.connect(wanted.append)
    form.intensity.automatic.click()
    assert form.apply.isEnabled()
    form.apply.click()
    assert wanted[0].window == form.intensity.value is not None
    assert wanted[0] == Preprocessing(window=form.intensity.value)
    form.intensity.low.setValue(5000)
    assert not form.apply.isEnabled(), "the lowest value is above the highest"
