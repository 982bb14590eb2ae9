"""Plain pickles and files of torch's older format that run something, hide it, or take for ever."""

import functools
import io
import itertools
import operator
import os
import pickle
import pickletools
import runpy
import struct
import subprocess
from collections import OrderedDict

import numpy as np
import torch

RUNS = (
    "make_exec", "make_os_system", "make_subprocess", "make_eval_deep_inside", "make_getattr_chain",
    "make_memo_tricks", "make_text_protocol", "make_inst", "make_obj", "make_newobj_ex",
    "make_object_array", "make_partial", "make_methodcaller", "make_import", "make_runpy",
    "make_in_a_key", "make_in_hooks", "make_as_rebuilder", "make_inner_storage", "make_legacy_1",
    "make_as_state", "make_reconstructor", "make_second_time_from_memo",
)  # fmt: skip


def _weights():
    return OrderedDict({"a.weight": torch.ones(4, 3), "a.bias": torch.ones(4)})


def _pickled(folder, content, protocol=4):
    path = folder / "weights.pkl"
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


def _raw(folder, content):
    path = folder / "weights.pkl"
    path.write_bytes(content)
    return path


def _text(value):
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def make_exec(folder, plant):
    return _pickled(folder, plant.payload())


def make_os_system(folder, plant):
    return _pickled(folder, [plant.payload(os.system, f"echo > {plant.marker}"), _weights()])


def make_subprocess(folder, plant):
    return _pickled(folder, plant.payload(subprocess.check_output, ["touch", str(plant.marker)]))


def make_eval_deep_inside(folder, plant):
    content = plant.payload(eval, plant.code)
    for number in range(30):
        content = {f"level{number}": [content, (number,)]}
    return _pickled(folder, {"state_dict": _weights(), "args": content}, protocol=2)


def make_getattr_chain(folder, plant):
    """Reaches `pathlib.Path(marker).touch()` by built-in functions only."""
    found = (
        b"\x80\x04cbuiltins\ngetattr\ncbuiltins\n__import__\n" + _text("pathlib") + b"\x85R"
        + _text("Path") + b"\x86R" + _text(str(plant.marker)) + b"\x85Rq\x000"
    )  # fmt: skip
    return _raw(folder, found + b"cbuiltins\ngetattr\nh\x00" + _text("touch") + b"\x86R)R.")


def make_memo_tricks(folder, plant):
    """The name's parts come out of the memo in another order than they were written in."""
    return _raw(
        folder,
        b"\x80\x04" + _text("exec") + b"q\x010" + _text("os") + b"q\x020" + _text("builtins")
        + b"q\x02h\x01\x93" + _text(plant.code) + b"\x85R.",
    )  # fmt: skip


def make_text_protocol(folder, plant):
    """Protocol 0 has no first byte that tells it; the second pickle here does."""
    return _raw(folder, b"\x80\x01c__builtin__\nexec\n(V" + plant.code.encode() + b"\ntR.")


def make_inst(folder, plant):
    return _raw(folder, b"\x80\x01(" + _text(plant.code) + b"i__builtin__\nexec\n.")


def make_obj(folder, plant):
    return _raw(folder, b"\x80\x02(c__builtin__\nexec\n" + _text(plant.code) + b"o.")


def make_newobj_ex(folder, plant):
    return _raw(
        folder,
        b"\x80\x04cfunctools\npartial\ncbuiltins\nexec\n" + _text(plant.code)
        + b"\x86}\x92)R.",
    )  # fmt: skip


def make_object_array(folder, plant):
    return _pickled(folder, {"a.weight": np.array([plant.payload(), 1], dtype=object)})


def make_partial(folder, plant):
    return _pickled(folder, plant.payload(functools.partial(exec, plant.code), {}))


def make_methodcaller(folder, plant):
    call = operator.methodcaller("touch")
    return _pickled(folder, [plant.payload(call, plant.marker), _weights()])


def make_import(folder, plant):
    (folder / "planted_module.py").write_text(plant.code)
    code = f"import sys; sys.path.insert(0, {str(folder)!r}); import planted_module"
    return _pickled(folder, plant.payload(exec, code))


def make_runpy(folder, plant):
    (folder / "planted.py").write_text(plant.code)
    return _pickled(folder, plant.payload(runpy.run_path, str(folder / "planted.py")))


def make_in_a_key(folder, plant):
    class Key:
        def __reduce__(self):
            return exec, (plant.code,)

    return _pickled(folder, {Key(): 1, "a.weight": torch.ones(2)})


