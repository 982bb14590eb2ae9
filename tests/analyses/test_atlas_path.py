import msgspec
import numpy as np
import pytest

from interp_gui.analyses.atlas_path import ANALYSIS, inner_places, most_alike, own_points
from interp_gui.core.errors import Cancelled, InvalidValue

PLAIN = {"layout": "pca", "labels": "none"}


@pytest.mark.parametrize("network", ["cnn", "vit", "swin"])
def test_points_of_the_map_lie_where_they_are(run_analysis, runtimes, maps_layer, dataset, network):
    layer = maps_layer[network]
    ran = run_analysis(
        ANALYSIS, runtimes[network], PLAIN, images=(dataset.paths[3],), dataset=dataset,
        layer=layer,
    )  # fmt: skip
    (table,) = ran.results
    values = table.values
    assert len(table.cells) == len(values["x"]) == table.numbers["positions"]
    own = values["own"].astype(bool)
    assert table.numbers["own"] == own.sum() > 0
    assert (values["similarity"][own] == 1).all()
    assert values["similarity"].max() <= 1 + 1e-5
    # of those that are points of the map, each lies alone where its own vector was laid out
    assert len(np.unique(values["point"][own])) == own.sum()


def test_the_point_most_alike_is_told_by_direction_from_the_mean(make_atlas):
    atlas = make_atlas(200)
    mean = atlas.mean.astype(np.float32)
    chosen = np.array([3, 77, 150])
    vectors = mean + 2.5 * (atlas.vectors[chosen] - mean)
    found, cosines = most_alike(vectors, atlas)
    assert np.array_equal(found, chosen)
    assert np.allclose(cosines, 1, atol=1e-5)
    turned, _ = most_alike(mean - (atlas.vectors[chosen] - mean), atlas)
    assert not np.isin(turned, chosen).any()


def test_own_points_are_told_by_content_and_place(make_atlas):
    atlas = make_atlas(50)
    sha256 = bytes(atlas.sha256[7]).hex()
    places = np.arange(16)
    own = own_points(atlas, sha256, places)
    assert own[atlas.place[7]] == 7
    assert (np.delete(own, atlas.place[7]) == -1).all()
    assert (own_points(atlas, "ff" * 32, places) == -1).all()


def test_edges_are_left_out_as_on_the_map():
    assert len(inner_places((4, 5), skip_edges=True)) == 6
    assert len(inner_places((4, 5), skip_edges=False)) == 20
    assert len(inner_places((2, 2), skip_edges=True)) == 4
    assert len(inner_places((1, 1), skip_edges=True)) == 1


def test_no_image_and_cancel_are_told(run_analysis, runtimes, dataset):
    with pytest.raises(InvalidValue, match="image"):
        run_analysis(ANALYSIS, runtimes["cnn"], PLAIN, dataset=dataset, layer="last")

    def check():
        raise Cancelled

    with pytest.raises(Cancelled):
        run_analysis(
            ANALYSIS, runtimes["cnn"], PLAIN, dataset=dataset, layer="last",
            images=(dataset.paths[0],), check=check,
        )  # fmt: skip


def test_a_vector_like_nothing_is_still_somewhere(make_atlas):
    atlas = make_atlas(20)
    still = msgspec.structs.replace(atlas, vectors=np.tile(atlas.mean, (20, 1)).astype("f4"))
    found, cosines = most_alike(still.vectors[:2] + 1, still)
    assert (found >= 0).all()
    assert np.isfinite(cosines).all()
