"""Our own entry point with torch, a real checkpoint and the built-in analyses."""

import os

import numpy as np
import psutil
import pytest
from PIL import Image

from interp_gui.core.analysis import Inputs
from interp_gui.core.feature import Feature
from interp_gui.engine.client import EngineClient
from interp_gui.engine.local import LocalEngine
from interp_gui.engine.messages import Ended, Heartbeat, Hello, OpenModel, Produced, Run
from interp_gui.engine.workspace import Workspace

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    torchvision = pytest.importorskip("torchvision")
    torch.manual_seed(4)
    network = torchvision.models.squeezenet1_1(num_classes=7)
    with torch.no_grad():
        for tensor in network.state_dict().values():
            scale = 1.4 * tensor[0].numel() ** -0.5 if tensor.ndim > 1 else 0.1
            tensor.copy_(torch.randn_like(tensor) * scale)
    path = tmp_path_factory.mktemp("model") / "net.pth"
    torch.save(network.state_dict(), path)
    return str(path)


@pytest.fixture
def picture(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (250, 260, 3), dtype=np.uint8)
    path = tmp_path / "picture.png"
    Image.fromarray(pixels).save(path)
    return str(path)


def test_the_real_engine_answers_as_the_same_engine_in_this_process(checkpoint, picture, events):
    request = Run(analysis="predict", model="model", inputs=Inputs(images=(picture,)))
    client = EngineClient(on_event=events)
    client.start()
    try:
        hello = events.wait(Hello, timeout_s=60)
        assert "predict" in {info.id for info in hello.analyses}
        assert hello.device_reason
        opened = client.submit(OpenModel(model="model", path=checkpoint))
        answer = client.submit(request)
        description = events.wait(Ended, opened, timeout_s=60).description
        assert description.architecture == "squeezenet1_1"
        assert description.layers
        ended = events.wait(Ended, answer, timeout_s=60)
        assert ended.outcome == "finished", ended
        assert events.of(Heartbeat)[-1].memory_bytes > 50 * 2**20
        produced = events.wait(Produced, answer)

        layer = next(x for x in description.layers if x.name == "features.4")
        feature = Feature(layer=layer.name, units=(3,))
        long = client.submit(
            Run(
                analysis="feature-visualization",
                model="model",
                inputs=Inputs(features=(feature,)),
                parameters={"steps": 10_000, "size": 96},
            )
        )
        events.wait(Produced, long, timeout_s=60)
        pid = client.pid
        client.cancel(long)
        assert events.wait(Ended, long).outcome == "cancelled"
        assert client.pid == pid
    finally:
        client.close()
    assert not psutil.pid_exists(pid)

    local = LocalEngine(Workspace(device=hello.device))
    local.open_model(checkpoint)
    ((result, recipe),) = [step for step in local.run(request) if isinstance(step, tuple)]
    assert result.labels == produced.result.labels
    np.testing.assert_allclose(result.values, produced.result.values, rtol=1e-4, atol=1e-6)
    assert recipe.model == produced.recipe.model
    assert recipe.images == produced.recipe.images
    assert os.path.dirname(picture) not in produced.recipe.to_json()


def test_a_file_that_is_no_checkpoint_is_a_sentence(tmp_path, checkpoint):
    engine = LocalEngine(Workspace(device="cpu"))
    wrong = tmp_path / "x.pth"
    wrong.write_bytes(b"nothing of the kind")
    with pytest.raises(Exception, match=r"x\.pth") as caught:
        engine.open_model(wrong)
    assert "\n" not in str(caught.value)