def make_in_hooks(folder, plant):
    """The hooks that a tensor is rebuilt with are the payload."""
    return _raw(
        folder,
        b"\x80\x02ctorch._utils\n_rebuild_parameter\n(N\x88c__builtin__\nexec\n"
        + _text(plant.code) + b"\x85RtR.",
    )  # fmt: skip


def make_as_rebuilder(folder, plant):
    """A tensor of a subclass names the function that rebuilds it."""
    return _raw(
        folder,
        b"\x80\x02ctorch._tensor\n_rebuild_from_type_v2\n(c__builtin__\nexec\nctorch\nTensor\n"
        + _text(plant.code) + b"\x85}tR.",
    )  # fmt: skip


def make_inner_storage(folder, plant):
    """The bytes of a storage within a plain pickle are a pickle with a payload of their own."""
    inner = pickle.dumps(plant.payload(), protocol=2)
    return _raw(
        folder,
        b"\x80\x03ctorch.storage\n_load_from_bytes\nB" + struct.pack("<I", len(inner)) + inner
        + b"\x85R.",
    )  # fmt: skip


def make_files_within_files(folder, plant):
    inner = b"\x80\x02N."
    for _ in range(50):
        inner = (
            b"\x80\x03ctorch.storage\n_load_from_bytes\nB" + struct.pack("<I", len(inner)) + inner
            + b"\x85R."
        )  # fmt: skip
    return _raw(folder, inner)


def make_as_state(folder, plant):
    """BUILD calls `__setstate__`, here that of a partial, whose function is exchanged."""
    return _raw(
        folder,
        b"\x80\x04cfunctools\npartial\ncbuiltins\nlen\n\x85R(cbuiltins\nexec\n"
        + _text(plant.code) + b"\x85}}tb)R.",
    )  # fmt: skip


def make_reconstructor(folder, plant):
    return _raw(
        folder,
        b"\x80\x02ccopy_reg\n_reconstructor\n(c__builtin__\nobject\nc__builtin__\nobject\nNtR"
        b"0c__builtin__\nexec\n" + _text(plant.code) + b"\x85R.",
    )  # fmt: skip


def make_second_time_from_memo(folder, plant):
    return _raw(
        folder,
        b"\x80\x02c__builtin__\nexec\nq\x000}q\x01h\x00" + _text(plant.code) + b"\x85R0h\x01.",
    )  # fmt: skip


def make_extension(folder, plant):
    """A number that stands for a name in the registry of the machine that reads."""
    return _raw(folder, b"\x80\x02\x82\x01)R.")


def make_persistent_text(folder, plant):
    return _raw(folder, b"\x80\x01Pos.system\n.")


def make_two_pickles(folder, plant):
    return _raw(folder, pickle.dumps(_weights(), 2) + pickle.dumps(plant.payload(), 2))


def make_hidden_name(folder, plant):
    """The name is no text: it is a list."""
    return _raw(folder, b"\x80\x04]]\x93)R.")


def make_code_object(folder, plant):
    return _raw(folder, b"\x80\x02ctypes\nCodeType\n)Rq\x00ctypes\nFunctionType\nh\x00}\x86R)R.")


def make_socket(folder, plant):
    return _raw(
        folder,
        b"\x80\x02csocket\ncreate_connection\n" + _text("127.0.0.1") + b"K\x09\x86\x85R.",
    )  # fmt: skip


def make_numpy_load(folder, plant):
    np.save(folder / "inner.npy", np.array([plant.payload()], dtype=object), allow_pickle=True)
    return _raw(
        folder,
        b"\x80\x02cnumpy\nload\n" + _text(str(folder / "inner.npy")) + b"N\x88\x87R.",
    )  # fmt: skip


def make_torch_hub(folder, plant):
    return _raw(folder, b"\x80\x02ctorch.hub\nload\n" + _text("a/b") + _text("c") + b"\x86R.")


def make_billion_laughs(folder, plant):
    content = b"\x80\x02" + b"]q\x00" + _text("lol") + b"a0"
    for number in range(100):
        content += b"]q" + bytes([number + 1]) + b"(" + (b"h" + bytes([number])) * 10 + b"e0"
    return _raw(folder, content + b"hd.")


def make_billion_laughs_of_tables(folder, plant):
    content = b"\x80\x02}q\x000"
    for number in range(90):
        content += b"}q" + bytes([number + 1]) + b"("
        content += b"".join(_text(f"k{n}") + b"h" + bytes([number]) for n in range(10)) + b"u0"
    return _raw(folder, content + b"hZ.")


def make_deep_lists(folder, plant):
    return _raw(folder, b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".")


