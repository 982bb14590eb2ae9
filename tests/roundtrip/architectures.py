"""Which architectures make the round trip: all of torchvision's, and some of every family of timm.

Of each family of timm (a module of `timm.models`) the smallest quarter is taken, four at least,
up to `MOST_PARAMETERS`; of a family that has only larger ones its smallest. `left_out` says why
the others are not.
"""

import math
from functools import cache

from interp_gui.checkpoints.index_files import load_index

MOST_PARAMETERS = 30_000_000
FEWEST_OF_A_FAMILY = 4

SAMPLE = (
    "torchvision:squeezenet1_1", "torchvision:shufflenet_v2_x0_5", "torchvision:mnasnet0_5",
    "torchvision:mobilenet_v2", "torchvision:mobilenet_v3_small", "torchvision:mobilenet_v3_large",
    "torchvision:regnet_y_400mf", "torchvision:regnet_x_400mf", "torchvision:efficientnet_b0",
    "torchvision:densenet121", "torchvision:resnet18", "torchvision:mnasnet0_75",
    "torchvision:googlenet", "torchvision:squeezenet1_0", "torchvision:shufflenet_v2_x1_0",
    "torchvision:mnasnet1_0", "torchvision:shufflenet_v2_x1_5", "torchvision:swin_t",
    "timm:dla46_c", "torchvision:regnet_y_800mf",
    "timm:test_vit", "timm:test_vit2", "timm:test_convnext", "timm:test_convnext2",
    "timm:test_efficientnet", "timm:test_efficientnet_gn", "timm:test_resnet", "timm:test_nfnet",
    "timm:test_byobnet", "timm:test_mambaout", "timm:test_coatnet", "timm:test_vit_relpos",
    "timm:test_vit3", "timm:deit_tiny_distilled_patch16_224", "timm:vit_tiny_patch16_dinov3_qkvb",
    "timm:vit_tiny_r_s16_p8_224", "timm:mobilenetv3_small_050", "timm:regnety_002",
    "timm:efficientvit_m0", "timm:starnet_s050",
)  # fmt: skip
"""What the default run tries: small ones of every kind."""


@cache
def parameters(name: str) -> int:
    """Numbers in the tensors of `LIBRARY:NAME`."""
    library, _, architecture = name.partition(":")
    tensors = load_index(library).architecture(architecture).tensors
    return sum(math.prod(shape) for shape in tensors.values())


def everything() -> list[str]:
    """All that make the round trip, those of few parameters first."""
    return sorted(["torchvision:" + n for n in load_index("torchvision").names] + _of_timm()[0],
                  key=lambda name: (parameters(name), name))  # fmt: skip


def left_out() -> dict[str, str]:
    """Why the architectures that do not make the round trip do not."""
    return _of_timm()[1]


@cache
def families() -> dict[str, list[str]]:
    """Architectures of timm by the module that defines them, those of few parameters first."""
    import timm

    found: dict[str, list[str]] = {}
    module_of = {name: module for module in timm.list_modules()
                 for name in timm.list_models(module=module)}  # fmt: skip
    for name in load_index("timm").names:
        found.setdefault(module_of[name], []).append(f"timm:{name}")
    return {
        module: sorted(names, key=lambda name: (parameters(name), name))
        for module, names in found.items()
    }


@cache
def _of_timm() -> tuple[list[str], dict[str, str]]:
    chosen, reasons = [], {}
    for module, names in families().items():
        wanted = names[: max(FEWEST_OF_A_FAMILY, len(names) // 4)]
        small = [name for name in wanted if parameters(name) <= MOST_PARAMETERS] or names[:1]
        chosen.extend(small)
        for name in names:
            if name in SAMPLE and name not in small:
                chosen.append(name)
            elif name not in small:
                large = parameters(name) > MOST_PARAMETERS
                reasons[name] = (
                    f"more than {MOST_PARAMETERS:,} parameters" if large
                    else f"{len(small)} smaller ones of {module} are tried"
                )  # fmt: skip
    return chosen, reasons
