"""The content hash of a network's weights."""

import hashlib
from collections.abc import Callable, Mapping

import torch

_CHUNK_BYTES = 1 << 24


def weights_sha256(
    tensors: Mapping[str, torch.Tensor], *, check: Callable[[], None] = lambda: None
) -> str:
    """SHA-256 over sorted name, dtype, shape and bytes of all tensors, as hex.

    The same weights have the same hash in whatever file format and order they are kept. Each
    tensor is preceded by a line ``name dtype d0,d1,…``, so that no two sets of tensors give the
    same stream.

    Parameters
    ----------
    check
        Called between pieces; what it raises ends the hashing.
    """
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach()
        dtype = str(tensor.dtype).removeprefix("torch.")
        shape = ",".join(str(length) for length in tensor.shape)
        digest.update(f"{len(name)}:{name} {dtype} {shape}\n".encode())
        raw = tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
        for start in range(0, raw.size, _CHUNK_BYTES):
            check()
            digest.update(raw[start : start + _CHUNK_BYTES].data)
    return digest.hexdigest()
