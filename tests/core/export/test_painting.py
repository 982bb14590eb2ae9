"""What atlases need of a drawing: points, faint pictures, letters over pictures, large pages."""

import io

import numpy as np
import pypdf
import pytest
from PIL import Image

from interp_gui.core.export import png
from interp_gui.core.export.drawing import (
    Discs,
    Drawing,
    ImageItem,
    Polyline,
    Rectangle,
    Text,
)
from interp_gui.core.export.pdf import pdf_bytes
from interp_gui.core.export.svg import svg_bytes


@pytest.fixture
def drawing():
    random = np.random.default_rng(2)
    made = Drawing(width=120, height=150, title="map")
    pixels = random.integers(0, 256, (20, 20, 3), dtype=np.uint8)
    clear = random.integers(0, 256, (9, 9, 4), dtype=np.uint8)
    discs = Discs(
        random.uniform(0, 150, (300, 2)), random.uniform(0.5, 4, 300),
        random.integers(0, 256, (300, 3), dtype=np.uint8),
    )  # fmt: skip
    made.add(
        ImageItem(10.3, 20.6, 40, 40, pixels), ImageItem(60, 33, 30, 30, pixels, opacity=0.4),
        ImageItem(20, 90, 27, 27, clear, opacity=0.7), Rectangle(5, 70, 60.4, 9, "#2f6cb3"),
        Polyline(((3, 5), (100, 140), (30, 77)), "#d1602c", 2.5), discs,
        Polyline(((3, 61), (100, 61)), "#d1602c", 1.0),
        Text(40, 71, "sea anemone", 14, halo="#ffffff"),
    )  # fmt: skip
    return made


@pytest.mark.parametrize("scale", [1.0, 1.7])
@pytest.mark.parametrize("rows", [1, 13, 64])
def test_strips_are_the_whole(drawing, scale, rows):
    whole = png.rasterise(drawing, scale)
    texts = png.PngImagePlugin.PngInfo()
    texts.add_itxt(png.RECIPE_KEYWORD, '{"a": 1}', zip=True)
    data = png.striped_png(drawing, scale, texts, rows=rows)
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert image.text[png.RECIPE_KEYWORD] == '{"a": 1}'
        assert image.info["dpi"][0] == pytest.approx(96 * scale, rel=1e-3)
        np.testing.assert_array_equal(np.asarray(image), whole)


def test_a_page_of_very_many_pixels_is_painted_in_strips(drawing, monkeypatch):
    plain = png.png_bytes(drawing, recipe="{}")
    monkeypatch.setattr(png, "MOST_PIXELS", 100)
    striped = png.png_bytes(drawing, recipe="{}")
    assert plain != striped
    with Image.open(io.BytesIO(plain)) as one, Image.open(io.BytesIO(striped)) as other:
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
        assert one.text == other.text


def test_discs_cover_their_area_in_their_colour():
    drawing = Drawing(width=40, height=40)
    rgb = np.array([[200, 30, 60]], np.uint8)
    drawing.add(Discs(np.array([[20.0, 20.0]]), np.array([7.5]), rgb))
    pixels = png.rasterise(drawing).astype(float)
    cover = (255 - pixels[..., 1]) / (255 - 30)
    assert cover.sum() == pytest.approx(np.pi * 7.5**2, rel=0.01)
    np.testing.assert_array_equal(pixels[20, 20], [200, 30, 60])
    np.testing.assert_array_equal(pixels[2, 2], 255)


def test_opacity_mixes_with_the_paper():
    drawing = Drawing(width=8, height=8)
    drawing.add(ImageItem(0, 0, 8, 8, np.zeros((8, 8, 3), np.uint8), opacity=0.25))
    assert abs(int(png.rasterise(drawing)[4, 4, 0]) - 191) <= 1


def test_letters_keep_an_edge_over_a_dark_picture():
    drawing = Drawing(width=90, height=24, background="#000000")
    bare = png.rasterise(drawing)
    drawing.add(Text(5, 17, "cat", 15, colour="#000000"))
    np.testing.assert_array_equal(png.rasterise(drawing), bare)
    drawing.add(Text(5, 17, "cat", 15, colour="#000000", halo="#ffffff"))
    assert png.rasterise(drawing).max() == 255


def test_all_of_it_stands_in_svg_and_pdf(drawing):
    svg = svg_bytes(drawing).decode()
    assert svg.count("<circle") == 300
    assert 'opacity="0.4"' in svg
    assert 'paint-order="stroke"' in svg
    data = pdf_bytes(drawing)
    page = pypdf.PdfReader(io.BytesIO(data)).pages[0]
    assert page.extract_text().count("anemone") >= 1
    assert len(page.images) >= 3
    assert data == pdf_bytes(drawing)
