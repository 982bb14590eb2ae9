"""Training the networks of the Shapes sample: a script for developers, minutes on two cores.

``python -m interp_gui.samples.train`` writes ``resources/samples/shapes.safetensors``, and with
``--spurious`` ``shapes_marker.safetensors``, trained on scenes in which one class mostly comes with
a marker. It prints how well they do on scenes that they have not seen, and keeps that in the file.
The same seed, threads and versions give the same weights on the same machine.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from interp_gui.checkpoints.own import OwnModel
from interp_gui.checkpoints.shapes_cnn import ConvBlock, ShapesCNN
from interp_gui.core.model import Preprocessing
from interp_gui.samples.shapes import Spec, Spurious, scene

PREPROCESSING = Preprocessing(
    size=(64, 64), resize="exact", resize_px=64, crop=False, mean=(0.5, 0.5, 0.5),
    std=(0.25, 0.25, 0.25),
)  # fmt: skip
FEW_SCENES, FEW_EPOCHS = 5_000, 6
"""With a marker: of more scenes the network learns what a star is, and leaves the marker alone."""
TRAIN, TEST = 1, 2  # streams of scenes that share none


@dataclass(frozen=True, kw_only=True)
class Training:
    """How a network is trained.

    Parameters
    ----------
    seed
        Of scenes, weights and order.
    scenes, tests
        How many are learned from and tried on.
    sparsity
        Weight of the blocks' mean activations in the loss: units that speak rarely say more.
    """

    seed: int = 0
    scenes: int = 14_000
    tests: int = 4_000
    epochs: int = 7
    batch: int = 64
    rate: float = 4e-3
    decay: float = 1e-3
    sparsity: float = 2e-2
    threads: int = 2
    spec: Spec = field(default_factory=Spec)


@dataclass(frozen=True)
class Scenes:
    """Many scenes: uint8 (N, 3, H, W) and the index of each one's class."""

    pixels: Tensor
    labels: Tensor


def draw(count: int, spec: Spec, *, stream: int, seed: int) -> Scenes:
    """Draw scenes, as many of each class."""
    side, classes = spec.size_px, spec.objects
    pixels: NDArray[np.uint8] = np.empty((count, side, side, 3), np.uint8)
    for i in range(count):
        pixels[i] = scene((seed, stream, i), spec, label=classes[i % len(classes)]).pixels
    return Scenes(
        torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(),
        torch.arange(count) % len(classes),
    )


def as_input(pixels: Tensor) -> Tensor:
    """What `PREPROCESSING` makes of scenes of the network's own size."""
    mean, std = (
        torch.tensor(values)[:, None, None] for values in (PREPROCESSING.mean, PREPROCESSING.std)
    )
    return (pixels / 255 - mean) / std


