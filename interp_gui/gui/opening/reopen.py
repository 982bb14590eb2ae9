"""Showing again what an exported picture shows, from the recipe inside it."""

from collections.abc import Callable

from PySide6.QtCore import QObject

from interp_gui.core.errors import InterpError, UnknownName
from interp_gui.core.recipe import Recipe
from interp_gui.gui.background import Background
from interp_gui.gui.opening.documents import Documents
from interp_gui.gui.settings import Settings
from interp_gui.gui.state import AppState

LOOKED_INTO = 4
"""Dropped pictures that are searched for a recipe; a folder of thousands is not."""


class Reopener(QObject):
    """Finds model, image and feature of a recipe by their hashes.

    Parameters
    ----------
    show
        Brings the view of a recipe to the front, with the settings that the recipe holds, and
        runs it where the second value says that its image is there.
    """

    def __init__(
        self,
        state: AppState,
        documents: Documents,
        background: Background,
        settings: Settings,
        show: Callable[[Recipe, bool], object],
    ) -> None:
        super().__init__(documents)
        self._state = state
        self._documents = documents
        self._background = background
        self._settings = settings
        self._show_view = show

    def look_into(self, path: str, otherwise: Callable[[], object]) -> None:
        """Offer to reopen what a picture shows; call `otherwise` if it has no recipe."""

        def found(recipe: Recipe | None) -> None:
            if recipe is None:
                otherwise()
            else:
                self.offer(recipe)

        self._background.run(lambda: _recipe_of(path), found)

    def offer(self, recipe: Recipe) -> None:
        """Ask by a toast; opening it as an image stays possible from the File menu."""
        what = recipe.features[0].title if recipe.features else recipe.layer
        self._state.notify(
            "info",
            f"This picture was made here: {recipe.analysis.replace('-', ' ')}"
            + (f" of {what}." if what else "."),
            f"Model {recipe.model.architecture}. Reopening shows the same again.",
            action="Reopen",
            on_action=lambda: self.reopen(recipe),
        )

    def reopen(self, recipe: Recipe) -> None:
        """Open the model if it is known, then show what the recipe names."""
        current = self._state.model
        wanted = recipe.model.weights_sha256
        models = (*([current] if current is not None else []), *self._state.models)
        found = next((m for m in models if m.description.weights_sha256 == wanted), None)
        if found is not None:
            self._documents.models.choose(found.handle)
            self._show(recipe)
            return
        path = self._settings.model_with(wanted)
        if not path:
            self._state.notify(
                "warning",
                f"The model of this picture, '{recipe.model.name}', is not at hand.",
                f"Open its checkpoint (weights {wanted[:12]}…), then drop the picture again.",
            )
            return
        self._documents.open_model(path, then=lambda: self._show(recipe))

    def _show(self, recipe: Recipe) -> None:
        model = self._state.model
        if model is None:
            return
        known = {layer.name for layer in model.description.layers}
        feature = recipe.features[0] if recipe.features else None
        try:
            for name in filter(None, (recipe.layer, feature.layer if feature else "")):
                if name not in known:
                    raise UnknownName(f"This model has no layer '{name}'.")
            if feature is not None:
                feature.check(model.description.layer(feature.layer))
        except InterpError as problem:
            self._state.notify_problem(problem)
            return
        if recipe.preprocessing != model.description.preprocessing:
            self._state.notify(
                "info",
                "This picture was made with another preprocessing.",
                "Change it in the Model panel to get the same numbers.",
            )
        self._state.set_target(recipe.target)
        if feature is not None:
            self._state.set_feature(feature)
        layer = recipe.layer or (feature.layer if feature is not None else "")
        if layer:  # also where the feature was the current one, and another layer is looked at
            self._state.set_layer(layer)
        if recipe.images:
            self._find_image(recipe.images[0], then=lambda found: self._show_view(recipe, found))
        else:
            self._show_view(recipe, True)

    def _find_image(self, sha256: str, *, then: Callable[[bool], object]) -> None:
        dataset = self._state.dataset
        paths = dataset.paths if dataset is not None else ()

        def done(path: str | None) -> None:
            if path is not None:
                self._state.set_image(path)
            else:
                self._state.notify(
                    "warning",
                    "The image of this picture is not among the open ones.",
                    "Open the image, then drop the picture again.",
                )
            then(path is not None)

        self._background.run(lambda: _with_hash(paths, sha256), done, key="find-image")


def _recipe_of(path: str) -> Recipe | None:
    from interp_gui.core.export import read_recipe

    try:
        return read_recipe(path)
    except InterpError:
        return None


def _with_hash(paths: tuple[str, ...], sha256: str) -> str | None:
    from interp_gui.core.images import image_sha256

    for path in paths:
        try:
            if image_sha256(path) == sha256:
                return path
        except InterpError:
            continue
    return None
