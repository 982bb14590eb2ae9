"""What the palette finds: actions, layers, units, images, models, the shelf, classes."""

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec

from interp_gui.core.dataset import ImageEntry
from interp_gui.core.errors import InterpError
from interp_gui.core.feature import Feature
from interp_gui.core.layer import LayerInfo
from interp_gui.gui.actions import ActionRegistry, ActionSpec, full_title, plain_title
from interp_gui.gui.features.commands import feature_commands_of
from interp_gui.gui.palette.fuzzy import Query
from interp_gui.gui.palette.search import Candidate, Item
from interp_gui.gui.shared import names_of
from interp_gui.gui.state import AppState, OpenModelState
from interp_gui.gui.undoing.changes import choose_target

MOST_IMAGES = 20_000
RECENT_MENUS = ("Open recent", "Recent sessions")
# No more than one short range: a long one would take time and memory at every letter typed.
_UNIT = re.compile(r"^(?P<layer>[^:]*):(?P<unit>h?\d{1,5}(-\d{1,5}|(,h?\d{1,5})*))$")


class Actions:
    """Every declared command, also those that cannot be used now, with the reason."""

    prefix, hint = ">", "actions"

    def __init__(
        self, registry: ActionRegistry, state: AppState, *, leave_out: frozenset[str]
    ) -> None:
        self._registry, self._state, self._leave_out = registry, state, leave_out

    def candidates(self, text: str) -> Iterator[Candidate]:
        self._registry.refresh()
        for spec in self._registry.specs:
            if spec.id not in self._leave_out:
                enabled = self._registry[spec.id].isEnabled()
                more = f"{spec.tooltip} {spec.keywords}"
                yield Candidate(self._title(spec), spec.id, 4.0 if enabled else -4.0, more=more)

    def _title(self, spec: ActionSpec) -> str:
        title = self._registry[spec.id].text()
        recent = plain_title(spec.menu).endswith(RECENT_MENUS)
        return full_title("" if recent else spec.menu, title)

    def item(self, key: Any) -> Item | None:
        if key not in self._registry:
            return None
        action = self._registry[key]
        spec = next(s for s in self._registry.specs if s.id == key)
        recent = plain_title(spec.menu).endswith(RECENT_MENUS)
        reason = ""
        if not action.isEnabled():
            reason = (spec.why_not() if spec.why_not is not None else "") or self._excuse()
        kind = "Recent" if recent else plain_title(spec.menu).partition("/")[0] or "Action"
        return Item(
            title=self._title(spec), kind=kind,
            run=action.trigger, detail="" if recent else spec.tooltip, icon=spec.icon,
            shortcut=action.shortcut().toString(action.shortcut().SequenceFormat.NativeText),
            reason=reason, checked=action.isChecked(),
        )  # fmt: skip

    def _excuse(self) -> str:
        """For commands that give no reason of their own."""
        return "Open a model first." if self._state.model is None else "Not possible now."


class Layers:
    """Layers of the current model, those worth looking at first."""

    prefix, hint = "#", "layers"

    def __init__(self, state: AppState) -> None:
        self._state = state

    def candidates(self, text: str) -> Iterator[Candidate]:
        model = self._state.model
        for layer in model.description.layers if model is not None else ():
            yield Candidate(layer.name, layer, 3.0 if layer.worthwhile else 0.0)

    def item(self, key: LayerInfo) -> Item | None:
        shape = " × ".join(str(extent) for extent in key.shape)
        return Item(key.name, "Layer", partial(self._show, key.name), f"{key.kind}, {shape}",
                    icon="wall")  # fmt: skip

    def _show(self, name: str) -> None:
        self._state.set_layer(name)
        self._state.set_tab("wall")


class Units:
    """Units by their address as typed, and those that were given a name."""

    prefix, hint = ":", "units"

    def __init__(self, state: AppState) -> None:
        self._state = state

    def candidates(self, text: str) -> Iterator[Candidate]:
        yield from (Candidate("", f, 200.0 - i, sure=True) for i, f in enumerate(self.typed(text)))
        model = self._state.model
        if model is None:
            return
        weights = model.description.weights_sha256
        known = {layer.name for layer in model.description.layers}
        for address, name in names_of(self._state).snapshot().get(weights, {}).items():
            if _UNIT.match(address) and address.rpartition(":")[0] in known:
                feature = msgspec.structs.replace(Feature.parse(address), model=weights)
                yield Candidate(name, feature, 6.0)

    def typed(self, text: str) -> list[Feature]:
        """Units that a text names: of the layer that fits best, first."""
        model = self._state.model
        match = _UNIT.match(text if ":" in text else f":{text}")
        if model is None or match is None or len(text) > 200:
            return []
        layers = self._layers(match["layer"].strip())
        found = []
        for layer in layers[:5]:
            try:
                feature = Feature.parse(f"{layer.name}:{match['unit']}")
                feature.check(layer)
            except InterpError:
                continue
            found.append(msgspec.structs.replace(feature, model=model.description.weights_sha256))
        return found

    def _layers(self, text: str) -> list[LayerInfo]:
        model = self._state.model
        layers = [layer for layer in model.description.layers if layer.units] if model else []
        if not text:
            return [layer for layer in layers if layer.name == self._state.layer]
        query = Query(text)
        ranked = [
            (match.score + (3.0 if layer.worthwhile else 0.0), -i, layer)
            for i, layer in enumerate(layers)
            if (match := query.match(layer.name)) is not None
        ]
        return [layer for _, _, layer in sorted(ranked, key=lambda r: r[:2], reverse=True)]

    def item(self, key: Feature) -> Item | None:
        name = names_of(self._state).name(key)
        return Item(
            title=name or key.text, kind="Unit", detail=key.text if name else "Open its page",
            run=partial(feature_commands_of(self._state).act, "unit", (key,)), icon="unit",
        )  # fmt: skip


