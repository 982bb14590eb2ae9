"""Session files that mean harm, or were harmed: one kind of exception, and soon."""

import contextlib
import os
import struct
import zipfile

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interp_gui.core.errors import SessionProblem
from interp_gui.core.session import container
from interp_gui.core.session.arrays import npy_bytes, parse_npy
from interp_gui.core.session.container import Damaged
from interp_gui.core.session.files import read_session, write_session


@pytest.fixture(scope="module")
def good(tmp_path_factory, make_document):
    """The bytes of a small session that uses every field."""
    full = make_document()
    small = msgspec.structs.replace(
        full, dataset=msgspec.structs.replace(full.dataset, images=full.dataset.images[:5])
    )
    return write_session(tmp_path_factory.mktemp("good") / "a.interp", small).read_bytes()


@pytest.fixture(scope="module")
def members(good):
    import io

    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


def packed(path, members, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def refused(path, *words):
    with pytest.raises(SessionProblem) as caught:
        read_session(path)
    assert caught.value.hint
    for word in words:
        assert word in caught.value.message, caught.value.message


def with_json(members, change):
    content = msgspec.json.decode(members["session.json"])
    change(content["document"])
    return {**members, "session.json": msgspec.json.encode(content)}


# --- the file --------------------------------------------------------------------------------


def test_what_is_no_session_is_said(tmp_path, good):
    refused(tmp_path / "none.interp", "There is no session")
    for content in (b"", b"x", b"not a zip, but long enough to be one of some kind"):
        (tmp_path / "a.interp").write_bytes(content)
        refused(tmp_path / "a.interp", "not a session")
    (tmp_path / "a.interp").write_bytes(good[: len(good) // 2])
    refused(tmp_path / "a.interp", "its end is missing")
    refused(packed(tmp_path / "a.interp", {"word/document.xml": b"<x/>"}), "lacks 'session.json'")
    refused(tmp_path, "cannot be read" if os.name == "nt" else "no regular file")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.interp")
    refused(tmp_path / "a.interp", "no regular file")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_a_file_that_may_not_be_read_is_said(tmp_path, good):
    path = tmp_path / "a.interp"
    path.write_bytes(good)
    path.chmod(0)
    refused(path, "Permission denied")


@pytest.mark.parametrize(
    "name",
    ["../out.json", "/etc/passwd", "arrays/../../x.npy", "arrays\\x.npy", "C:/x.npy", "a/b/c/d.npy",
     "arrays/", ".bashrc", "A.json", "x"],
)  # fmt: skip
def test_names_that_climb_or_mislead_are_refused(tmp_path, members, name):
    before = set(tmp_path.parent.rglob("*"))
    path = packed(tmp_path / "a.interp", {**members, name: b"x"})
    refused(path, "a name that no session has")
    assert set(tmp_path.parent.rglob("*")) - before == {path}, "nothing is written anywhere"


def test_links_are_refused(tmp_path, members):
    path = tmp_path / "a.interp"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("session.json")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    refused(path, "a link")


def test_two_members_of_a_name_are_refused(tmp_path, members):
    path = tmp_path / "a.interp"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("session.json", members["session.json"])
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("session.json", b"{}")
    refused(path, "twice")


def test_other_packings_are_refused(tmp_path, members):
    refused(
        packed(tmp_path / "a.interp", members, compression=zipfile.ZIP_BZIP2), "packed in a way"
    )


def test_a_bomb_is_not_unpacked(tmp_path, members):
    """A file of 300 kB that says it holds 300 MB."""
    bomb = {**members}
    for i in range(300):
        bomb[f"arrays/9{i:04d}.npy"] = bytes(1 << 20)
    path = packed(tmp_path / "a.interp", bomb, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 1 << 20
    refused(path, "unpack to 300 MiB")


def test_a_member_that_hides_its_size_gives_no_more_than_it_declares(tmp_path, members):
    """The directory says 10 bytes, the stream holds a mebibyte."""
    path = packed(
        tmp_path / "a.interp", {"session.json": b" " * (1 << 20)}, compression=zipfile.ZIP_DEFLATED
    )
    data = path.read_bytes()
    size = struct.pack("<L", 1 << 20)
    path.write_bytes(data.replace(size, struct.pack("<L", 10)))
    refused(path)


def test_a_huge_member_is_refused_before_it_is_read(tmp_path, members, monkeypatch):
    monkeypatch.setattr(container, "LARGEST_JSON", 100)
    refused(packed(tmp_path / "a.interp", members), "MiB")


def test_too_many_members_are_refused(tmp_path, members, monkeypatch):
    monkeypatch.setattr(container, "MOST_MEMBERS", 3)
    refused(packed(tmp_path / "a.interp", members), "more than 3 parts")


def test_zip64_is_refused(tmp_path, good):
    end = good[-22:]
    locator = b"PK\x06\x07" + bytes(16)
    (tmp_path / "a.interp").write_bytes(good[:-22] + locator + end)
    refused(tmp_path / "a.interp", "of a kind that is not used")


# --- the content -----------------------------------------------------------------------------


def test_nested_json_is_refused(tmp_path):
    path = packed(tmp_path / "a.interp", {"session.json": b"[" * 200_000})
    refused(path)
    deep = b'{"format":"interp-gui session","version":1,"document":{"views":{"a":'
    refused(packed(path, {"session.json": deep + b'{"a":' * 900 + b"1" + b"}" * 903}))


@pytest.mark.parametrize(
    "content",
    [b"{}", b"[]", b"null", b"", b"\xff\xfe", b'{"format":"interp-gui session"}',
     b'{"format":"interp-gui session","version":"1","document":{}}',
     b'{"format":"interp-gui session","version":1}',
     b'{"format":"interp-gui session","version":1,"document":[]}',
     b'{"format":"interp-gui session","version":-5,"document":{}}',
     b'{"format":"interp-gui session","version":99999999999999999999,"document":7}',
     b'{"format":"interp-gui session","version":2,"document":7}',
     b'{"format":"of another","version":1,"document":{}}'],
)  # fmt: skip
def test_wrong_json_is_refused(tmp_path, content):
    refused(packed(tmp_path / "a.interp", {"session.json": content}))


def _grow(result, field, value):
    def change(document):
        found = next(k for k in document["kept"] if k["result"]["kind"] == result)
        found["result"][field] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(current_model=7),
        lambda d: d.update(models="small"),
        lambda d: d["models"][0].update(path=3),
        lambda d: d["shelf"][0].update(id="a2"),
        lambda d: d["shelf"][0].update(picture={"$array": "arrays/77777.npy"}),
        lambda d: d["shelf"][0].update(picture={"$array": "../../etc/passwd"}),
        lambda d: d["shelf"][0].update(picture={"$array": "session.json"}),
        lambda d: d["shelf"][0].update(picture={"$number": "nan"}),
        lambda d: d["shelf"][0].update(picture={"$pickle": "x"}),
        lambda d: d["shelf"][0]["feature"].update(units=[-1]),
        lambda d: d["shelf"][0]["feature"].update(layer=""),
        lambda d: d["target"].update(kind="logit_difference"),
        lambda d: d["edits"]["edits"][0].update(kind="explode"),
        lambda d: d["stacks"][0].update(solo=1),
        lambda d: d["stacks"][0].update(edits="none"),
        lambda d: d["edits"].update(solo=-1),
        lambda d: d.update(watched=[3]),
        lambda d: d.update(watched=["a"] * 2000),
        lambda d: d.update(views={"x": {"$array": "session.json"}}),
        _grow("heatmap", "values", {"$array": "arrays/00000.npy"}),
        _grow("bars", "labels", ["one"]),
        _grow("bars", "features", [None]),
        _grow("table", "columns", ["one"]),
        _grow("curve", "names", ["a", "b"]),
        _grow("grid", "columns", -3),
        _grow("picture", "kind", "atlas9"),
    ],
)
def test_content_of_wrong_types_or_sizes_is_refused(tmp_path, members, change):
    refused(packed(tmp_path / "a.interp", with_json(members, change)))


def test_pictures_of_impossible_shapes_are_refused(tmp_path, members):
    for shape in ((4, 4), (4, 4, 2), (0, 4, 3), (40_000, 1, 3)):
        array = npy_bytes(np.zeros(shape, np.uint8))
        path = packed(tmp_path / "a.interp", {**members, "arrays/00000.npy": array})
        refused(path, "do not fit together")


def test_images_of_wrong_types_are_refused(tmp_path, members):
    for lines in (b"{}\n", b'{"path":3}\n', b"\xff\n", b'{"path":"a"\n', b'{"path":"\\ud800"}\n'):
        refused(packed(tmp_path / "a.interp", {**members, "images.jsonl": lines}), "images.jsonl")


def test_a_path_that_is_none_is_an_image_that_vanished(tmp_path, members):
    lines = b'{"path":"a\\u0000b"}\n{"path":""}\n{"path":"file://%00%ff"}\n'
    found = read_session(packed(tmp_path / "a.interp", {**members, "images.jsonl": lines}))
    assert all(image.problem for image in found.dataset.images)


# --- arrays ----------------------------------------------------------------------------------


def header(text, data=b""):
    text = text.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\x93NUMPY", b"\x93NUMPY\x01\x00\xff\xff{}",
        header("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", b"cos\nsystem\n"),
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 1000000000), }"),
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", b"\0" * 7),
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }", b"\0" * 8),
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 9999999999, 9999999999), }"),
        header("{'descr': '<M8', 'fortran_order': False, 'shape': (1,), }", b"\0" * 8),
        header("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", b"\0" * 4),
        header("__import__('os').abort()"),
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (" + "1, " * 40 + "), }", b""),
    ],
)  # fmt: skip
def test_arrays_that_are_none_are_refused(data):
    with pytest.raises((Damaged, ValueError)):
        parse_npy(data)


