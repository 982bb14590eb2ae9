"""An atlas as files: a picture of each level, `atlas.json`, its arrays and its rows."""

from collections.abc import Callable
from typing import Any

import msgspec

from interp_gui.core.atlas.kinds import Atlas, Sheet
from interp_gui.core.export import export_bytes
from interp_gui.core.recipe import Recipe

Write = Callable[[str, bytes], None]


class AtlasFiles:
    """Collects an atlas and the pictures that come for its cells; writes them together."""

    def __init__(self, atlas: Atlas, recipe: Recipe) -> None:
        self.atlas, self.recipe = atlas, recipe

    def takes(self, sheet: Sheet) -> bool:
        """Whether a sheet is of this atlas; then its pictures are taken."""
        if sheet.atlas != self.atlas.provenance.get("atlas_sha256"):
            return False
        self.atlas = self.atlas.with_pictures(sheet.pictures)
        return True

    def write(self, stem: str, write: Write) -> dict[str, Any]:
        """Write all of it.

        Parameters
        ----------
        stem
            Begins the names of pictures, arrays and rows.
        write
            Takes a file's name and content.

        Returns
        -------
        The entry of `result.json`.
        """
        from interp_gui.core.export.atlas import level_picture
        from interp_gui.core.export.atlas_json import atlas_json

        pictures = {}
        for level in self.atlas.levels:
            name = f"{stem}_{level.side}.png"
            shown = msgspec.structs.replace(self.atlas, side=level.side)
            write(name, export_bytes(shown, "png", recipe=self.recipe))
            pictures[level.side] = level_picture(shown, name)
        write("atlas.json", atlas_json(self.atlas, pictures))
        for ending in ("npz", "csv"):
            write(f"{stem}.{ending}", export_bytes(self.atlas, ending, recipe=self.recipe))
        return {
            "kind": "atlas", "file": "atlas.json", "title": self.atlas.title,
            "numbers": self.atlas.numbers, "notes": list(self.atlas.notes),
            "levels": {str(side): picture.file for side, picture in pictures.items()},
            "arrays": f"{stem}.npz", "rows": f"{stem}.csv",
        }  # fmt: skip