class Images:
    """Images at hand by their file names."""

    prefix, hint = "@", "images"

    def __init__(self, state: AppState) -> None:
        self._state = state
        self._of: object = None
        self._names: list[str] = []

    def candidates(self, text: str) -> Iterator[Candidate | None]:
        dataset = self._state.dataset
        images = dataset.images if dataset is not None else ()
        if self._of is not images:
            self._of, self._names = images, []
        names = self._names  # filled as far as a search has come, so that no search waits for all
        # Most names are passed over by these, without a call of ours for each.
        within = [
            re.compile(".*?".join(map(re.escape, word)), re.DOTALL).search
            for word in text.lower().split()
        ]
        matched = 0
        for i, entry in enumerate(images):
            if i == len(names):
                names.append(entry.path.replace("\\", "/").rpartition("/")[2].lower())
            if all(search(names[i]) for search in within):
                yield Candidate(entry.path.replace("\\", "/").rpartition("/")[2], entry)
                matched += 1
                if matched == MOST_IMAGES:
                    return  # so many fit that more letters are needed in any case
            elif i % 64 == 0:
                yield None

    def item(self, key: ImageEntry) -> Item | None:
        folder, _, name = key.path.replace("\\", "/").rpartition("/")
        return Item(
            title=name, kind="Image",
            run=partial(self._state.open_image, key.path), icon="image",
            detail=key.label or folder.rpartition("/")[2], reason=key.problem,
        )  # fmt: skip


class OpenModels:
    """Models that are open, to make one of them current."""

    prefix, hint = "", ""

    def __init__(self, state: AppState) -> None:
        self._state = state

    def candidates(self, text: str) -> Iterator[Candidate]:
        yield from (Candidate(model.description.name, model, 2.0) for model in self._state.models)

    def item(self, key: OpenModelState) -> Item | None:
        return Item(
            title=key.description.name, kind="Model", icon="open-model",
            run=partial(self._state.set_model, key),
            detail=f"{key.description.architecture}, open",
            checked=self._state.model is not None and self._state.model.handle == key.handle,
        )  # fmt: skip


class OnShelf:
    """Features on the shelf by their names, tags and addresses."""

    prefix, hint = "", ""

    def __init__(self, state: AppState) -> None:
        self._state = state

    def candidates(self, text: str) -> Iterator[Candidate]:
        from interp_gui.gui.shelf import shelf_of

        for item in shelf_of(self._state).items:
            title = item.name or item.feature.title
            yield Candidate(" ".join((title, *item.tags)), item, 2.0)

    def item(self, key: Any) -> Item | None:
        commands = feature_commands_of(self._state)
        return Item(
            title=key.name or key.feature.title, kind="Shelf", icon="unit",
            run=partial(commands.act, "unit", (key.feature,)),
            detail=", ".join(filter(None, (key.feature.text, *key.tags))),
            reason=commands.refusal("unit", (key.feature,)),
        )  # fmt: skip


class Classes:
    """Classes of the current model, to explain one of them."""

    prefix, hint = "=", "classes"

    def __init__(self, state: AppState) -> None:
        self._state = state

    def candidates(self, text: str) -> Iterator[Candidate]:
        model = self._state.model
        if model is not None:
            for index in range(model.description.class_count):
                yield Candidate(model.description.class_name(index), index)

    def item(self, key: int) -> Item | None:
        model, target = self._state.model, self._state.target
        if model is None or key >= model.description.class_count:
            return None
        kind = target.kind if target.kind in ("logit", "probability") else "logit"
        wanted = msgspec.structs.replace(target, kind=kind, index=key, versus=None)
        return Item(
            title=model.description.class_name(key), kind="Class", icon="target",
            run=partial(choose_target, self._state, wanted), detail=f"Explain its {kind}",
            checked=target.index == key,
        )  # fmt: skip
