import msgspec
import numpy as np

from interp_gui.core.atlas.linking import linked_points


def of_points(atlas, image, place, *, grid, hashes):
    count = len(image)
    return msgspec.structs.replace(
        atlas, image=np.array(image, np.int32), place=np.array(place, np.int32), grid=grid,
        sha256=np.array([[h] * 32 for h in hashes], np.uint8), xy=atlas.xy[:count],
        vectors=atlas.vectors[:count], levels=(), columns={},
    )  # fmt: skip


def test_points_are_found_by_content_and_nearest_place(make_atlas):
    blank = make_atlas(20)
    # image 7 at two places of a 4 × 4 grid, image 9 at one
    a = of_points(blank, [0, 0, 1], [0, 15, 5], grid=(4, 4), hashes=[7, 9])
    # image 9 comes first here, on an 8 × 8 grid; image 3 is not in the other atlas
    b = of_points(blank, [0, 1, 1, 2], [18, 0, 63, 9], grid=(8, 8), hashes=[9, 7, 3])
    assert linked_points(a, np.array([0]), b).tolist() == [1]
    assert linked_points(a, np.array([1]), b).tolist() == [2]
    assert linked_points(a, np.array([2, 0, 1]), b).tolist() == [0, 1, 2]
    assert linked_points(b, np.array([3]), a).tolist() == []
    assert linked_points(b, np.array([2, 3]), a).tolist() == [1]
    assert linked_points(a, np.zeros(0, int), b).tolist() == []


def test_of_points_equally_near_the_first_counts_and_each_comes_once(make_atlas):
    blank = make_atlas(20)
    a = of_points(blank, [0, 0], [0, 0], grid=(3, 3), hashes=[5])
    b = of_points(blank, [0, 0, 0], [4, 0, 0], grid=(3, 3), hashes=[5])
    assert linked_points(a, np.array([0, 1]), b).tolist() == [1]


def test_a_layer_without_positions_is_linked_to_all_of_an_image(make_atlas):
    blank = make_atlas(20)
    whole = of_points(blank, [0, 1], [0, 0], grid=(1, 1), hashes=[5, 6])
    parts = of_points(blank, [0, 0, 1], [1, 8, 3], grid=(3, 3), hashes=[5, 6])
    assert linked_points(whole, np.array([0]), parts).tolist() == [0, 1]
    assert linked_points(parts, np.array([0, 1]), whole).tolist() == [0]


def test_an_atlas_is_linked_to_itself(make_atlas):
    atlas = make_atlas(500)
    chosen = np.array([3, 99, 250])
    assert linked_points(atlas, chosen, atlas).tolist() == chosen.tolist()
