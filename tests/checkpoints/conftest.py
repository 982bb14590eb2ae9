import pytest
import torch


def randomised(module, seed=0):
    """A state dict in which every tensor differs from every other and is well scaled."""
    generator = torch.Generator().manual_seed(seed)
    state = module.state_dict()
    for key, value in state.items():
        if not value.is_floating_point():
            continue
        if key.endswith("running_var"):
            value.uniform_(0.5, 2.0, generator=generator)
        elif value.dim() > 1:
            value.normal_(0, (2 / value[0].numel()) ** 0.5, generator=generator)
        else:
            centre = 1.0 if key.endswith("weight") else 0.0
            value.normal_(centre, 0.2, generator=generator)
    return state


@pytest.fixture(scope="session")
def reference():
    """Torchvision's own module with random weights, in eval mode."""

    def make(name, seed=0, **options):
        import torchvision

        module = torchvision.models.get_model(name, weights=None, **options).eval()
        randomised(module, seed)
        return module

    return make


@pytest.fixture
def state(reference):
    """A small network's state dict."""
    return reference("squeezenet1_1", num_classes=5).state_dict()
