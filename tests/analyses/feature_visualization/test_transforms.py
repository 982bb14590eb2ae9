"""Random views: exact where they can be, and never with a black border."""

import pytest
import torch

from interp_gui.analyses.feature_visualization.transforms import (
    ANGLES,
    SCALES,
    Draw,
    draw,
    plain_view,
    views,
)

SIZE = 24


def test_view_without_change_is_the_image():
    images = torch.rand(2, 3, SIZE, SIZE)
    torch.testing.assert_close(views(images, [Draw(), Draw()], (SIZE, SIZE)), images)


def test_jitter_moves_by_whole_pixels_and_fills_with_grey():
    images = torch.rand(1, 3, SIZE, SIZE)
    seen = views(images, [Draw(first=(2.0, -3.0), second=(1.0, 0.0))], (SIZE, SIZE))
    torch.testing.assert_close(seen[:, :, :-3, 3:], images[:, :, 3:, :-3])
    torch.testing.assert_close(seen[:, :, -3:], torch.full((1, 3, 3, SIZE), 0.5))


def test_scale_and_turn_are_about_the_centre():
    images = torch.zeros(1, 1, 41, 41)
    images[..., 20, 30] = 1.0
    larger = views(images, [Draw(scale=1.1)], (41, 41))[0, 0]
    assert divmod(int(larger.argmax()), 41) == (20, 31)
    turned = views(images, [Draw(angle=90.0)], (41, 41))[0, 0]
    assert divmod(int(turned.argmax()), 41) in ((10, 20), (30, 20))


def test_every_image_has_a_view_of_its_own():
    first, second = torch.Generator().manual_seed(1), torch.Generator().manual_seed(2)
    image = torch.rand(1, 3, SIZE, SIZE).expand(2, -1, -1, -1)
    seen = views(image, [draw(first), draw(second)], (SIZE, SIZE))
    assert not torch.equal(seen[0], seen[1])
    again = views(image, [draw(torch.Generator().manual_seed(1)), Draw()], (SIZE, SIZE))
    assert torch.equal(seen[0], again[0])


def test_white_images_show_no_black():
    generator = torch.Generator().manual_seed(0)
    draws = [draw(generator) for _ in range(64)]
    seen = views(torch.ones(64, 3, SIZE, SIZE), draws, (SIZE, SIZE))
    assert float(seen.min()) >= 0.5 - 1e-6
    assert {d.scale for d in draws} <= set(SCALES)
    assert {d.angle for d in draws} <= set(ANGLES)
    assert len({d.first for d in draws}) > 20
    assert max(abs(v) for d in draws for v in d.first) <= 4
    assert max(abs(v) for d in draws for v in d.second) <= 2


@pytest.mark.parametrize("side", [(16, 16), (48, 32)])
def test_views_of_another_size_show_the_same(side):
    ramp = torch.linspace(0, 1, 64).expand(1, 3, 64, 64).contiguous()
    plain = plain_view(ramp, side)
    seen = views(ramp, [Draw()], side)
    assert plain.shape == seen.shape == (1, 3, *side)
    torch.testing.assert_close(seen[..., 2:-2, 2:-2], plain[..., 2:-2, 2:-2], atol=0.02, rtol=0)
