"""Write the index of torchvision's and timm's architectures: a script for developers.

``python -m interp_gui.checkpoints.build_index`` rewrites the files that `checkpoints.index_files`
reads (minutes, on two processes). It needs no weights and no network connection.
"""

import warnings
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import msgspec

from interp_gui.checkpoints.find_twins import with_twins
from interp_gui.checkpoints.index import CLASSES_FILE, LIBRARIES, Architecture
from interp_gui.checkpoints.index_files import index_file, pack
from interp_gui.checkpoints.index_probes import probe
from interp_gui.checkpoints.index_published import of_timm, of_torchvision

_AUXILIARY = {"googlenet": ("aux1.", "aux2."), "inception_v3": ("AuxLogits.",)}
_USUAL_SIZE = (224, 224)
_CHUNK = 8
_WORKERS = 2


def known(library: str) -> list[str]:
    """Names of all classification architectures of an installed library."""
    if library == "torchvision":
        import torchvision

        return list(torchvision.models.list_models(module=torchvision.models))
    import timm

    return list(timm.list_models())


def describe(library: str, name: str) -> Architecture:
    """The index entry of one architecture of an installed library, without its twins."""
    if library == "torchvision":
        whole = probe(library, name, size=_USUAL_SIZE, size_option="image_size", fixed=False)
        auxiliary = _AUXILIARY.get(name, ())
        return msgspec.structs.replace(whole, auxiliary=auxiliary, weights=of_torchvision(name))
    from timm.models import PretrainedCfg, get_pretrained_cfg

    config = get_pretrained_cfg(name) or PretrainedCfg()
    height, width = config.input_size[1:]
    whole = probe(
        library, name, size=(height, width), size_option="img_size", fixed=config.fixed_input_size
    )
    return msgspec.structs.replace(whole, weights=of_timm(name))


def describe_all(library: str, names: Iterable[str]) -> tuple[Architecture, ...]:
    """The entries of several architectures, in order."""
    with ProcessPoolExecutor(_WORKERS, mp_context=get_context("spawn")) as pool:
        names = list(names)
        return tuple(pool.map(describe, [library] * len(names), names, chunksize=_CHUNK))


def version(library: str) -> str:
    """Version of an installed library, without what says how it was built."""
    from importlib.metadata import version as installed

    return installed(library).partition("+")[0]


def main() -> None:
    """Write the indexes and the class names into the checkout's ``resources/``."""
    import torchvision.models

    warnings.simplefilter("ignore")  # of architectures that are built for odd sizes
    resources = Path(__file__).resolve().parents[2] / "resources"
    entries = {library: describe_all(library, known(library)) for library in LIBRARIES}
    for library, architectures in with_twins(entries).items():
        packed = pack(library, version(library), architectures)
        (resources / index_file(library)).write_bytes(packed)
    names = torchvision.models.MobileNet_V2_Weights.IMAGENET1K_V1.meta["categories"]
    (resources / CLASSES_FILE).write_text("\n".join(names) + "\n", "utf-8")


if __name__ == "__main__":
    main()
