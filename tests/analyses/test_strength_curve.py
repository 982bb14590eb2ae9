import numpy as np
import pytest

from interp_gui.analyses.strength_curve import ANALYSIS
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import Cancelled, InvalidValue
from interp_gui.core.feature import Feature
from interp_gui.core.preprocessing import load_batch
from interp_gui.core.target import Target

SETTINGS = {"steps": 5, "controls": 6, "top": 3}
UNIT = Feature(layer="last", units=(3,))
SLANTED = Feature(layer="last", vectors=(tuple(np.linspace(-1, 2, 12).tolist()),))


def rows(table):
    return [dict(zip(table.columns, cells, strict=True)) for cells in table.cells]


def found(ran, what):
    return next(result for key, result in ran.last.items() if key.split()[0] == what)


@pytest.mark.parametrize("feature", [UNIT, SLANTED], ids=["unit", "direction"])
@pytest.mark.parametrize("kind", ["scale", "steer", "clamp"])
def test_each_point_is_a_pass_with_that_edit(
    runtimes, pictures, dataset, run_analysis, feature, kind
):
    runtime = runtimes["cnn"]
    ran = run_analysis(
        ANALYSIS, runtime, {**SETTINGS, "kind": kind}, images=pictures[:1], dataset=dataset,
        features=(feature,), target=Target(index=2),
    )  # fmt: skip
    curve, shares, table = (found(ran, w) for w in ("target", "probability", "strengths"))
    assert curve.final
    everything = load_batch(pictures, runtime.preprocessing)
    values = runtime.forward(everything, capture=["last"]).captured["last"]
    coordinates = np.moveaxis(values, 1, -1) @ np.linalg.pinv(feature.basis(12)).T
    batch = everything[:1]
    for at, x in enumerate(curve.x):
        if kind == "scale":
            edit = Edit(feature=feature, kind="scale", amount=float(x))
        elif kind == "clamp":
            edit = Edit(feature=feature, kind="clamp", high=float(x))
        else:
            step = float(x) * float(coordinates.std())
            edit = Edit(feature=feature, kind="add", amount=step)
        out = runtime.forward(batch, edits=EditStack((edit,))).outputs["output"][0].astype(float)
        assert curve.ys[0, at] == pytest.approx(out[2], abs=2e-4)
        exp = np.exp(out - out.max())
        for name, line in zip(shares.names, shares.ys, strict=True):
            assert line[at] == pytest.approx(exp[int(name.split()[-1])] / exp.sum(), abs=1e-4)
    assert np.ptp(curve.ys[0]) > 1e-3
    limits = {"scale": (-1, 3), "steer": (-4, 4)}.get(
        kind, (float(coordinates.min()), float(coordinates.max()))
    )
    assert (curve.x[0], curve.x[-1]) == pytest.approx(limits, rel=1e-4, abs=1e-5)
    assert len(rows(table)) == 5


def test_the_band_holds_what_others_do_for_an_equal_change(runtimes, pictures, run_analysis):
    runtime = runtimes["cnn"]
    ran = run_analysis(
        ANALYSIS, runtime, {**SETTINGS, "controls": 11, "low": 0.0, "high": 2.0, "steps": 3},
        images=pictures[:1], features=(UNIT,), target=Target(index=2),
    )  # fmt: skip
    curve = found(ran, "target")
    batch = load_batch(pictures[:1], runtime.preprocessing)
    plain = runtime.forward(batch, capture=["last"])
    value, base = plain.captured["last"], float(plain.outputs["output"][0, 2])
    effects = []
    for other in set(range(12)) - {3}:
        moved = value[0].copy()
        moved[other] -= value[0, 3]  # what a factor of 0 does to the unit
        patch = Edit(feature=Feature(layer="last"), kind="patch", source="x")
        out = runtime.forward(batch, edits=EditStack((patch,)), sources={("last", "x"): moved})
        effects.append(float(out.outputs["output"][0, 2]) - base)
    assert curve.band[:, 0] == pytest.approx(base + np.percentile(effects, [5, 95]), abs=1e-4)
    assert curve.ys[1, 0] == pytest.approx(base + np.mean(effects), abs=1e-4)
    # a factor of 1 changes nothing at all, for the feature and for others
    assert curve.ys[0, 1] == curve.ys[1, 1] == curve.band[0, 1] == np.float32(base)
    row = rows(found(ran, "strengths"))[0]
    own = abs(row["effect"])
    assert row["percentile"] == pytest.approx(100 * np.mean([abs(e) < own for e in effects]))


def test_strengths_beyond_what_was_observed_are_marked(runtimes, pictures, dataset, run_analysis):
    runtime = runtimes["cnn"]
    ran = run_analysis(
        ANALYSIS, runtime, {"controls": 0, "low": -1.0, "high": 40.0, "steps": 42},
        images=pictures[:1], dataset=dataset, features=(UNIT,), target=Target(index=2),
    )  # fmt: skip
    values = runtime.forward(load_batch(pictures, runtime.preprocessing), capture=["last"])
    seen = values.captured["last"][:, 3]
    own = seen[0]
    beyond = [row["beyond observed"] for row in rows(found(ran, "strengths"))]
    expected = [
        bool((own * x).max() > seen.max() * 1.00001 or (own * x).min() < seen.min() - 1e-5)
        for x in np.linspace(-1, 40, 42)
    ]
    assert beyond == expected
    assert 0 < sum(beyond) < 42
    curve = found(ran, "target")
    assert curve.span[0] == pytest.approx(0.0)
    assert "beyond any observed" in curve.notes[-1]
    assert curve.band is None


def test_without_images_at_hand_it_says_what_it_rests_on(runtimes, pictures, run_analysis):
    ran = run_analysis(
        ANALYSIS, runtimes["vit"], {**SETTINGS, "kind": "steer"}, images=pictures[:1],
        features=(Feature(layer="encoder.layers.encoder_layer_0.self_attention/z", units=(1,),
                          heads=True),),
    )  # fmt: skip
    curve = found(ran, "target")
    assert any("no images are at hand" in note for note in curve.notes)
    assert np.isfinite(curve.ys).all()


def test_what_does_not_fit_is_refused(runtimes, pictures, run_analysis):
    common = {"images": pictures[:1], "target": Target(index=0)}
    for features in ((), (Feature(layer="last"),), (UNIT, SLANTED)):
        with pytest.raises(InvalidValue, match="one unit, head or direction"):
            run_analysis(ANALYSIS, runtimes["cnn"], SETTINGS, features=features, **common)
    with pytest.raises(InvalidValue, match="lowest strength"):
        run_analysis(
            ANALYSIS, runtimes["cnn"], {**SETTINGS, "low": 2.0, "high": 1.0}, features=(UNIT,),
            **common,
        )  # fmt: skip


def test_it_ends_when_it_is_told_to(runtimes, pictures, run_analysis):
    calls = []

    def check():
        calls.append(1)
        if len(calls) > 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        run_analysis(
            ANALYSIS, runtimes["cnn"], SETTINGS, images=pictures[:1], features=(UNIT,), check=check
        )