@pytest.mark.parametrize("dtype", ["?", "i1", "u1", "<i2", ">i4", "<u8", "<f2", ">f4", "<f8"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 4), (2, 1, 3, 2)])
def test_arrays_come_back(dtype, shape):
    array = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
    for given_ in (array, np.asarray(array, order="F")):
        back = parse_npy(npy_bytes(given_))
        assert back.dtype == array.dtype.newbyteorder("=")
        assert back.shape == array.shape
        assert np.array_equal(back, array)
        assert not back.flags.writeable


# --- fuzzing ---------------------------------------------------------------------------------

_slow = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def read_or_refuse(path, data):
    """Reading gives a document or one kind of exception; the time limit of all tests holds."""
    path.write_bytes(data)
    with contextlib.suppress(SessionProblem):
        read_session(path)


@_slow
@given(flips=st.lists(st.tuples(st.integers(0, 1 << 30), st.integers(1, 255)), min_size=1,
                      max_size=8))  # fmt: skip
def test_flipped_bytes(good, scratch, flips):
    data = bytearray(good)
    for at, mask in flips:
        data[at % len(data)] ^= mask
    read_or_refuse(scratch / "flip.interp", bytes(data))


@_slow
@given(flips=st.lists(st.tuples(st.integers(0, 1 << 30), st.integers(1, 255)), min_size=1,
                      max_size=6))  # fmt: skip
