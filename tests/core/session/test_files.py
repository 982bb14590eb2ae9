import errno
import os
import shutil
import zipfile

import msgspec
import numpy as np
import pytest

from interp_gui.core.dataset import ImageEntry
from interp_gui.core.errors import OutputProblem, SessionProblem
from interp_gui.core.result import Picture
from interp_gui.core.session.document import DatasetRef, KeptResult, ModelRef, SessionDocument
from interp_gui.core.session.files import MISSING, read_session, write_session
from interp_gui.core.session.migrations import Migrations


def content_of(path):
    with zipfile.ZipFile(path) as archive:
        return msgspec.json.decode(archive.read("session.json"))


def rewritten(path, change, target=None):
    """The session with its JSON changed by a function."""
    target = target or path.with_name("changed.interp")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as out:
        for name in source.namelist():
            data = source.read(name)
            if name == "session.json":
                content = msgspec.json.decode(data)
                content = change(content) or content
                data = msgspec.json.encode(content)
            out.writestr(name, data)
    return target


# --- round trips -----------------------------------------------------------------------------


def test_everything_comes_back_to_the_last_bit(full, same, tmp_path):
    path = write_session(tmp_path / "a.interp", full)
    assert same(read_session(path, look_for_files=False), full)


def test_an_empty_session_comes_back(same, tmp_path):
    path = write_session(tmp_path / "a.interp", SessionDocument())
    assert same(read_session(path), SessionDocument())


def test_the_same_content_gives_the_same_bytes(full, tmp_path):
    one = write_session(tmp_path / "one.interp", full).read_bytes()
    assert write_session(tmp_path / "two.interp", full).read_bytes() == one


def test_uncompressed_sessions_are_read_alike(full, same, tmp_path):
    path = write_session(tmp_path / "a.interp", full, compress=False, durable=False)
    assert same(read_session(path, look_for_files=False), full)


def test_an_array_that_occurs_twice_is_written_once(tmp_path):
    pixels = np.zeros((4, 4, 3), np.uint8)
    kept = tuple(
        KeptResult(id=str(i), result=Picture(key="p", title="t", pixels=pixels)) for i in range(3)
    )
    path = write_session(tmp_path / "a.interp", SessionDocument(kept=kept))
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["session.json", "arrays/00000.npy"]


def test_arrays_can_be_read_by_numpy_alone(full, tmp_path):
    path = write_session(tmp_path / "a.interp", full)
    with zipfile.ZipFile(path) as archive, archive.open("arrays/00000.npy") as member:
        assert np.array_equal(np.load(member, allow_pickle=False), full.shelf[0].picture)


def test_text_that_is_no_text_does_not_keep_a_session_from_being_saved(tmp_path):
    name = os.fsdecode(b"/photos/caf\xe9.png")
    dataset = DatasetRef(images=(ImageEntry(path=name, label=os.fsdecode(b"\xff")),))
    path = write_session(
        tmp_path / "a.interp", SessionDocument(dataset=dataset, image=name, layer="\ud800")
    )
    found = read_session(path)
    assert found.dataset.images[0].path == name == found.image


def test_a_zero_map_of_any_size_can_be_read_again(same, tmp_path):
    """Zeros pack a thousandfold, as a bomb does."""
    pixels = [np.full((1150, 1150, 3), i, np.uint8) for i in range(80)]
    kept = tuple(
        KeptResult(id=str(i), result=Picture(key="p", title="t", pixels=p))
        for i, p in enumerate(pixels)
    )
    document = SessionDocument(kept=kept)
    path = write_session(tmp_path / "a.interp", document)
    assert len(read_session(path).kept) == 80


# --- moved files -----------------------------------------------------------------------------


@pytest.fixture
def study(tmp_path):
    """A folder that holds a session with its model and images, which is then moved."""
    folder = tmp_path / "study"
    (folder / "photos").mkdir(parents=True)
    for name in ("model.pth", "photos/a.png"):
        (folder / name).write_bytes(b"x")
    dataset = DatasetRef(
        images=(
            ImageEntry(path=str(folder / "photos" / "a.png")),
            ImageEntry(path=str(folder / "photos" / "gone.png"), label="cat"),
        )
    )
    document = SessionDocument(
        models=(ModelRef(path=str(folder / "model.pth"), weights_sha256="ab"),),
        image=str(folder / "photos" / "a.png"),
        dataset=dataset,
    )
    write_session(folder / "study.interp", document)
    return folder


