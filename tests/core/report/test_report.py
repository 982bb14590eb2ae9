import base64
import contextlib
import io
import itertools
import re
import zlib
from html.parser import HTMLParser

import msgspec
import numpy as np
import pytest
from PIL import Image

from interp_gui.core.errors import OutputProblem, UnknownName
from interp_gui.core.recipe import Recipe
from interp_gui.core.report import ReportOptions, build_report, report_bytes, write_report
from interp_gui.core.result import Grid, Picture, Table
from interp_gui.core.session.document import KeptResult
from tests.core.report.conftest import HOSTILE, PARTS, SECRET, noise, recipe

OPTIONS = ReportOptions(
    title=f"Cats {HOSTILE}", author="A. <i>Person</i>", intro=f"Why {SECRET}/x?", made="2026-01-02"
)
VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Checks that tags are closed in order, and gathers what the tests ask about."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.text += data

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def page_of(kept, options=OPTIONS, **more):
    data = report_bytes(build_report(kept, options, **more), "html").decode()
    page = Page()
    page.feed(data)
    assert page.open == []
    return page, data


def pdf_of(kept, options=OPTIONS, **more):
    import pypdf

    data = report_bytes(build_report(kept, options, **more), "pdf")
    return pypdf.PdfReader(io.BytesIO(data)), data


def streams(data):
    """Everything in a PDF, unpacked."""
    found = [data]
    for body in re.findall(rb"stream\r?\n(.*?)endstream", data, re.S):
        text = body.strip().removesuffix(b"~>")
        for unpack in (lambda: body, lambda: base64.a85decode(text)):  # noqa: B023
            with contextlib.suppress(ValueError, zlib.error):
                found.append(zlib.decompress(unpack()))
    assert len(found) > 1
    return b"\n".join(found)


def test_each_ticked_result_stands_with_its_words_and_figures(kept):
    page, _ = page_of(kept)
    assert "my cat.png" in page.text
    assert "A note" in page.text
    assert "0.5" in page.text
    assert "torch 2.15" in page.text
    assert "mobilenet_v2, torchvision" in page.text
    assert len(page.all("section")) == len(kept)
    left = [msgspec.structs.replace(item, included=False) for item in kept[1:]]
    page, _ = page_of([kept[0], *left])
    assert len(page.all("section")) == 1


def test_pictures_are_inside_and_told_to_who_does_not_see_them(kept, results):
    page, _ = page_of(kept)
    images = page.all("img")
    assert len(images) == 1 + 3 + 3 + 5  # picture with its cards, cards, five drawings
    assert all(each["alt"] and each["src"].startswith("data:image/png;base64,") for each in images)
    data = base64.b64decode(images[0]["src"].partition(",")[2])
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), results["picture"].pixels)


def test_nothing_comes_from_elsewhere_and_nothing_runs(kept):
    page, data = page_of(kept)
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "iframe", "link", "object", "embed", "form"}
    for _, attrs in page.tags:
        assert not any(name.startswith("on") for name in attrs)
        assert attrs.get("href", "#").startswith("#")
        assert attrs.get("src", "data:").startswith("data:")
    assert "url(" not in data
    assert "@import" not in data
    (policy,) = [m for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in policy["content"]


def test_what_a_person_wrote_is_text(kept):
    page, data = page_of(kept)
    assert "<script" not in data
    assert HOSTILE in page.text
    assert "A. <i>Person</i>" in page.text
    reader, _ = pdf_of(kept)
    assert "<script>alert" in "".join(part.extract_text() for part in reader.pages)


def test_headings_are_in_order_and_tables_have_captions(kept):
    page, _ = page_of(kept)
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(each.get("scope") == "col" for each in page.all("th"))
    ids = {each["id"] for each in page.all("section")}
    assert {each["href"][1:] for each in page.all("a")} == ids
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("details")) >= len(kept)


def test_no_folder_is_in_it_unless_that_is_wanted(kept, tmp_path):
    known = [f"{SECRET}/anything.png", str(tmp_path / "model.pth")]
    kept = [*kept, KeptResult(id="x", result=Picture(
        key="p", title=f"{tmp_path}/deep/er.png", pixels=noise(4, 4)), recipe=None,
        note=f"{tmp_path}")]  # fmt: skip
    secrets = (*PARTS, str(tmp_path), tmp_path.name)
    _, data = page_of(kept, paths=known)
    reader, raw = pdf_of(kept, paths=known)
    text = "".join(part.extract_text() for part in reader.pages)
    for secret in secrets:
        assert secret not in data
        assert secret not in text
        assert secret not in str(reader.metadata)
        assert secret.encode() not in streams(raw)
    for name in ("my cat.png", "image 1.png", "broken one.png"):
        assert name in data
    told = ReportOptions(title="T", include_paths=True)
    page, _ = page_of(kept, told, paths=known)
    assert f"{SECRET}/image 1.png" in page.text


