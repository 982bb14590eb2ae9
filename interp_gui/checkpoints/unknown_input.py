"""The input of a network of which nothing says how it sees an image: found by trying."""

import torch
from torch import nn

from interp_gui.core.errors import FileProblem
from interp_gui.core.model import Preprocessing, channel_order

SIDES_PX = (224, 32, 28, 64, 96, 128, 256, 299, 384, 512)
"""Tried in this order; a network that takes any size is shown what most were trained with."""

_IMAGENET = Preprocessing()


def input_channels(network: nn.Module) -> int:
    """Channels that the first convolution takes; 3 where there is none."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            return module.in_channels
    return 3


def find_input(network: nn.Module) -> tuple[Preprocessing, tuple[int, ...], tuple[str, ...]]:
    """A preprocessing whose input the network takes, and the shape of its answer to one image.

    Returns
    -------
    Preprocessing, shape without the batch axis, and notes on what was assumed.

    Raises
    ------
    FileProblem
        It takes none of the usual sizes, or returns no tensor.
    """
    channels = input_channels(network)
    reason = ""
    for side in SIDES_PX:
        try:
            with torch.no_grad():
                answer = network(torch.zeros(2, channels, side, side))
        except Exception as problem:  # noqa: BLE001 - the network is the user's own
            reason = reason or " ".join(str(problem).split())[:160].rstrip(". ")
            continue
        shape = _first_shape(answer)
        if shape is None:
            raise FileProblem("The network returns no tensor.")
        return preprocessing_of(channels, side), shape, _notes(channels, side)
    raise FileProblem(
        f"The network takes no image of {', '.join(map(str, SIDES_PX))} pixels in {channels} "
        f"channel{'s' if channels > 1 else ''}: {reason}.",
        hint="Networks are given one batch of images (N, channels, height, width).",
    )


def preprocessing_of(channels: int, side_px: int) -> Preprocessing:
    """What is assumed where nothing is known: ImageNet's for colour, plain 0..1 for the rest."""
    size = (side_px, side_px)
    resize_px = max(side_px, round(side_px * 256 / 224))
    if channels == len(_IMAGENET.mean):
        return Preprocessing(size=size, resize_px=resize_px)
    return Preprocessing(
        size=size, resize_px=resize_px, mean=(0.0,) * channels, std=(1.0,) * channels,
        channels=channel_order(channels),
    )  # fmt: skip


def _first_shape(answer: object) -> tuple[int, ...] | None:
    while isinstance(answer, tuple | list) and answer:
        answer = answer[0]
    if isinstance(answer, dict) and answer:
        answer = next(iter(answer.values()))
    return tuple(answer.shape[1:]) if isinstance(answer, torch.Tensor) else None


def _notes(channels: int, side: int) -> tuple[str, ...]:
    how = (
        "ImageNet's mean and deviation" if channels == len(_IMAGENET.mean) else "values from 0 to 1"
    )
    return (
        f"Nothing says how this network sees an image: {side} × {side} pixels and {how} are "
        "assumed. The Preprocessing tab changes it.",
    )