def test_files_are_found_where_they_were(study):
    found = read_session(study / "study.interp")
    assert found.models[0].path == str(study / "model.pth")
    assert [image.problem for image in found.dataset.images] == ["", MISSING]
    assert found.dataset.images[1].label == "cat", "an image that vanished stays in the list"


def test_a_folder_that_moved_with_its_session_works(study, tmp_path):
    new = tmp_path / "elsewhere" / "renamed"
    shutil.move(study, new)
    found = read_session(new / "study.interp")
    assert found.models[0].path == str(new / "model.pth")
    assert found.dataset.images[0].path == found.image == str(new / "photos" / "a.png")
    assert found.dataset.images[0].problem == ""


def test_an_image_that_is_back_is_no_longer_marked(study):
    write_session(study / "study.interp", read_session(study / "study.interp"))
    (study / "photos" / "gone.png").write_bytes(b"x")
    assert read_session(study / "study.interp").dataset.images[1].problem == ""


# --- versions --------------------------------------------------------------------------------


def test_a_newer_version_is_refused_in_words(full, tmp_path):
    path = write_session(tmp_path / "a.interp", full)
    newer = rewritten(path, lambda content: {"format": content["format"], "version": 2})
    with pytest.raises(SessionProblem, match=r"newer version of interp-gui \(format 2"):
        read_session(newer)


def test_fields_that_are_not_known_are_left_alone(full, same, tmp_path):
    path = write_session(tmp_path / "a.interp", full)

    def extend(content):
        content["colour"] = "blue"
        content["document"]["camera"] = {"zoom": 3}
        content["document"]["models"][0]["precision"] = "half"

    assert same(read_session(rewritten(path, extend), look_for_files=False), full)


def test_an_older_version_is_brought_up_to_date(tmp_path):
    path = write_session(tmp_path / "a.interp", SessionDocument(layer="features.1"))

    def older(content):
        document = content.pop("document")
        return {"format": content["format"], "version": 0, "place": document["layer"]}

    migrations = Migrations()

    @migrations.step(0)
    def _(content):
        return {"document": {"layer": content["place"]}}

    old = rewritten(path, older)
    assert read_session(old, migrations=migrations).layer == "features.1"
    with pytest.raises(SessionProblem, match="never was a session format 0"):
        read_session(old)
    broken = rewritten(old, lambda content: {k: content[k] for k in ("format", "version")},
                       tmp_path / "broken.interp")  # fmt: skip
    with pytest.raises(SessionProblem, match="no session of format 0"):
        read_session(broken, migrations=migrations)


def test_one_version_has_one_step():
    migrations = Migrations()
    migrations.step(0)(lambda content: content)
    with pytest.raises(ValueError, match="two steps"):
        migrations.step(0)(lambda content: content)


# --- failures of writing ---------------------------------------------------------------------


def test_a_full_disk_keeps_the_file_that_was_there(full, tmp_path, monkeypatch):
    path = write_session(tmp_path / "a.interp", full)
    before = path.read_bytes()

    def full_disk(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OutputProblem, match="disk is full"):
        write_session(path, SessionDocument())
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.interp"], "nothing half-written is left"


def test_a_folder_that_is_missing_is_said(full, tmp_path):
    with pytest.raises(OutputProblem, match="does not exist"):
        write_session(tmp_path / "none" / "a.interp", full)


def test_a_session_that_could_not_be_read_again_is_not_written(full, tmp_path, monkeypatch):
    monkeypatch.setattr("interp_gui.core.session.container.LARGEST_JSON", 1000)
    with pytest.raises(OutputProblem, match="too large"):
        write_session(tmp_path / "a.interp", full)
    assert not list(tmp_path.iterdir())


def test_a_session_of_more_values_than_are_read_is_not_written(full, tmp_path, monkeypatch):
    monkeypatch.setattr("interp_gui.core.session.files.MOST_VALUES", 100)
    with pytest.raises(OutputProblem, match="too large"):
        write_session(tmp_path / "a.interp", full)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="links and modes are those of POSIX")
def test_saving_through_a_link_writes_what_it_leads_to_and_keeps_who_may_read_it(full, tmp_path):
    (tmp_path / "synced").mkdir()
    file, link = tmp_path / "synced" / "real.interp", tmp_path / "a.interp"
    write_session(file, SessionDocument())
    file.chmod(0o600)
    link.symlink_to(file)
    write_session(link, full)
    assert link.is_symlink()
    assert len(read_session(file).shelf) == len(full.shelf) > 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert sorted(p.name for p in tmp_path.rglob("*.interp")) == ["a.interp", "real.interp"]
