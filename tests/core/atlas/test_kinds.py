"""An atlas as a result: levels, cells of points, and its way through the process boundary."""

import msgspec
import numpy as np

from interp_gui.core.atlas.kinds import Atlas, Sheet
from interp_gui.core.atlas.look import Look
from interp_gui.engine.codec import Decoder, Encoder
from interp_gui.engine.messages import FromEngine, Produced


def test_every_point_inside_is_in_one_cell(make_atlas):
    atlas = make_atlas(points=700)
    for level in atlas.levels:
        found = atlas.cell_of(level.side)
        counts = np.bincount(found[found >= 0], minlength=len(level.count))
        np.testing.assert_array_equal(counts, level.count)
        assert (found < 0).sum() == atlas.numbers["outside"]
        first = atlas.vectors[found == 0].mean(axis=0)
        np.testing.assert_allclose(level.vectors[0], first, rtol=1e-5)


def test_an_atlas_and_a_sheet_come_through_the_boundary(make_atlas, tmp_path):
    atlas = make_atlas(points=5000, pictures=((20, "crop"),))
    look = Look(draw="crops", values=np.arange(5000, dtype=np.float32), fade=True)
    atlas = msgspec.structs.replace(atlas, look=look, side=20)
    sheet = Sheet(key="crop/20", title="", layer="l", atlas="0", pictures=atlas.pictures[0])
    encoder, decoder = Encoder(tmp_path, "e"), Decoder(FromEngine, tmp_path)
    for result in (atlas, sheet):
        sent = Produced(job=1, generation=0, result=result, recipe=None)
        came = decoder.decode(encoder.encode(sent)).result
        assert type(came) is type(result)
        for name, array in result.arrays().items():
            np.testing.assert_array_equal(came.arrays()[name], array)
            assert came.arrays()[name].dtype == array.dtype
        if isinstance(came, Atlas):
            assert came.look.fade
            np.testing.assert_array_equal(came.look.values, look.values)
    assert isinstance(came, Sheet)
    merged = atlas.with_pictures(came.pictures)
    assert isinstance(merged, Atlas)
    assert len(merged.pictures) == 2
    assert len(atlas.pictures) == 1


def test_a_point_without_a_place_is_in_no_cell(make_atlas):
    atlas = make_atlas(points=50)
    xy = atlas.xy.copy()
    xy[3] = np.nan
    xy[4] = np.inf
    found = msgspec.structs.replace(atlas, xy=xy).cell_of(20)
    assert found[3] == found[4] == -1
    np.testing.assert_array_equal(np.delete(found, (3, 4)), np.delete(atlas.cell_of(20), (3, 4)))


def test_cells_of_points_are_found_once_for_each_level(make_atlas, monkeypatch):
    found = []
    find = Atlas._find_cells
    monkeypatch.setattr(Atlas, "_find_cells", lambda *args: found.append(1) or find(*args))
    atlas = make_atlas(300, sides=(5, 10), pictures=((10, "crop"),))
    for _ in range(3):
        for side in (5, 10):
            cells = atlas.cell_of(side)
        atlas = atlas.with_pictures(atlas.pictures[0])
    assert len(found) == 2
    assert not cells.flags.writeable
    moved = msgspec.structs.replace(atlas, xy=atlas.xy[::-1].copy())
    np.testing.assert_array_equal(moved.cell_of(10), cells[::-1])
