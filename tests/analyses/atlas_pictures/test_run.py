"""The run: sheets of crops and icons for the cells wanted, kept, and the same every time."""

import msgspec
import numpy as np
import pytest
from PIL import Image

from interp_gui.analyses.atlas import ANALYSIS as ATLAS
from interp_gui.analyses.atlas_pictures import ANALYSIS, drawing, goals
from interp_gui.core.analysis import Context, Inputs
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import Cancelled, InvalidValue, MissingAbility
from interp_gui.core.feature import Feature
from interp_gui.core.result import Sheet

ICONS = {"source": "icon", "size": 40, "steps": 6, "first": 2, "group": 4}


@pytest.fixture
def draw(planted, atlas_at_hand, run_analysis):
    """Run the analysis on the planted network and atlas."""
    dataset = Dataset(images=tuple(ImageEntry(path=path) for path in atlas_at_hand.paths[:24]))

    def run(settings, **more):
        return run_analysis(ANALYSIS, planted, settings, dataset=dataset, layer="layer", **more)

    return run


def given(atlas):
    """An atlas as `make_atlas` gives it."""
    yield atlas
    return atlas


def pictures(ran, *, final=True):
    """Picture of each cell, of sheets that are final or not."""
    found = {}
    for sheet in ran.results:
        assert isinstance(sheet, Sheet)
        if sheet.final is final:
            drawn = sheet.pictures
            assert len(drawn.cells) == len(drawn.pixels)
            found |= {int(c): p for c, p in zip(drawn.cells, drawn.pixels, strict=True)}
    return found


def kept(atlas, side=20):
    return set(np.flatnonzero(atlas.level(side).count >= atlas.minimum).tolist())


def test_crops_of_all_cells(draw, atlas_at_hand):
    ran = draw({"size": 32})
    found = pictures(ran)
    assert set(found) == kept(atlas_at_hand)
    level = atlas_at_hand.level(20)
    for cell, picture in found.items():
        image = Image.open(atlas_at_hand.paths[int(atlas_at_hand.image[level.examples[cell][0]])])
        assert picture.shape == (32, 32, 3)
        assert np.array_equal(picture[16, 16], np.asarray(image)[0, 0])
    assert {s.pictures.level for s in ran.results} == {20}
    assert {s.pictures.source for s in ran.results} == {"crop"}
    assert {s.atlas for s in ran.results} == {"0" * 64}
    assert ran.progress[-1].done == ran.progress[-1].total == len(found)


def test_wanted_cells_come_first_and_alone(draw, atlas_at_hand, monkeypatch):
    monkeypatch.setattr("interp_gui.analyses.atlas_pictures.drawing.CROPS_AT_ONCE", 4)
    cells = sorted(kept(atlas_at_hand, 40))
    wanted = [cells[-1], cells[0]]
    ran = draw({"level": 40, "cells": f"{wanted[0]},{wanted[1]}", "size": 32})
    assert len(ran.results) == 2
    for cell, sheet in zip(wanted, ran.results, strict=True):
        assert cell in sheet.pictures.cells
        assert sheet.pictures.level == 40


def test_kept_crops_are_not_cut_again(draw, memory, monkeypatch):
    first = pictures(draw({"size": 32}, cache=memory))
    monkeypatch.setattr(
        "interp_gui.analyses.atlas_pictures.crops.cut", lambda *_: pytest.fail("cut again")
    )
    again = pictures(draw({"size": 32}, cache=memory))
    assert first.keys() == again.keys()
    assert all(np.array_equal(first[cell], again[cell]) for cell in first)


def test_images_that_are_gone_are_said(draw, atlas_at_hand, memory):
    for path in set(atlas_at_hand.paths):
        Image.new("RGB", (9, 9)).save(path)
    ran = draw({"size": 32}, cache=memory)
    assert not pictures(ran)
    assert any("changed" in note for sheet in ran.results for note in sheet.notes)
    assert not memory.held


def test_icons_come_cheap_first_and_refined_in_order(draw, atlas_at_hand):
    cells = sorted(kept(atlas_at_hand))[:6]
    ran = draw({**ICONS, "cells": ",".join(map(str, cells))})
    steps = [(sheet.pictures.steps, sheet.final) for sheet in ran.results]
    count = len(steps) // 2
    assert steps == [(2, False)] * count + [(6, True)] * count
    assert [s.key for s in ran.results[:count]] == [s.key for s in ran.results[count:]]
    assert cells[0] in ran.results[0].pictures.cells
    assert set(cells) <= set(pictures(ran))
    last = ran.results[-1]
    assert last.pictures.pixels.shape[1:] == (40, 40, 3)
    assert len(last.pictures.cosine) == len(last.pictures.cells)
    assert last.numbers["finished_icons"] == len(pictures(ran))
    assert -1 <= last.numbers["median_cosine"] <= 1
    assert 0 <= last.numbers["nearest_is_own_cell_percent"] <= 100
    assert last.provenance["icons"]["group"] == last.pictures.cells.tolist()
    assert ran.progress[-1].done == ran.progress[-1].total == 6 * count
    done = [p.done for p in ran.progress[1:]]
    assert done == sorted(done)