def test_folders_of_cards_are_known_without_being_told(kept):
    _, data = page_of(kept)
    for secret in PARTS:
        assert secret not in data


def test_recipes_are_whole_and_can_be_left_out(kept):
    page, _ = page_of([kept[0]])
    start = page.text.index('{\n "analysis"')
    decoder = msgspec.json.Decoder(Recipe)
    text = page.text[start : page.text.index("\n}", start) + 2]
    again = decoder.decode(text.encode())
    assert again.model == recipe().model
    assert "interp-gui run" in page.text
    assert "from interp_gui.api import" in page.text
    page, _ = page_of([kept[0]], ReportOptions(recipes=False))
    assert "interp-gui run" not in page.text


def test_a_recipe_without_end_is_not_printed(kept):
    from interp_gui.core.feature import Feature

    vectors = (tuple(float(i) / 7 for i in range(9000)),)
    long = recipe(features=(Feature(layer="features.14", vectors=vectors),))
    item = msgspec.structs.replace(kept[0], recipe=long)
    page, data = page_of([item])
    assert "too long to be shown" in page.text
    assert len(data) < 200_000


def test_a_title_that_only_names_the_feature_says_what_was_made_of_it(kept):
    from interp_gui.core.feature import Feature

    unit = Feature(layer="features.14", units=(7,))
    shown = Picture(key="k", title=unit.text, feature=unit, pixels=noise(4, 4))
    item = msgspec.structs.replace(kept[0], result=shown, companions=())
    page, _ = page_of([item])
    assert "1. Activation maps of features.14:7" in page.text


def test_long_tables_and_grids_say_what_is_left_out(kept):
    table = Table(key="t", title="T", columns=("a",), cells=tuple((i,) for i in range(1000)))
    grid = Grid(key="g", title="G", items=kept[1].result.items * 60)
    items = [KeptResult(id=str(i), result=r, recipe=None) for i, r in enumerate((table, grid))]
    page, _ = page_of(items)
    assert "700 more rows are left out." in page.text
    assert "60 more are left out." in page.text
    reader, _ = pdf_of(items)
    assert "700 more rows are left out." in "".join(p.extract_text() for p in reader.pages)


def test_a_pdf_has_title_and_author_and_numbered_pages(kept):
    reader, _ = pdf_of(kept)
    assert reader.metadata.title == f"Cats {HOSTILE}"
    assert reader.metadata.author == "A. <i>Person</i>"
    assert reader.metadata.creator == "interp-gui"
    assert len(reader.pages) > 1
    assert (
        reader.pages[1].extract_text().rstrip().endswith("2")
        or "2" in reader.pages[1].extract_text()
    )
    assert sum(len(part.images) for part in reader.pages) >= 10


@pytest.mark.parametrize("format", ["html", "pdf"])
def test_the_same_report_gives_the_same_bytes(kept, format):
    first, second = (report_bytes(build_report(kept, OPTIONS), format) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("format", ["html", "pdf"])
def test_odd_results_break_nothing(format):
    rgba = np.zeros((3, 3, 4), np.uint8)
    odd = (
        Picture(key="p", title="", pixels=rgba),
        Picture(key="p", title="tall", pixels=noise(900, 1)),
        Picture(key="p", title="wide", pixels=noise(1, 900)),
        Grid(key="g", title="empty", items=()),
        Table(key="t", title="none", columns=(), cells=()),
        Table(key="t", title="many", columns=tuple("abcdefghijklmnop"), cells=((0.5,) * 16,) * 3),
        Table(key="t", title="long", columns=("text",), cells=(("x" * 3000,),)),
        Picture(key="p", title="名前 " * 200, pixels=rgba, notes=("é" * 500, "")),
    )
    items = [KeptResult(id=str(i), result=r, recipe=None) for i, r in enumerate(odd)]
    assert len(report_bytes(build_report(items, OPTIONS), format)) > 500
    assert len(report_bytes(build_report([], OPTIONS), format)) > 500


def test_it_is_written_whole_by_its_ending(kept, tmp_path):
    report = build_report(kept[:1], OPTIONS)
    assert write_report(report, tmp_path / "a.htm").read_bytes().startswith(b"<!doctype html>")
    assert write_report(report, tmp_path / "a.PDF").read_bytes().startswith(b"%PDF")
    with pytest.raises(UnknownName):
        write_report(report, tmp_path / "a.docx")
    with pytest.raises(OutputProblem):
        write_report(report, tmp_path / "no" / "a.html")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.PDF", "a.htm"]
