import msgspec
import numpy as np
import pytest

from interp_gui.core.atlas.kinds import Atlas, CellPictures
from interp_gui.core.atlas.scene import Scene
from interp_gui.core.errors import InvalidValue
from interp_gui.core.result import Table
from interp_gui.gui.atlas.asking import snake, values_of
from interp_gui.gui.atlas.colouring import where_lives
from interp_gui.gui.atlas.keeping import chosen_of, to_chosen
from interp_gui.gui.atlas.selection import (
    Chosen,
    cell_of,
    facts,
    feature_of,
    picture_of,
    pixels_of,
    spans,
)
from interp_gui.gui.atlas.spoken import cell_details
from interp_gui.gui.tabs.wall_order import ranges


def test_a_cell_is_told_by_what_its_level_knows(make_atlas):
    atlas = make_atlas(400, sides=(10,))
    level = atlas.level(10)
    cell = int(level.count.argmax())
    found = facts(atlas, cell_of(atlas, 10, cell))
    assert found.title == atlas.names[level.label[cell]]
    assert found.line.startswith(f"{level.count[cell]} points of {level.count[cell]} images")
    assert f"spread {level.spread[cell]:.2f}" in found.line
    assert found.examples == tuple(p for p in level.examples[cell] if p >= 0)
    values = [value for _, value in found.bars]
    assert values == sorted(values, reverse=True)
    assert dict(found.bars)["name 1"] == pytest.approx(float(level.attribution[cell, 1]))


def test_points_are_told_by_what_they_have_in_common(make_atlas):
    atlas = make_atlas(400, sides=(10,))
    points = np.flatnonzero(atlas.image % 5 == 2)[:20]
    found = facts(atlas, Chosen(np.append(points, 0)))
    assert found.title == "21 points chosen"
    assert "commonest: name 2 (95 %)" in found.line
    assert "purity" not in found.line
    vectors = atlas.vectors[np.append(points, 0)] - atlas.mean
    middle = vectors.mean(axis=0)
    cosines = vectors @ middle / np.linalg.norm(vectors, axis=1) / np.linalg.norm(middle)
    assert f"spread {1 - cosines.mean():.2f}" in found.line
    assert found.examples[0] == np.append(points, 0)[cosines.argmax()]
    alone = facts(atlas, Chosen(points[:1]))
    assert alone.line.endswith("spread 0.00")
    assert alone.title == "1 point"
    assert "commonest" not in alone.line


def test_what_purity_means_hangs_on_what_cells_are_named_after(make_atlas):
    atlas = make_atlas(400, sides=(10,))
    level = atlas.level(10)
    cell = int(level.count.argmax())
    share = f"{100 * level.purity[cell]:.0f} %"
    assert f"purity {share}" in facts(atlas, cell_of(atlas, 10, cell)).line
    assert f"purity {share}" in cell_details(Scene(atlas), 10, cell)
    atlas = msgspec.structs.replace(atlas, labelled_by="attribution")
    assert f"agreement {share}" in facts(atlas, cell_of(atlas, 10, cell)).line
    assert f"agreement {share}" in cell_details(Scene(atlas), 10, cell)


def test_directions_say_what_they_are_of_and_which_kind(make_atlas):
    atlas = make_atlas(400, sides=(10,))
    cell = cell_of(atlas, 10, 4)
    label = atlas.names[atlas.level(10).label[4]]
    for kind in ("centred", "raw", "whitened"):
        found = feature_of(atlas, cell, kind, "b" * 64)
        assert found.name.startswith(f"{label}, cell ")
        assert found.name.endswith(kind)
        assert found.model == "b" * 64
    assert feature_of(atlas, Chosen(), "raw", "") is None
    with pytest.raises(InvalidValue):  # all points: as the layer is on average
        feature_of(atlas, Chosen(np.arange(400)), "centred", "")
    assert cell_of(atlas, 10, 9999).empty
    assert cell_of(atlas, 11, 0).empty


def test_the_most_refined_picture_of_a_cell_counts(make_atlas):
    atlas = make_atlas(200, sides=(10,))
    for steps, colour in ((24, 10), (128, 20), (24, 30)):
        atlas = atlas.with_pictures(
            CellPictures(
                level=10, source="icon", cells=np.array([2, 5], np.int32),
                pixels=np.full((2, 4, 4, 3), colour, np.uint8), steps=steps,
                cosine=np.array([0.1, steps / 1000], np.float32),
            )
        )  # fmt: skip
    found = picture_of(atlas, cell_of(atlas, 10, 5), "icon")
    assert found.steps == 128
    assert found.cosine[0] == pytest.approx(0.128)
    assert (pixels_of(found) == 20).all()
    assert picture_of(atlas, cell_of(atlas, 10, 5), "crop") is None
    assert picture_of(atlas, Chosen(np.arange(9)), "icon") is None


@pytest.mark.parametrize("chosen", [
    Chosen(), Chosen(np.array([0, 1, 2, 7, 90])), Chosen(np.array([3]), 10, 3),
])  # fmt: skip
def test_what_is_chosen_goes_through_a_session(make_atlas, chosen):
    atlas = make_atlas(200, sides=(10,))
    told = msgspec.json.decode(msgspec.json.encode(chosen_of(chosen)))
    again = to_chosen(atlas, told)
    assert (again.side, again.cell) == (chosen.side, chosen.cell)
    if not chosen.is_cell:
        assert np.array_equal(again.points, chosen.points)


@pytest.mark.parametrize("wrong", [
    None, [], {"points": "a-b"}, {"points": "5-2,900-901"}, {"side": 10, "cell": 10**9},
    {"side": 3, "cell": 0}, {"points": 3}, {"points": "1" * 300_000},
])  # fmt: skip
def test_nonsense_chooses_nothing(make_atlas, wrong):
    assert to_chosen(make_atlas(100, sides=(10,)), wrong).empty


def test_a_path_goes_to_and_fro():
    row, column = np.divmod(np.arange(6), 3)
    values = {"x": row * 1.0, "y": column * 1.0, "row": row, "column": column}
    table = Table(key="p", title="P", columns=("x",), cells=(), values=values)
    assert snake(table).tolist() == [0, 1, 2, 5, 4, 3]
    assert values_of(table, 6) is not None
    assert values_of(table, 7) is None


def test_points_as_text_are_what_indices_are(make_atlas):
    random = np.random.default_rng(0)
    for points in ([], [3], [0, 1, 2, 7, 90], [5, 3, 4, 9, 9], random.permutation(400)[:200]):
        points = np.asarray(points, np.int64)
        assert spans(points) == ranges(points.tolist())


def test_facts_of_a_lasso_do_not_look_for_cells_once_a_class(make_atlas, monkeypatch):
    atlas = make_atlas(400, sides=(5, 10))
    found = []
    find = Atlas._find_cells
    monkeypatch.setattr(Atlas, "_find_cells", lambda *args: found.append(1) or find(*args))
    for _ in range(3):
        assert facts(atlas, Chosen(np.arange(30, 90))).bars
        where_lives(atlas, "name 1")
    assert len(found) <= 2