def make_deep_tables(folder, plant):
    step = b"}" + _text("state_dict")
    return _raw(folder, b"\x80\x02" + step * 50_000 + b"N" + b"s" * 50_000 + b".")


def make_deep_key(folder, plant):
    """A tuple of tuples that are shared: hashing it would take 2**60 steps."""
    content = b"\x80\x02K\x01K\x02\x86q\x00"
    for number in range(60):
        content += b"h" + bytes([number]) + b"\x86q" + bytes([number + 1])
    return _raw(folder, b"\x80\x02}" + content[2:] + b"Ns.")


def make_colliding_keys(folder, plant):
    """Whole numbers that all have the same hash."""
    prime = (1 << 61) - 1
    content = b"\x80\x02}("
    for number in range(20_000):
        raw = (prime * (number + 1)).to_bytes(12, "little", signed=True)
        content += b"\x8a\x0c" + raw + b"N"
    return _raw(folder, content + b"u.")


def make_huge_number(folder, plant):
    return _raw(folder, b"\x80\x02\x8b" + struct.pack("<i", 5_000_000) + b"\x7f" * 5_000_000 + b".")


def make_huge_decimal(folder, plant):
    return _raw(folder, b"\x80\x02I" + b"9" * 3_000_000 + b"\n.")


def make_promised_text(folder, plant):
    return _raw(folder, b"\x80\x04\x8d" + struct.pack("<Q", 1 << 62) + b"abc.")


def make_copied_text(folder, plant):
    """One long text, turned into bytes again and again."""
    content = b"\x80\x02]" + _text("x" * 1_000_000) + b"q\x000" + _text("latin1") + b"q\x010"
    one = b"c_codecs\nencode\nh\x00h\x01\x86Ra"
    return _raw(folder, content + one * 20_000 + b".")


def make_endless(folder, plant):
    return _raw(folder, b"\x80\x02" + b"]0" * 1_550_000 + b"N.")


def make_itself(folder, plant):
    """A list and a table that contain themselves."""
    return _raw(folder, b"\x80\x02}q\x00" + _text("model") + b"]q\x01h\x01ah\x00as.")


def make_module_in_itself(folder, plant):
    inner = b"}" + _text("a") + b"h\x00s"
    fields = b"}(" + _text("_parameters") + b"}" + _text("_modules") + inner + b"u"
    return _raw(folder, b"\x80\x02cm\nNet\n)\x81q\x00" + fields + b"b.")


def make_many_modules(folder, plant):
    """Modules that are shared in two places each: walking all roads would take 2**60 steps."""
    content = b"\x80\x02"
    for number in range(60):
        inner = b"}"
        if number:
            before = b"h" + bytes([number - 1])
            inner += _text("a") + before + b"s" + _text("b") + before + b"s"
        fields = b"}(" + _text("_parameters") + b"}" + _text("_modules") + inner + b"u"
        content += b"cm\nNet\n)\x81" + fields + b"bq" + bytes([number])
    return _raw(folder, content + b".")


def _legacy(folder, plant, place):
    """A file of the older format with a payload as one of its five pickles."""
    buffer = io.BytesIO()
    torch.save(_weights(), buffer, _use_new_zipfile_serialization=False)
    buffer.seek(0)
    ends = [0]
    for _ in range(5):
        for opcode, _argument, _place in pickletools.genops(buffer):
            if opcode.name == "STOP":
                break
        ends.append(buffer.tell())
    raw = buffer.getvalue()
    parts = [raw[a:b] for a, b in itertools.pairwise(ends)] + [raw[ends[-1] :]]
    parts[place] = pickle.dumps(plant.payload(), protocol=2)
    path = folder / "weights.pth"
    path.write_bytes(b"".join(parts))
    return path


def make_legacy_1(folder, plant):
    return _legacy(folder, plant, 0)


def make_legacy_2(folder, plant):
    return _legacy(folder, plant, 1)


def make_legacy_3(folder, plant):
    return _legacy(folder, plant, 2)


def make_legacy_4(folder, plant):
    return _legacy(folder, plant, 3)


def make_legacy_5(folder, plant):
    return _legacy(folder, plant, 4)


def make_legacy_long_storage(folder, plant):
    """A storage that promises more numbers than the file has."""
    path = folder / "weights.pth"
    torch.save({"a.weight": torch.ones(3)}, path, _use_new_zipfile_serialization=False)
    raw = path.read_bytes()
    path.write_bytes(raw[:-20] + struct.pack("<q", 1 << 40) + raw[-12:])
    return path