def test_flipped_bytes_of_the_directory(good, scratch, flips):
    """Most bytes of a session are pixels; those that steer stand at its end."""
    data = bytearray(good)
    start = int.from_bytes(good[-6:-2], "little")
    for at, mask in flips:
        data[start + at % (len(data) - start)] ^= mask
    read_or_refuse(scratch / "directory.interp", bytes(data))


@_slow
@given(start=st.integers(0, 1 << 30), length=st.integers(0, 1 << 30))
def test_truncated_and_cut_files(good, scratch, start, length):
    start %= len(good)
    read_or_refuse(scratch / "cut.interp", good[:start] + good[start + length % 4000 :])
    read_or_refuse(scratch / "cut.interp", good[:start])


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([{"$array": "arrays/00000.npy"}, {"$array": "arrays/00003.npy"},
                       {"$number": "inf"}, {"$dict": {}}]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner,
                                                                max_size=3),
    max_leaves=6,
)  # fmt: skip


def _places(value, path=()):
    yield path
    items = (
        value.items() if isinstance(value, dict)
        else enumerate(value) if isinstance(value, list) else ()
    )  # fmt: skip
    for key, item in items:
        yield from _places(item, (*path, key))


@settings(parent=_slow, max_examples=400)
@given(data=st.data())
def test_changed_json(members, scratch, data):
    content = msgspec.json.decode(members["session.json"])
    places = [place for place in _places(content) if place]
    for place in data.draw(st.lists(st.sampled_from(places), min_size=1, max_size=3)):
        at = content
        try:
            for key in place[:-1]:
                at = at[key]
            at[place[-1]] = data.draw(_json)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took that place away
    path = packed(
        scratch / "json.interp", {**members, "session.json": msgspec.json.encode(content)}
    )
    read_or_refuse(path, path.read_bytes())


@pytest.mark.parametrize("piece", [b"[],", b"{},", b"0,"])
def test_a_small_file_of_very_many_values_is_refused_before_it_is_decoded(
    tmp_path, members, piece, monkeypatch
):
    monkeypatch.setattr("interp_gui.core.session.files.MOST_VALUES", 30_000)
    cut = members["session.json"].rstrip()[:-1]
    many = cut + b',\n"more": [' + piece * 40_000 + b"0]\n}"
    assert isinstance(msgspec.json.decode(many), dict)
    refused(packed(tmp_path / "a.interp", {**members, "session.json": many}), "30,000 values")


@pytest.mark.parametrize("field", ["edits", "stacks"])
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"solo": 99}, "stands alone"),
        ({"edits": [{"feature": {"layer": "a", "units": [1 << 30]}, "kind": "ablate"}]},
         "no layer"),
        ({"edits": [{"feature": {"layer": "a", "units": [1]}, "kind": "ablate"}] * 4097},
         "more than 4,096"),
        ({"edits": [{"feature": {"layer": "a", "units": [1]}, "kind": "ablate",
                     "place": {"kind": "region", "region": [[]]}}]}, ""),
    ],
)  # fmt: skip
def test_edits_are_those_that_a_drag_may_bring(tmp_path, members, field, change, why):
    def spoil(document):
        stack = {"edits": [], "version": 2, **change}
        document[field] = stack if field == "edits" else [stack]

    refused(packed(tmp_path / "a.interp", {**members, **with_json(members, spoil)}), why)
