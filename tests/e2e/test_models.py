"""Models of every kind in the real window with its real engine."""

import dataclasses
import os
import subprocess
import sys

import msgspec
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QDialog

from interp_gui.gui.opening.file_dialog import FileDialog
from interp_gui.gui.opening.question_dialog import OpenQuestionDialog

pytestmark = [pytest.mark.window, pytest.mark.timeout(240)]

_MAKE = """
import sys
from pathlib import Path

import torch, torchvision
from transformers import ViTConfig, ViTForImageClassification

folder = Path(sys.argv[1])


def random(model):
    generator = torch.Generator().manual_seed(3)
    for name, tensor in model.state_dict().items():
        if not tensor.is_floating_point():
            continue
        values = torch.randn(tensor.shape, generator=generator)
        if tensor.ndim > 1:
            tensor.copy_(values * (2 / tensor[0].numel()) ** 0.5)
        elif name.endswith(("weight", "running_var")):
            tensor.copy_(1 + 0.2 * values.abs())
        else:
            tensor.copy_(0.1 * values)
    return model.eval()


class Bad:
    def __reduce__(self):
        return (exec, (f"open({str(folder / 'ran')!r}, 'w')",))


network = random(torchvision.models.resnet18(num_classes=3))
torch.save(network.state_dict(), folder / "ambiguous.pth")
again = {key: value * 1.25 for key, value in network.state_dict().items()}
torch.save(again, folder / "again.pth")
network.extra = Bad()
torch.save(network, folder / "whole.pth")
config = ViTConfig(
    hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
    image_size=32, patch_size=8, num_labels=3,
)
random(ViTForImageClassification(config)).save_pretrained(folder / "vit")
small = random(torch.nn.Sequential(
    torch.nn.Conv2d(3, 8, 3, stride=2, padding=1), torch.nn.ReLU(),
    torch.nn.Conv2d(8, 16, 3, stride=2, padding=1), torch.nn.ReLU(),
    torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(16, 3),
))
example = torch.randn(1, 3, 48, 48)
torch.onnx.export(small, (example,), folder / "small.onnx", dynamo=False)
"""


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """A folder of small models, each of another kind."""
    folder = tmp_path_factory.mktemp("kinds")
    quiet = [sys.executable, "-W", "ignore", "-c", _MAKE, str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    subprocess.run(quiet, check=True, timeout=180, env=environment, capture_output=True)
    return folder


@pytest.fixture
def window(running, pictures):
    window = running.window
    if window.state.dataset is None:
        window.files.open([str(pictures)])
    running.notes.clear()
    yield window
    for model in window.state.models:
        window.documents.close_model(model.handle)


def dialog_of(window, kind):
    return next((d for d in window.findChildren(QDialog) if isinstance(d, kind)), None)


def opens(window, path, wait):
    """Open a path and wait until it is the current model."""
    window.files.open([str(path)])
    wait(
        lambda: window.state.model is not None and window.state.model.path == str(path), "it opens"
    )
    return window.state.model.description


def answers(window, wait):
    """What the Output panel shows."""
    wait(lambda: window.state.image is not None, "there are images")
    wait(lambda: window.output.bars is not None and window.output.bars.isEnabled(), "an answer")
    return window.output.bars.result.values


def test_what_several_networks_fit_is_asked_once(window, models, wait, running):
    path = models / "ambiguous.pth"
    window.files.open([str(path)])
    wait(lambda: dialog_of(window, OpenQuestionDialog) is not None, "it is asked", 120)
    dialog = dialog_of(window, OpenQuestionDialog)
    names = [each.name for each in dialog.question.candidates]
    assert {"torchvision:resnet18", "timm:resnetblur18"} <= set(names)
    dialog.candidates.setCurrentItem(
        dialog.candidates.topLevelItem(names.index("timm:resnetblur18"))
    )
    dialog.open_button.click()
    wait(lambda: window.state.model is not None, "it opens")
    assert window.state.model.description.architecture == "resnetblur18"
    window.documents.close_model()
    wait(lambda: dialog_of(window, OpenQuestionDialog) is None, "the dialog is gone")
    again = opens(window, path, wait)  # unasked
    assert again.architecture == "resnetblur18"
    assert "torchvision:resnet18" in [each.name for each in again.alternatives]
    assert running.errors == []


def test_a_whole_network_that_names_danger_opens_through_stand_ins(window, models, wait, running):
    window.files.open([str(models / "whole.pth")])
    wait(lambda: dialog_of(window, FileDialog) is not None, "what the file is stands in a dialog")
    dialog = dialog_of(window, FileDialog)
    assert any(each.dangerous for each in dialog.report.foreign)
    assert not dialog.open_button.isDefault()
    dialog.open_button.click()
    wait(
        lambda: window.state.model is not None or dialog_of(window, OpenQuestionDialog),
        "it goes on",
    )
    asked = dialog_of(window, OpenQuestionDialog)
    if asked is not None:
        asked.open_button.click()
        wait(lambda: window.state.model is not None, "it opens")
    assert window.state.model.description.choice.stubs
    assert not (models / "ran").exists()
    assert running.errors == []


def test_an_onnx_model_answers_and_shows_its_layers(window, models, wait, running):
    model = opens(window, models / "small.onnx", wait)
    assert model.runtime == "onnx"
    assert any(layer.worthwhile and layer.units == 16 for layer in model.layers)
    assert len(answers(window, wait)) == 3
    assert window.device_badge.text.text() == "ONNX Runtime on the CPU"
    assert running.errors == []
    assert "onnx" not in sys.modules
    assert "onnxruntime" not in sys.modules


def test_what_needs_gradients_is_greyed_out_with_the_reason(window, models, wait):
    opens(window, models / "small.onnx", wait)
    model = window.state.model
    without = msgspec.structs.replace(
        model.description, gradient_problem="its operator 'Odd' is not known here"
    )
    window.state.set_model(dataclasses.replace(model, description=without))
    window.state.set_tab("wall")
    wall = window.centre.tab("wall")
    wait(lambda: wall.list.cards, "the wall has cards")
    assert not wall.optimise.isEnabled()
    assert "'Odd'" in wall.optimise.toolTip()
    window.state.open_feature(next(card.feature for card in wall.list.cards))
    window.state.set_tab("unit")
    panel = window.centre.tab("unit").panel
    wait(lambda: "'Odd'" in panel.picture.hint, "the page says why there is no picture")
    assert not panel.run.isEnabled()
    window.state.set_tab("image")
    ranking = window.centre.tab("image").ranking
    assert ranking.order.currentData() == "activation"


def test_a_hugging_face_folder_opens_when_dropped(window, models, wait, running):
    model = opens(window, models / "vit", wait)
    assert model.library == "transformers"
    assert any(layer.role == "z" and layer.heads == 2 for layer in model.layers)
    assert len(answers(window, wait)) == 3
    window.state.set_layer(next(layer.name for layer in model.layers if layer.role == "pattern"))
    window.state.set_tab("wall")
    wait(lambda: not window.bridge.active, "nothing is asked of a layer without units")
    assert running.errors == []


def test_an_opening_is_cancelled_and_the_engine_stays(window, models, wait, running):
    pid = running.client.pid
    window.files.open([str(models / "again.pth")])  # other weights, so that nothing is remembered

    def comparing():
        return [row for row in window.bridge.active if "Comparing" in row.progress.text]

    wait(comparing, "the networks that fit are compared", 120)
    assert comparing()[0].title == "Open again.pth"
    assert window.documents.opening == "again.pth"
    window.bridge.cancel(comparing()[0].job)
    wait(lambda: not window.bridge.active, "the job ends", 5)
    wait(lambda: not window.documents.opening, "nothing opens any more", 5)
    assert running.client.pid == pid
    assert window.bridge.is_ready
    assert window.state.models == ()
    assert dialog_of(window, OpenQuestionDialog) is None
    opens(window, models / "small.onnx", wait)
    assert running.errors == []


def test_several_things_are_dropped_at_once(window, models, wait, running, pictures):
    data = QMimeData()
    dropped = [models / "small.onnx", models / "vit", pictures]
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in dropped])
    mouse = (data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    entered = QDragEnterEvent(QPoint(400, 300), Qt.DropAction.CopyAction, *mouse)
    QApplication.sendEvent(window, entered)
    assert entered.isAccepted()
    QApplication.sendEvent(window, QDropEvent(QPointF(400, 300), Qt.DropAction.CopyAction, *mouse))
    wait(lambda: len(window.state.models) == 2, "both models open")
    assert {model.description.name for model in window.state.models} == {"small.onnx", "vit"}
    assert {image.label for image in window.state.dataset.images} == {"stripes", "blobs"}
    assert running.errors == []
