"""A fingerprint of a data set for checkpoints, in bounded time."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from ranvier.network.saving import plain
from ranvier.training.batches import is_signal

__all__ = ["fingerprint_of_data"]

#: bytes to hash of an array: all, or this many from evenly spaced entries of its first axis
_MOST, _PIECES = 64 << 20, 4096
#: samples of a data set without arrays that are read
_SAMPLES = 8


def fingerprint_of_data(source: Any) -> dict[str, Any]:
    """The fingerprint of a data set, as plain data.

    Of arrays and tensors: type, shape and a hash of all numbers; beyond 64 MB of as much, in 4,096 evenly spaced samples. Of any
    other ``Dataset``: its class, its length, and some samples (where reading one twice gives the same). Of a ``DataLoader``:
    its own settings and its data set; a stream is not read. Of a function of the epoch: its code.
    """
    if isinstance(source, TensorDataset):
        return {"kind": "TensorDataset", "parts": [_array(t) for t in source.tensors]}
    if isinstance(source, tuple | list) and all(_is_part(p) for p in source):
        return {"kind": "tensors", "parts": [_part(p) for p in source]}
    if isinstance(source, DataLoader):
        if isinstance(source.dataset, IterableDataset):
            return {
                "kind": "DataLoader",
                "batch_size": source.batch_size,
                "dataset": fingerprint_of_data(source.dataset),
            }
        settings = {"batch_size": source.batch_size, "drop_last": source.drop_last}
        samplers = {"sampler": type(source.sampler).__name__, "collate": plain(source.collate_fn)}
        return {"kind": "DataLoader", **settings, **samplers, "dataset": fingerprint_of_data(source.dataset)}
    kind = {"kind": type(source).__qualname__}
    if isinstance(source, IterableDataset):
        return kind
    if hasattr(source, "__len__") and hasattr(source, "__getitem__"):
        return {**kind, "samples": len(source), "read": _samples(source)}
    return {**kind, "code": plain(source)} if callable(source) else kind


def _is_part(part: Any) -> bool:
    return part is None or is_signal(part)


def _part(part: Any) -> Any:
    if part is None:
        return None
    return {str(n): _array(p) for n, p in part.items()} if isinstance(part, Mapping) else _array(part)


def _array(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        value = (value.view(torch.int16) if value.dtype == torch.bfloat16 else value).numpy()
    array, found = np.asarray(value), hashlib.sha256()
    if array.dtype == object:
        return f"object {list(array.shape)}"
    if array.nbytes <= _MOST or not array.ndim:
        found.update(_bytes(array).data)
    else:
        count = min(len(array), _PIECES)
        for k in np.linspace(0, len(array) - 1, count).astype(np.int64):
            found.update(_bytes(array[k])[: _MOST // count].data)
    return f"{array.dtype} {list(array.shape)} {found.hexdigest()[:16]}"


def _bytes(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def _samples(source: Any) -> list[Any]:
    """Some samples; a marker for those that differ at a second reading."""
    out = []
    for k in np.unique(np.linspace(0, max(len(source) - 1, 0), min(_SAMPLES, len(source))).round().astype(int)):
        once, again = (_sample(source, int(k)) for _ in range(2))
        out.append(once if once == again else "differs at every reading")
    return out


def _sample(source: Any, k: int) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(k)
        sample = source[k]
    return [_part(p) if _is_part(p) else plain(p) for p in sample]
