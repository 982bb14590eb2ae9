import msgspec
import numpy as np

from interp_gui.gui.atlas.colouring import (
    Colour,
    Filters,
    attribution,
    counts,
    paint,
    searchable,
    shown,
    where_lives,
)


def test_classes_colour_points_by_their_cells(make_atlas):
    atlas = make_atlas(400, sides=(10,))
    painted = paint(atlas, Colour("class", "2"), {})
    level, cells = atlas.level(10), atlas.cell_of(10)
    inside = cells >= 0
    assert np.array_equal(painted.values[inside], level.attribution[cells[inside], 2])
    assert np.isnan(painted.values[~inside]).all()
    assert painted.symmetric
    assert painted.legend == "Attribution to name 2"


def test_a_finer_level_without_an_answer_leaves_that_of_the_coarser(make_atlas):
    atlas = make_atlas(400, sides=(5, 10))
    coarse, fine = atlas.levels
    holes = fine.attribution.copy()
    holes[0] = np.nan
    fine = msgspec.structs.replace(fine, attribution=holes)
    atlas = msgspec.structs.replace(atlas, levels=(coarse, fine))
    values = attribution(atlas, 1)
    there = np.flatnonzero(atlas.cell_of(10) == 0)
    assert np.array_equal(values[there], coarse.attribution[atlas.cell_of(5)[there], 1])


def test_what_the_atlas_does_not_hold_is_asked_for(make_atlas):
    atlas = make_atlas(60)
    assert paint(atlas, Colour("class", "77"), {}) is None
    assert paint(atlas, Colour("feature", "late:3"), {}) is None
    values = np.linspace(-1, 1, 60, dtype=np.float32)
    painted = paint(atlas, Colour("feature", "late:3"), {"feature:late:3": values})
    assert painted.values is values
    assert painted.symmetric
    assert painted.bounds == (-1, 1)


def test_a_class_that_the_atlas_does_not_name_is_named_all_the_same(make_atlas):
    values = {"class:77": np.zeros(60, np.float32)}
    painted = paint(make_atlas(60), Colour("class", "77"), values, class_name="Egyptian cat")
    assert painted.legend == "Attribution to Egyptian cat"


def test_density_is_that_of_the_finest_level(make_atlas):
    atlas = make_atlas(300, sides=(4, 8))
    painted = paint(atlas, Colour("density"), {})
    many = counts(atlas)
    assert many.max() == atlas.level(8).count.max()
    assert np.allclose(10 ** painted.values[many > 0], many[many > 0])


def test_columns_are_kinds_or_amounts(make_atlas):
    atlas = make_atlas(300)
    kinds = paint(atlas, Colour("column", "label"), {})
    assert kinds.names == tuple(f"name {i}" for i in range(5))
    assert np.array_equal(kinds.categories, atlas.image % 5)
    ages = tuple(str(i % 40) for i in range(300))
    atlas = msgspec.structs.replace(atlas, columns={"age": ages, "odd": ("",) * 300})
    amounts = paint(atlas, Colour("column", "age"), {})
    assert np.array_equal(amounts.values, (atlas.image % 40).astype(np.float32))
    assert (paint(atlas, Colour("column", "odd"), {}).categories == -1).all()


def test_only_the_commonest_kinds_get_a_colour(make_atlas):
    atlas = make_atlas(300)
    names = tuple(f"k{i % 30 if i < 90 else 7}" for i in range(300))
    painted = paint(
        msgspec.structs.replace(atlas, columns={"kind": names}), Colour("column", "kind"), {}
    )
    assert painted.names[0] == "k7"
    assert len(painted.names) == 12
    assert painted.categories.max() == 11
    assert (painted.categories == -1).any()


def test_filters_leave_points_out(make_atlas):
    atlas = make_atlas(300, sides=(10,))
    assert shown(atlas, Filters()) is None
    named = shown(atlas, Filters(column="label", value="name 3"))
    assert np.array_equal(np.flatnonzero(named), np.flatnonzero(atlas.image % 5 == 3))
    dense = shown(atlas, Filters(least=4))
    assert 0 < dense.sum() < 300
    assert (counts(atlas)[dense] >= 4).all()
    both = shown(atlas, Filters(column="label", value="name 3", class_at=1))
    assert (attribution(atlas, 1)[both] > 0).all()
    assert not shown(atlas, Filters(column="label", value="nobody")).any()


def test_a_name_is_found_by_whole_words_first(make_atlas):
    atlas = make_atlas(300, clouds=12)
    assert searchable(atlas)[:2] == ("name 0", "name 1")
    assert np.array_equal(np.unique(where_lives(atlas, "Name 1") % 12), [1])
    assert np.array_equal(np.unique(where_lives(atlas, "name 1x") % 12), [])
    assert len(np.unique(where_lives(atlas, "ame") % 12)) == 12
    assert where_lives(atlas, "  ").size == 0


def test_without_labels_of_images_cells_and_then_classes_tell(make_atlas):
    atlas = msgspec.structs.replace(make_atlas(300, sides=(10,)), columns={})
    found = where_lives(atlas, "name 2")
    level = atlas.level(10)
    assert found.size
    assert (level.label[atlas.cell_of(10)[found]] == 2).all()
    bare = msgspec.structs.replace(atlas, names=())
    strong = where_lives(bare, "name 2")
    values = attribution(bare, 2)
    assert (values[strong] > np.nanmax(values) / 2).all()
