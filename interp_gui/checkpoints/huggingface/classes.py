"""Which class of transformers a config stands for, out of the library's own lists."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from interp_gui.checkpoints.huggingface.config import FolderConfig
from interp_gui.checkpoints.huggingface.library import transformers_version
from interp_gui.core.errors import UnknownArchitecture

Role = Literal["classes", "map", "embedding"]

# Towers that project what they see into the space they share with text.
_PROJECTING = {
    "clip": "CLIPVisionModelWithProjection",
    "metaclip_2": "MetaClip2VisionModelWithProjection",
}
# A masked autoencoder hides and shuffles places at random; without that it is a plain ViT.
_PLAIN = {"vit_mae": "vit"}
_NOT_OPENED = {
    "imagegpt": "it takes colour clusters in place of pixels",
    "perceiver": "it takes arrays of any kind in place of images",
    "siglip2": "it takes images cut into patches of changing numbers",
    "shieldgemma2": "it answers in text",
}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A class to build, and what of the file it may leave alone.

    Parameters
    ----------
    name
        Name of the class in transformers (`ViTForImageClassification`).
    model_type
        Family whose config it takes.
    role
        What it returns.
    vision_only
        Whether the config describes more than the tower that is opened.
    rest_ignored
        Whether tensors outside the network may stand in the file: a head that is not used, a
        decoder for pretraining, a text tower.
    note
        Why it is this class, for the user; empty where it is what the config names.
    """

    name: str
    model_type: str
    role: Role
    vision_only: bool = False
    rest_ignored: bool = False
    note: str = ""


def plans_for(config: FolderConfig, wanted: str = "") -> tuple[Plan, ...]:
    """Classes to try in order: each is opened only if its tensors are all there.

    Parameters
    ----------
    wanted
        Name of a class that the user chose; empty for the one that the config names.

    Raises
    ------
    UnknownArchitecture
        The installed transformers knows no vision network of that type.
    """
    lists = _Lists()
    model_type = config.model_type or lists.type_of(config.architectures)
    model_type = _PLAIN.get(model_type, model_type)
    if not model_type:
        raise UnknownArchitecture(
            "The folder's config.json names no type of network (model_type).",
            hint="Open the weights file itself in another folder to have it recognised.",
        )
    if model_type in _NOT_OPENED:
        raise UnknownArchitecture(
            f"Networks of type '{model_type}' are not opened: {_NOT_OPENED[model_type]}."
        )
    named = (wanted,) if wanted else config.architectures
    plans = tuple(_direct(lists, model_type, named))
    if wanted:
        # who asks for the network without its head knows that the head is left out
        plans = tuple(replace(each, rest_ignored=each.role == "embedding") for each in plans)
    if wanted and not plans:
        raise UnknownArchitecture(
            f"'{wanted}' is no class for images of type '{model_type}' in transformers "
            f"{transformers_version()}.",
            hint=f"Known: {', '.join(lists.names(model_type)) or 'none'}.",
        )
    plans += tuple(_fallbacks(lists, model_type, named, bool(plans)))
    if not plans:
        raise unknown_type(model_type, config)
    return plans


def unknown_type(model_type: str, config: FolderConfig) -> UnknownArchitecture:
    """Why nothing can be built: code of the folder's own, or a type that is not known."""
    if config.remote_code:
        return UnknownArchitecture(
            f"The network is defined by code that comes with the folder "
            f"({config.remote_code[0][:60]}); it was not run.",
            hint="Export it to ONNX where you trust that code, and open the .onnx file.",
        )
    return UnknownArchitecture(
        f"transformers {transformers_version()} knows no network for images of type "
        f"'{model_type[:60]}'.",
        hint="Update transformers, or export the network to ONNX and open that.",
    )


