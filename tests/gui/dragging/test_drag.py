import gc
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QByteArray, QCoreApplication, QEvent, QMimeData, QObject
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QLabel

from interp_gui.core.errors import InterpError
from interp_gui.core.feature import MIME_TYPE, Feature
from interp_gui.core.result import Picture
from interp_gui.gui.dragging import drag
from interp_gui.gui.dragging.drag import (
    MAX_BYTES,
    _write_picture,
    decode_features,
    drag_pixmap,
    encode_features,
    features_from_mime,
    mime_for,
)

LAYERS = st.sampled_from(["features.14", "layer1.0.relu#1", "encoder.layers.5/z", "a/in"])
FLOATS = st.floats(-1e6, 1e6, width=32)
FEATURES = st.one_of(
    st.builds(
        Feature,
        layer=LAYERS,
        units=st.lists(st.integers(0, 5000), max_size=4).map(tuple),
        name=st.text(st.characters(categories=["L", "N"]), max_size=20),
        heads=st.booleans(),
    ),
    st.builds(
        Feature,
        layer=LAYERS,
        vectors=st.lists(st.tuples(FLOATS, FLOATS, FLOATS), min_size=1, max_size=3).map(tuple),
    ),
)


@given(st.lists(FEATURES, min_size=1, max_size=5))
def test_features_survive_the_trip(features):
    assert list(decode_features(encode_features(features))) == features


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.one_of(st.binary(max_size=200), JSON.map(lambda v: json.dumps(v).encode())))
def test_anything_else_is_refused_with_a_sentence(data):
    with pytest.raises(InterpError):
        decode_features(data)


@given(st.sampled_from(["layer", "units", "vectors", "model", "name", "heads"]), JSON)
def test_a_feature_with_one_hostile_field_is_refused_or_whole(field, value):
    payload = {"version": 1, "features": [{"layer": "a", field: value}]}
    try:
        (feature,) = decode_features(json.dumps(payload).encode())
    except InterpError:
        return
    assert isinstance(feature, Feature)
    assert isinstance(feature.text, str)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[" * 100_000,
        b'{"version":1,"features":' + b"[" * 50_000,
        b'{"version":2,"features":[{"layer":"a"}]}',
        b'{"version":1,"features":[]}',
        b'{"version":1,"features":[{"layer":"a","units":[-1]}]}',
        b'{"version":1,"features":[{"layer":"a","units":[99999999999999999999]}]}',
        b'{"version":1,"features":[{"layer":"a","units":[99999999]}]}',
        b'{"version":1,"features":[{"layer":"a","units":[1],"vectors":[[1.0]]}]}',
        b'{"version":1,"features":[{"layer":"a","vectors":[[1.0],[1.0,2.0]]}]}',
        b'{"version":1,"features":[{"layer":"a","vectors":[[1e999]]}]}',
        b'{"version":1,"features":[{"layer":"a","name":"x\\u0000y"}]}',
        b'{"version":1,"features":[{"layer":"' + b"a" * 5000 + b'"}]}',
        b'{"version":1,"features":[{"layer":"a"}],"run":"rm"}',
        b" " * (MAX_BYTES + 1),
    ],
    ids=lambda data: data[:40].decode(),
)
def test_hostile_data_is_refused(data):
    with pytest.raises(InterpError):
        decode_features(data)


def test_mime_data_carries_json_text_and_picture(qapp):
    feature = Feature(layer="features.14", units=(7,))
    image = QImage(4, 4, QImage.Format.Format_RGB32)
    image.fill(0)
    mime = mime_for([feature], image=image)
    assert features_from_mime(mime) == (feature,)
    assert mime.text() == "features.14:7"
    assert mime.hasImage()
    assert features_from_mime(QMimeData()) == ()
    other = QMimeData()
    other.setData(MIME_TYPE, QByteArray(b"nonsense"))
    with pytest.raises(InterpError):
        features_from_mime(other)


def test_what_is_dragged_can_be_seen(qtbot):
    label = QLabel("x")
    qtbot.addWidget(label)
    image = QImage(100, 50, QImage.Format.Format_RGB32)
    image.fill(0xFF0000)
    with_picture = drag_pixmap("features.14:7", image=image, count=1, widget=label)
    without = drag_pixmap("features.14:7", image=None, count=3, widget=label)
    assert with_picture.height() > without.height() > 0


def test_the_file_for_other_programs_goes_with_the_window(qtbot, qapp):
    window = QLabel("x")
    pixels = np.zeros((8, 8, 3), np.uint8)
    path = _write_picture(window, "a:1", Picture(key="a", title="a", pixels=pixels), None)
    assert path.name == "a-1.png"
    assert path.is_file()
    window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    del window
    gc.collect()
    assert not path.exists()


def test_a_card_that_is_dragged_brings_its_picture_as_a_file(qtbot, monkeypatch):
    """What other programs get: a PNG with the pixels of the card."""
    from PIL import Image

    dragged = {}

    class Drag(QObject):
        setMimeData = staticmethod(lambda mime: dragged.update(mime=mime))
        setPixmap = staticmethod(lambda pixmap: dragged.update(pixmap=pixmap))
        setHotSpot = exec = staticmethod(lambda _: None)

    monkeypatch.setattr(drag, "QDrag", Drag)
    card = QLabel("x")
    qtbot.addWidget(card)
    image = QImage(9, 5, QImage.Format.Format_RGB32)
    image.fill(0xFF102030)
    feature = Feature(layer="features.14", units=(7,))
    drag.start_drag(card, [feature], image=image)
    (url,) = dragged["mime"].urls()
    with Image.open(url.toLocalFile()) as written:
        assert written.convert("RGB").getpixel((1, 1)) == (0x10, 0x20, 0x30)
    assert features_from_mime(dragged["mime"]) == (feature,)
    plain = dragged["pixmap"].height()
    pixels = np.full((30, 30, 3), 7, np.uint8)
    drag.start_drag(card, [feature], result=Picture(key="a", title="a", pixels=pixels))
    assert dragged["pixmap"].height() == plain, "a result brings its own picture"
    drag.start_drag(card, [feature])
    assert dragged["mime"].urls() == []
    assert dragged["pixmap"].height() < plain
