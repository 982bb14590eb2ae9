"""Crops show what a position is about."""

import hashlib

import msgspec
import numpy as np
import pytest
from PIL import Image

from interp_gui.analyses.atlas_pictures.crops import MOST_SHARE, CropMaker, crop_box, cut
from interp_gui.core.errors import Cancelled, ImageProblem
from interp_gui.core.model import Preprocessing

SIDE = 64
AS_IS = Preprocessing(size=(SIDE, SIDE), resize="exact", resize_px=SIDE)


def field(rows, columns, reach):
    """Boxes of `reach` pixels around the middles of a grid's cells, beyond the image too."""
    y, x = np.divmod(np.arange(rows * columns), columns)
    middle_y, middle_x = (y + 0.5) * SIDE / rows, (x + 0.5) * SIDE / columns
    sides = (middle_y - reach / 2, middle_x - reach / 2, middle_y + reach / 2, middle_x + reach / 2)
    return np.stack(sides, axis=1).round().astype(np.int32)


@pytest.fixture
def atlas_of(make_atlas, tmp_path):
    """An atlas over images of 8-pixel squares, each of a colour that tells where it is."""
    atlas = make_atlas(points=40, sides=(4,))
    paths, hashes = [], []
    for i in range(40):
        rows, columns = np.mgrid[0:SIDE, 0:SIDE] // 8
        pixels = np.stack([rows * 30, columns * 30, np.full_like(rows, i * 6)], axis=2)
        path = tmp_path / f"{i}.png"
        Image.fromarray(pixels.astype(np.uint8)).save(path)
        paths.append(str(path))
        hashes.append(np.frombuffer(hashlib.sha256(path.read_bytes()).digest(), np.uint8))

    def make(grid=(8, 8), reach=24):
        return msgspec.structs.replace(
            atlas, paths=tuple(paths), sha256=np.stack(hashes), size=(SIDE, SIDE), grid=grid,
            field=field(*grid, reach), place=(atlas.place % (grid[0] * grid[1])).astype(np.int32),
        )  # fmt: skip

    return make


def test_a_small_field_is_cut_exactly(atlas_of):
    atlas = atlas_of(reach=24)
    assert crop_box(atlas, 3 * 8 + 4) == (16, 24, 40, 48)
    # at the border it is what lies inside, made square
    top, left, bottom, right = crop_box(atlas, 0)
    assert (top, left) == (0, 0)
    assert bottom == right == 16


@pytest.mark.parametrize(("grid", "side"), [((8, 8), 32), ((4, 4), 38), ((16, 16), 26)])
def test_a_field_as_large_as_the_image_is_cut_around_the_position(atlas_of, grid, side):
    atlas = atlas_of(grid=grid, reach=200)
    boxes = [crop_box(atlas, place) for place in range(grid[0] * grid[1])]
    for place, (top, left, bottom, right) in enumerate(boxes):
        assert bottom - top == right - left == side
        assert min(top, left) >= 0
        assert max(bottom, right) <= SIDE
        row, column = divmod(place, grid[1])
        assert top <= (row + 0.5) * SIDE / grid[0] <= bottom
        assert left <= (column + 0.5) * SIDE / grid[1] <= right
    assert len(set(boxes)) > 4
    assert side <= MOST_SHARE * SIDE


def test_a_layer_without_positions_shows_the_whole_image(atlas_of):
    assert crop_box(atlas_of(grid=(1, 1), reach=64), 0) == (0, 0, SIDE, SIDE)


def test_the_cut_shows_the_position(atlas_of):
    atlas = atlas_of(reach=8)
    for point in (0, 7, 23):
        pixels = cut(atlas, point, AS_IS, 16)
        row, column = divmod(int(atlas.place[point]), 8)
        assert pixels.shape == (16, 16, 3)
        wanted = [row * 30, column * 30, int(atlas.image[point]) * 6]
        assert np.abs(pixels[8, 8].astype(int) - wanted).max() <= 1


def test_a_changed_image_is_not_shown(atlas_of):
    atlas = atlas_of()
    Image.new("RGB", (SIDE, SIDE), "red").save(atlas.paths[3])
    with pytest.raises(ImageProblem, match="changed"):
        cut(atlas, 3, AS_IS, 16)


def test_cells_are_shown_by_their_nearest_example_that_can_be_read(atlas_of):
    atlas = atlas_of(reach=8)
    level = atlas.levels[0]
    cell = int(np.argmax(level.count))
    first, second = (int(p) for p in level.examples[cell][:2])

    def made(cells):
        with CropMaker(atlas, level, AS_IS, size_px=16, check=lambda: None) as maker:
            steps = maker.finish(maker.begin(cells))
            seen = []
            while True:
                try:
                    seen.append(next(steps))
                except StopIteration as stop:
                    assert seen == sorted(seen)
                    return stop.value

    (picture,) = made([cell])
    assert np.array_equal(picture, cut(atlas, first, AS_IS, 16))
    Image.new("RGB", (SIDE, SIDE), "red").save(atlas.paths[int(atlas.image[first])])
    (picture,) = made([cell])
    assert np.array_equal(picture, cut(atlas, second, AS_IS, 16))
    for point in level.examples[cell]:
        Image.new("RGB", (SIDE, SIDE), "red").save(atlas.paths[int(atlas.image[point])])
    assert "changed" in made([cell])[0]


def test_a_cancel_ends_at_once(atlas_of):
    atlas = atlas_of()

    def stop():
        raise Cancelled

    cells = range(len(atlas.levels[0].count))
    with (
        CropMaker(atlas, atlas.levels[0], AS_IS, size_px=16, check=stop) as maker,
        pytest.raises(Cancelled),
    ):
        next(maker.finish(maker.begin(cells)))


def test_fields_are_of_the_input_and_images_may_be_of_another_size(atlas_of):
    atlas = atlas_of(reach=8)
    twice = Preprocessing(size=(2 * SIDE, 2 * SIDE), resize="exact", resize_px=2 * SIDE,
                          interpolation="nearest")  # fmt: skip
    pixels = cut(atlas, 7, twice, 16)
    row, column = divmod(int(atlas.place[7]), 8)
    assert np.abs(pixels[8, 8, :2].astype(int) - [row * 30, column * 30]).max() <= 1
