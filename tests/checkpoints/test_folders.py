"""Folders, shards, and a look before opening."""

import hashlib
import json

import pytest
import torch
from safetensors.torch import save_file

from interp_gui.checkpoints.contents import read_contents
from interp_gui.checkpoints.formats import inspect_file
from interp_gui.checkpoints.look import look
from interp_gui.core.errors import FileProblem

STATE = {"a.weight": torch.arange(12.0).reshape(3, 4), "b.weight": torch.ones(2) * 7}


def sharded(folder, kind="safetensors"):
    folder.mkdir(exist_ok=True)
    suffix = "safetensors" if kind == "safetensors" else "bin"
    names = {}
    for number, (key, value) in enumerate(STATE.items()):
        name = f"part-{number}.{suffix}"
        save = save_file if kind == "safetensors" else torch.save
        save({key: value}, folder / name)
        names[key] = name
    stem = "model.safetensors" if kind == "safetensors" else "pytorch_model.bin"
    index = folder / f"{stem}.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 56}, "weight_map": names}))
    return index


@pytest.mark.parametrize("kind", ["safetensors", "torch"])
@pytest.mark.parametrize("itself", [True, False])
def test_shards_open_by_index_and_by_folder(tmp_path, kind, itself):
    index = sharded(tmp_path / "model", kind)
    file = inspect_file(index if itself else index.parent)
    assert file.format == f"{kind}-sharded"
    assert [part.name[:6] for part in file.parts] == ["part-0", "part-1"]
    found = read_contents(file).sets[0].tensors
    assert list(found) == list(STATE)
    assert all(torch.equal(found[key], value) for key, value in STATE.items())


def test_a_missing_shard_is_named(tmp_path):
    index = sharded(tmp_path / "model")
    (index.parent / "part-1.safetensors").unlink()
    with pytest.raises(FileProblem, match=r"'part-1\.safetensors'.*missing"):
        inspect_file(index)


def test_a_snapshot_of_the_cache_may_link_to_its_store(tmp_path):
    index = sharded(tmp_path / "store")
    folder = tmp_path / "snapshots" / "1a2b"
    blobs = tmp_path / "blobs"
    folder.mkdir(parents=True)
    blobs.mkdir()
    for number, file in enumerate(sorted(index.parent.iterdir())):
        file.rename(blobs / str(number))
        (folder / file.name).symlink_to(blobs / str(number))
    assert read_contents(inspect_file(folder)).sets[0].tensors.keys() == STATE.keys()


def test_the_only_checkpoint_of_a_folder_is_opened(tmp_path):
    torch.save(STATE, tmp_path / "best.ckpt")
    torch.save({"state": {}}, tmp_path / "optimizer.pt")
    (tmp_path / "notes.txt").write_text("notes")
    assert inspect_file(tmp_path).path.name == "best.ckpt"
    torch.save(STATE, tmp_path / "last.ckpt")
    with pytest.raises(FileProblem, match=r"2 checkpoints: best\.ckpt, last\.ckpt"):
        inspect_file(tmp_path)


def test_a_folder_with_a_config_is_of_hugging_face(tmp_path):
    save_file(STATE, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"model_type": "vit"}')
    file = inspect_file(tmp_path)
    assert (file.format, file.folder, file.path) == ("huggingface", tmp_path, tmp_path)
    assert read_contents(file).sets[0].tensors.keys() == STATE.keys()
    report = look(tmp_path)
    assert set(report.files) == {"model.safetensors", "config.json"}
    (tmp_path / "config.json").write_text('{"lr": 0.1}')
    assert inspect_file(tmp_path).format == "safetensors"


def test_metadata_of_safetensors_is_a_hint(tmp_path):
    save_file(STATE, tmp_path / "a.safetensors", metadata={"architecture": "timm/resnet18.a1"})
    hints = read_contents(inspect_file(tmp_path / "a.safetensors")).hints
    assert (hints.library, hints.architecture) == ("timm", "resnet18.a1")


class Payload:
    def __reduce__(self):
        return eval, ("1",)


def test_a_look_lists_what_would_run(tmp_path):
    path = tmp_path / "a.pth"
    torch.save({"state_dict": STATE, "x": Payload(), "m": torch.nn.Linear(2, 2)}, path)
    report = look(path)
    assert report.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert report.size_bytes == path.stat().st_size
    assert report.files == ("a.pth",)
    assert (report.foreign[0].name, report.foreign[0].dangerous) == ("builtins.eval", True)
    assert ("torch.nn.modules.linear.Linear", False) in [
        (each.name, each.dangerous) for each in report.foreign
    ]
    assert report.concerns == ("foreign-code",)
    assert report.free_bytes > 0
    assert "'state_dict'" in " ".join(report.notes)
    assert not look(path, hashed=False).sha256


def test_a_look_counts_what_opening_takes(tmp_path, monkeypatch):
    torch.save({"a.weight": torch.ones(1000, 10).half(), "b": torch.ones(3)}, tmp_path / "a.pth")
    report = look(tmp_path / "a.pth")
    assert report.needed_bytes == 20_000 + 12 + 40_000
    assert report.concerns == ()
    monkeypatch.setattr("interp_gui.checkpoints.look._free_bytes", lambda: 60_000)
    assert look(tmp_path / "a.pth").concerns == ("memory",)


def test_a_look_at_what_is_refused_says_why(tmp_path):
    assert "no file" in look(tmp_path / "no.pth").problem
    (tmp_path / "a.pth").write_bytes(b"\x80\x02c")
    report = look(tmp_path / "a.pth")
    assert report.title
    assert report.problem
    assert report.hint


def test_a_repository_in_the_hubs_cache_stands_for_its_revision(tmp_path):
    weights = torch.ones(3)
    (tmp_path / "blobs").mkdir()
    (tmp_path / "refs").mkdir()
    for revision, factor in (("aa", 1), ("bb", 2)):
        folder = tmp_path / "snapshots" / revision
        folder.mkdir(parents=True)
        save_file({"a.weight": factor * weights}, folder / "model.safetensors")
        (tmp_path / "refs" / "main").write_text(f"{revision}\n")
        (only,) = read_contents(inspect_file(tmp_path)).sets
        assert torch.equal(only.tensors["a.weight"], factor * weights)
    (tmp_path / "refs" / "main").unlink()
    with pytest.raises(FileProblem, match="no checkpoint"):
        inspect_file(tmp_path)


@pytest.mark.parametrize(
    ("names", "match"),
    [
        (("__0_0.distcp", ".metadata"), "distributed checkpoint in parts"),
        (("saved_model.pb",), "TensorFlow model"),
        (("Manifest.json", "Data/weights"), "Core ML model"),
        (("adapter_config.json", "adapter_model.safetensors"), "an adapter"),
        (("notes.md",), "holds no checkpoint"),
        (("weights/best.pt", "opt.yaml"), "folders in it do: 'weights/best.pt'"),
    ],
)
def test_folders_of_other_things(tmp_path, names, match):
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"\x08\x01" + bytes(90))
    with pytest.raises(FileProblem, match=match) as caught:
        inspect_file(tmp_path)
    assert caught.value.hint


def test_shards_without_an_index(tmp_path):
    for number in (1, 2):
        save_file(
            {"a.weight": torch.ones(3)}, tmp_path / f"model-0000{number}-of-00002.safetensors"
        )
    with pytest.raises(FileProblem, match="no index"):
        inspect_file(tmp_path)