def test_a_cell_gets_the_same_icon_whatever_was_asked(draw, atlas_at_hand):
    cells = sorted(kept(atlas_at_hand))
    wanted = cells[len(cells) // 2]
    alone = pictures(draw({**ICONS, "cells": str(wanted)}))
    beside = pictures(draw({**ICONS, "first": 0, "cells": f"{cells[0]},{wanted}"}))
    assert len(beside) > len(alone)
    assert all(np.array_equal(alone[cell], beside[cell]) for cell in alone)


@pytest.mark.parametrize("direction", ["raw", "centred", "whitened"])
def test_icons_show_what_cells_stand_for(direction, draw, atlas_at_hand, shown):
    level = atlas_at_hand.level(20)
    pure = level.vectors.max(axis=1) > 3.9
    cells = [c for c in sorted(kept(atlas_at_hand)) if pure[c]][:4]
    settings = {**ICONS, "steps": 40, "first": 0, "frame": 0.1, "direction": direction}
    found = pictures(draw({**settings, "cells": ",".join(map(str, cells))}))
    for cell in cells:
        assert shown(found[cell]).argmax() == level.vectors[cell].argmax()


def test_finished_icons_survive_a_cancel(draw, atlas_at_hand, planted, memory):
    dataset = Dataset(images=(ImageEntry(path=atlas_at_hand.paths[0]),))
    cells = ",".join(map(str, sorted(kept(atlas_at_hand))[:12]))
    settings = {**ICONS, "first": 0, "cells": cells}
    whole = pictures(draw(settings))
    context = Context(model=planted, inputs=Inputs(dataset=dataset, layer="layer"), cache=memory)
    running = ANALYSIS.run(context, ANALYSIS.settings(settings))
    first = next(step for step in running if isinstance(step, Sheet))
    running.close()
    ran = draw(settings, cache=memory)
    assert ran.results[0].key == first.key
    assert np.array_equal(ran.results[0].pictures.pixels, first.pictures.pixels)
    assert ran.progress[-1].total == 6 * (len({s.key for s in ran.results}) - 1)
    found = pictures(ran)
    assert whole.keys() == found.keys()
    assert all(np.array_equal(whole[cell], found[cell]) for cell in whole)


@pytest.mark.parametrize("source", ["crop", "icon"])
def test_a_cancel_is_obeyed(source, draw, planted):
    calls = iter(range(1000))

    def stop():
        if next(calls) == 4:
            raise Cancelled

    with pytest.raises(Cancelled):
        draw({**ICONS, "source": source}, check=stop)
    assert not any(m._forward_hooks for m in planted.module.modules())


def test_what_cannot_be_drawn_is_said(draw):
    with pytest.raises(InvalidValue, match="no level"):
        draw({"level": 30})
    with pytest.raises(InvalidValue, match="no cell"):
        draw({"cells": "99999"})
    edits = EditStack((Edit(feature=Feature(layer="layer", units=(0,)), kind="ablate"),))
    with pytest.raises(MissingAbility, match="edits"):
        draw(ICONS, edits=edits)


def test_a_layer_too_wide_to_be_whitened_is_said_before_any_pass(
    draw, planted, atlas_at_hand, run_analysis, monkeypatch
):
    settings = {**ICONS, "direction": "whitened"}
    asked = []
    with monkeypatch.context() as patched:
        patched.setattr(goals, "MOST_COVARIED", 3)
        for analysis, chosen in (
            (ANALYSIS, settings), (ATLAS, {"pictures": "icons", "direction": "whitened"}),
        ):  # fmt: skip
            with pytest.raises(InvalidValue, match="too many units") as problem:
                run_analysis(
                    analysis, planted, chosen, layer="layer", check=lambda: asked.append(1)
                )  # fmt: skip
            assert "centred" in problem.value.hint
    assert not asked
    bare = msgspec.structs.replace(atlas_at_hand, covariance=np.zeros((0, 0)))
    monkeypatch.setattr(drawing, "make_atlas", lambda *_, **__: given(bare))
    with pytest.raises(InvalidValue, match="too many units"):
        draw(settings)


def test_costs_grow_with_what_is_asked(planted, atlas_at_hand):
    dataset = Dataset(images=(ImageEntry(path=atlas_at_hand.paths[0]),))
    context = Context(model=planted, inputs=Inputs(dataset=dataset, layer="layer"))
    cost = lambda **k: ANALYSIS.estimate(context, ANALYSIS.settings({**ICONS, **k}))  # noqa: E731
    short, long = cost(cells="0-7"), cost(cells="0-7", steps=60)
    assert long.seconds == pytest.approx(10 * short.seconds)
    assert cost(cells="0-15").seconds == pytest.approx(2 * short.seconds)
    assert cost(source="crop").seconds > 0
    assert ANALYSIS.spares(ANALYSIS.settings({"source": "crop"})) == ("gradient",)
    assert ANALYSIS.spares(ANALYSIS.settings(ICONS)) == ()
