"""Headers and indexes that lie: safetensors, shards, folders."""

import json
import os
import struct

import torch
from safetensors.torch import save, save_file

RUNS = ()

_FLOATS = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def _safetensors(folder, header, data=bytes(8), length=None):
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    path = folder / "weights.safetensors"
    path.write_bytes(struct.pack("<Q", len(raw) if length is None else length) + raw + data)
    return path


def make_long_header(folder, plant):
    return _safetensors(folder, {"a": _FLOATS}, length=99_000_000)


def make_overlapping(folder, plant):
    return _safetensors(folder, {"a": _FLOATS, "b": _FLOATS})


def make_gap(folder, plant):
    return _safetensors(folder, {"a": {**_FLOATS, "data_offsets": [8, 16]}}, bytes(16))


def make_beyond_the_end(folder, plant):
    return _safetensors(folder, {"a": {**_FLOATS, "data_offsets": [0, 800]}})


def make_rest(folder, plant):
    return _safetensors(folder, {"a": _FLOATS}, bytes(16))


def make_name_twice(folder, plant):
    one = json.dumps(_FLOATS)
    return _safetensors(folder, f'{{"a": {one}, "a": {one}}}'.encode())


def make_other_shape(folder, plant):
    return _safetensors(folder, {"a": {**_FLOATS, "shape": [3]}})


def make_absurd_shape(folder, plant):
    return _safetensors(folder, {"a": {**_FLOATS, "shape": [1 << 61, 1 << 61, 0, 2]}})


def make_negative(folder, plant):
    return _safetensors(folder, {"a": {**_FLOATS, "shape": [-2, -1], "data_offsets": [0, 8]}})


def make_true_as_number(folder, plant):
    return _safetensors(folder, {"a": {**_FLOATS, "shape": [True, 2]}})


def make_nan(folder, plant):
    return _safetensors(folder, b'{"a": {"dtype": "F32", "shape": [NaN], "data_offsets": [0, 8]}}')


def make_infinity(folder, plant):
    return _safetensors(
        folder, b'{"a": {"dtype": "F32", "shape": [1e999], "data_offsets": [0, 8]}}'
    )


def make_deep_json(folder, plant):
    return _safetensors(folder, b"{" + b'"a":{' * 200_000 + b"}" * 200_000 + b"}")


def make_huge_number(folder, plant):
    return _safetensors(folder, b'{"a": ' + b"9" * 100_000 + b"}")


def make_unknown_kind(folder, plant):
    return _safetensors(folder, {"a": {**_FLOATS, "dtype": "F12"}})


def make_more_than_asked(folder, plant):
    return _safetensors(folder, {"a": {**_FLOATS, "code": "import os"}})


def make_metadata_that_is_no_text(folder, plant):
    return _safetensors(folder, {"__metadata__": {"a": {"b": 1}}, "a": _FLOATS})


def make_name_in_no_encoding(folder, plant):
    return _safetensors(folder, b'{"\xff\xfe": 1}')


def _sharded(folder, weight_map, outside=False):
    inner = folder / "model"
    inner.mkdir()
    save_file({"a.weight": torch.ones(4, 3)}, inner / "one.safetensors")
    save_file({"b.weight": torch.ones(4, 3)}, inner / "two.safetensors")
    if outside:
        (folder / "two.safetensors").write_bytes(save({"b.weight": torch.ones(4, 3)}))
    path = inner / "model.safetensors.index.json"
    path.write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    return path


def make_index_that_climbs(folder, plant):
    return _sharded(folder, {"a.weight": "one.safetensors", "b.weight": "../two.safetensors"}, True)


def make_index_that_climbs_as_on_windows(folder, plant):
    return _sharded(folder, {"a.weight": "one.safetensors", "b.weight": "..\\two.safetensors"})


def make_absolute_index(folder, plant):
    there = str(folder / "two.safetensors")
    return _sharded(folder, {"a.weight": "one.safetensors", "b.weight": there}, True)


def make_linked_shard(folder, plant):
    path = _sharded(folder, {"a.weight": "one.safetensors", "b.weight": "link.safetensors"}, True)
    os.symlink(folder / "two.safetensors", path.parent / "link.safetensors")
    return path


def make_missing_shard(folder, plant):
    return _sharded(folder, {"a.weight": "one.safetensors", "b.weight": "three.safetensors"})


def make_unlisted_tensor(folder, plant):
    return _sharded(folder, {"a.weight": "one.safetensors", "c.weight": "two.safetensors"})


def make_tensor_elsewhere(folder, plant):
    return _sharded(folder, {"a.weight": "two.safetensors", "b.weight": "one.safetensors"})


def make_tensor_twice(folder, plant):
    path = _sharded(folder, {"a.weight": "one.safetensors", "b.weight": "two.safetensors"})
    both = {"a.weight": torch.ones(4, 3), "b.weight": torch.ones(4, 3)}
    save_file(both, path.parent / "two.safetensors")
    return path


def make_index_of_itself(folder, plant):
    return _sharded(folder, {"a.weight": "model.safetensors.index.json"})


def make_index_that_is_no_table(folder, plant):
    path = _sharded(folder, {})
    path.write_text('{"weight_map": ["one.safetensors"]}')
    return path


def make_pickled_shard(folder, plant):
    """A shard with a payload."""
    inner = folder / "model"
    inner.mkdir()
    torch.save({"a.weight": torch.ones(2, 2), "b": plant.payload()}, inner / "one.bin")
    path = inner / "pytorch_model.bin.index.json"
    path.write_text(json.dumps({"weight_map": {"a.weight": "one.bin", "b": "one.bin"}}))
    return path


def make_folder_with_payload(folder, plant):
    """A folder of Hugging Face whose weights are a payload and whose config names code."""
    config = {
        "model_type": "vit", "architectures": ["ViTForImageClassification"],
        "auto_map": {"AutoConfig": "planted.Planted"}, "trust_remote_code": True,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "planted.py").write_text(plant.code)
    torch.save({"a.weight": torch.ones(2, 2), "b": plant.payload()}, folder / "pytorch_model.bin")
    return folder


def make_two_checkpoints(folder, plant):
    for name in ("a.pth", "b.pth"):
        torch.save({"a.weight": torch.ones(2, 2)}, folder / name)
    return folder