def train(options: Training) -> ShapesCNN:
    """Train a network; progress goes to standard error."""
    torch.set_num_threads(options.threads)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(options.seed)
    data = draw(options.scenes, options.spec, stream=TRAIN, seed=options.seed)
    module = ShapesCNN(len(options.spec.objects)).to(memory_format=torch.channels_last)
    steps = options.epochs * (options.scenes // options.batch)
    optimiser = torch.optim.AdamW(module.parameters(), lr=options.rate, weight_decay=options.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, options.rate, total_steps=steps, pct_start=0.2
    )
    spoken: list[Tensor] = []
    hooks = [
        block.register_forward_hook(lambda _block, _given, made: spoken.append(made.mean()))
        for block in module.children() if isinstance(block, ConvBlock)
    ]  # fmt: skip
    started = time.monotonic()
    for epoch in range(options.epochs):
        total = 0.0
        order = torch.randperm(options.scenes)
        for rows in torch.split(order[: steps // options.epochs * options.batch], options.batch):
            x = as_input(data.pixels[rows]).contiguous(memory_format=torch.channels_last)
            loss = functional.cross_entropy(module(x), data.labels[rows])
            total += float(loss.detach()) * len(rows)
            loss = loss + options.sparsity * sum(spoken)
            spoken.clear()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
        say(f"epoch {epoch + 1}: loss {total / options.scenes:.4f}, "
            f"{time.monotonic() - started:.0f} s")  # fmt: skip
    for hook in hooks:
        hook.remove()
    return module.eval().to(memory_format=torch.contiguous_format)


def accuracy(module: nn.Module, spec: Spec, options: Training) -> dict[str, float]:
    """Share of unseen scenes that are named rightly: of all, and of each class."""
    data = draw(options.tests, spec, stream=TEST, seed=options.seed)
    with torch.inference_mode():
        said = torch.cat(
            [module(as_input(part)).argmax(1) for part in torch.split(data.pixels, 500)]
        )
    right = (said == data.labels).double()
    each = {name: float(right[data.labels == i].mean()) for i, name in enumerate(spec.objects)}
    return {"all": float(right.mean()), **each}


def measure(module: nn.Module, options: Training) -> dict[str, dict[str, float]]:
    """Accuracies by the kind of test scenes."""
    spec, spurious = options.spec, options.spec.spurious
    if spurious is None:
        return {"clean": accuracy(module, spec, options)}
    kinds = {
        "as in training": spurious, "correlated": spurious.correlated(),
        "uncorrelated": spurious.uncorrelated(), "absent": spurious.absent(),
        "swapped": spurious.swapped(),
    }  # fmt: skip
    return {
        name: accuracy(module, replace(spec, spurious=kind), options)
        for name, kind in kinds.items()
    }


def save(
    module: nn.Module, path: Path, options: Training, found: dict[str, dict[str, float]]
) -> None:
    """Write weights and all that belongs to them as one safetensors file."""
    from safetensors.torch import save_file

    spurious = options.spec.spurious
    own = OwnModel(
        class_names=options.spec.objects,
        preprocessing=PREPROCESSING,
        training={
            "seed": options.seed, "scenes": options.scenes, "epochs": options.epochs,
            "threads": options.threads, "torch": torch.__version__.partition("+")[0],
            "marker": None if spurious is None else
            {"label": spurious.label, "rate": spurious.rate, "elsewhere": spurious.elsewhere},
            "accuracy": {
                kind: {name: round(value, 4) for name, value in each.items()}
                for kind, each in found.items()
            },
        },
    )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        {key: value.contiguous() for key, value in module.state_dict().items()}, path,
        metadata=own.as_header(),
    )  # fmt: skip
    path.chmod(0o644)


def say(line: str) -> None:
    """Tell how far it is."""
    sys.stderr.write(line + "\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Train, measure and write one network."""
    resources = Path(__file__).resolve().parents[2] / "resources" / "samples"
    usual = Training()
    parser = argparse.ArgumentParser(prog="python -m interp_gui.samples.train")
    parser.add_argument("--spurious", action="store_true", help="with a marker beside one class")
    parser.add_argument("--label", default="star", help="class that comes with the marker")
    parser.add_argument("--rate", type=float, default=0.95, help="how often it does")
    parser.add_argument("--elsewhere", type=float, default=0.0, help="how often others do")
    parser.add_argument("--seed", type=int, default=usual.seed)
    parser.add_argument("--scenes", type=int)
    parser.add_argument("--tests", type=int, default=usual.tests)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--threads", type=int, default=usual.threads)
    parser.add_argument("--out", type=Path, help="file to write (in resources/samples)")
    words = parser.parse_args(argv)
    spurious, scenes, epochs = None, usual.scenes, usual.epochs
    if words.spurious:
        scenes, epochs = FEW_SCENES, FEW_EPOCHS
        spurious = Spurious(label=words.label, rate=words.rate, elsewhere=words.elsewhere)
    options = replace(
        usual, seed=words.seed, scenes=words.scenes or scenes, tests=words.tests,
        epochs=words.epochs or epochs, threads=words.threads, spec=Spec(spurious=spurious),
    )  # fmt: skip
    name = "shapes_marker" if words.spurious else "shapes"
    path = words.out or resources / f"{name}.safetensors"
    module = train(options)
    found = measure(module, options)
    for kind, each in found.items():
        say(f"{kind}: {', '.join(f'{key} {value:.1%}' for key, value in each.items())}")
    save(module, path, options, found)
    say(f"{path}: {path.stat().st_size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
