"""Baking with the real engine: an edit on the panel becomes a file that opens in the window."""

import pytest

from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.feature import Feature
from interp_gui.gui.interventions.bake_dialog import BakeDialog
from interp_gui.samples import shapes_model

pytestmark = [pytest.mark.window, pytest.mark.timeout(240)]


def test_an_edit_is_baked_and_opened_from_the_menu(own_window, tmp_path, wait):
    own_window.open(shapes_model())
    window = own_window.window
    edit = Edit(feature=Feature(layer="mean", units=(3,)), kind="ablate")
    window.state.set_edits(EditStack(edits=(edit,)))
    action = window.actions_["intervene.bake"]
    wait(action.isEnabled, "the action")
    action.trigger()
    dialog = window.findChild(BakeDialog)
    assert dialog is not None
    wait(lambda: dialog.write_button.isEnabled(), "the check of the edits")
    target = tmp_path / "baked.safetensors"
    dialog.path.setText(str(target))
    dialog.write_button.click()
    wait(lambda: dialog.open_button.isVisible(), "the file")
    assert target.is_file()
    dialog.open_button.click()
    wait(lambda: window.state.model.path == str(target), "the baked model")
    assert any("Baked from" in note for note in window.state.model.description.notes)