def is_known_type(model_type: str) -> bool:
    """Whether the installed transformers has a config for it."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    return model_type in CONFIG_MAPPING_NAMES


def class_named(name: str) -> Any:
    """A class of transformers by a name that stands in one of its lists."""
    import transformers

    return getattr(transformers, name)


def _direct(lists: "_Lists", model_type: str, named: Iterable[str]) -> Iterable[Plan]:
    for name in named:
        if name in lists.classifiers(model_type):
            yield Plan(name=name, model_type=model_type, role="classes")
        elif name in lists.maps(model_type):
            yield Plan(name=name, model_type=model_type, role="map")
        elif name in lists.embedders(model_type):
            yield Plan(name=name, model_type=model_type, role="embedding")


def _fallbacks(
    lists: "_Lists", model_type: str, named: tuple[str, ...], found: bool
) -> Iterable[Plan]:
    """Where the class is not one of ours, or its head is missing from the file."""
    tower = lists.tower(model_type)
    if tower:
        yield Plan(
            name=tower, model_type=model_type, role="embedding", vision_only=True,
            rest_ignored=True, note="Only the tower that sees images is opened; text is left out.",
        )  # fmt: skip
        return
    if not found:
        for name in lists.classifiers(model_type)[:1]:
            yield Plan(
                name=name, model_type=model_type, role="classes",
                note=f"The config names {' and '.join(named) or 'no class'}; "
                f"the weights fit {name}.",
            )  # fmt: skip
    for name in lists.bases(model_type)[:1]:
        yield Plan(
            name=name, model_type=model_type, role="embedding", rest_ignored=True,
            note=f"Opened without a head, as {name}: it answers with an embedding.",
        )  # fmt: skip


class _Lists:
    """The lists of transformers' own AutoModel classes."""

    def __init__(self) -> None:
        from transformers.models.auto import modeling_auto as auto

        self._classifiers = _table(auto, "MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES")
        self._segmenters = _table(auto, "MODEL_FOR_SEMANTIC_SEGMENTATION_MAPPING_NAMES")
        self._depths = _table(auto, "MODEL_FOR_DEPTH_ESTIMATION_MAPPING_NAMES")
        self._images = _table(auto, "MODEL_FOR_IMAGE_MAPPING_NAMES")
        self._bases = _table(auto, "MODEL_MAPPING_NAMES")
        self._matching = _table(auto, "MODEL_FOR_ZERO_SHOT_IMAGE_CLASSIFICATION_MAPPING_NAMES")

    def classifiers(self, model_type: str) -> tuple[str, ...]:
        return self._classifiers.get(model_type, ())

    def maps(self, model_type: str) -> tuple[str, ...]:
        return self._segmenters.get(model_type, ()) + self._depths.get(model_type, ())

    def bases(self, model_type: str) -> tuple[str, ...]:
        return self._images.get(model_type, ()) or self._bases.get(model_type, ())

    def embedders(self, model_type: str) -> tuple[str, ...]:
        """Classes without a head that take nothing but images."""
        if self.tower(model_type):
            return ()
        projecting = _PROJECTING.get(model_type.removesuffix("_vision_model"), "")
        return (*self.bases(model_type), projecting)

    def names(self, model_type: str) -> tuple[str, ...]:
        return self.classifiers(model_type) + self.maps(model_type) + self.bases(model_type)

    def tower(self, model_type: str) -> str:
        """Class of the part that sees images in a network for images and text; empty if none."""
        if model_type not in self._matching:
            return ""
        if model_type in _PROJECTING:
            return _PROJECTING[model_type]
        for suffix in ("_vision_model", "_vision"):
            found = self._bases.get(model_type.replace("-", "_") + suffix)
            if found:
                return found[0]
        return ""

    def type_of(self, architectures: Iterable[str]) -> str:
        """Type of a config that was written before types were, by the class that it names."""
        tables = (self._classifiers, self._segmenters, self._depths, self._images, self._bases)
        for wanted in architectures:
            for table in tables:
                for model_type, names in table.items():
                    if wanted in names:
                        return model_type
        return ""


def _table(auto: Any, name: str) -> dict[str, tuple[str, ...]]:
    listed = getattr(auto, name, {})
    return {
        model_type: tuple(names) if isinstance(names, list | tuple) else (names,)
        for model_type, names in listed.items()
    }
