"""Tensors in the safetensors format, piece by piece: neither writing nor reading holds a second copy of them."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import torch

__all__ = ["TensorFileError", "pieces_of", "read_tensors"]

Tensor = torch.Tensor
_KINDS = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
    torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL", torch.uint16: "U16",
    torch.uint32: "U32", torch.uint64: "U64", torch.complex64: "C64",
}  # fmt: skip
_DTYPES = {name: dtype for dtype, name in _KINDS.items()}
#: the longest header that safetensors reads
_LONGEST = 100_000_000
#: bytes to read and hash at a time, while they are in the cache
_PIECE = 1 << 20


class TensorFileError(ValueError):
    """The file is no safetensors file."""


def pieces_of(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> Iterator[bytes | memoryview]:
    """The bytes of a file: the header, then the memory of each tensor, larger kinds first, so that all are aligned."""
    names = sorted(tensors, key=lambda n: (-tensors[n].element_size(), n))
    header: dict[str, Any] = {} if metadata is None else {"__metadata__": dict(metadata)}
    end = 0
    for name in names:
        t = tensors[name]
        if t.dtype not in _KINDS:
            raise TypeError(f"{name} is {t.dtype}, which a file cannot hold: convert it to another type.")
        first, end = end, end + t.numel() * t.element_size()
        header[name] = {"dtype": _KINDS[t.dtype], "shape": list(t.shape), "data_offsets": [first, end]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text
    for name in names:
        yield _memory(tensors[name].detach().cpu().contiguous())


def read_tensors(source: BinaryIO, size: int) -> tuple[dict[str, Tensor] | None, str]:
    """The tensors of a file of ``size`` bytes, by name, and the hash of all that was read; None where it holds none.

    Every number of the header is checked against the size before memory is taken.
    """
    found = hashlib.sha256()
    try:
        tensors: dict[str, Tensor] | None = {}
        for name, dtype, shape, count in _header(source, size, found):
            tensors[name] = torch.empty(shape, dtype=dtype)
            if count:
                _fill(source, _memory(tensors[name]), found)
    except (ValueError, LookupError, TypeError, RecursionError, OverflowError):
        tensors = None
    while rest := source.read(_PIECE):
        found.update(rest)
    return None if tensors is None else dict(sorted(tensors.items())), found.hexdigest()


def _header(source: BinaryIO, size: int, found: Any) -> list[tuple[str, torch.dtype, list[int], int]]:
    """Name, type, shape and bytes of each tensor, in the order of the file."""
    length = int.from_bytes(_read(source, 8, found), "little")
    if length > min(_LONGEST, size - 8):
        raise TensorFileError(f"its header has {length} bytes")
    entries = json.loads(_read(source, length, found))
    entries.pop("__metadata__", None)
    out, end = [], 0
    for name, entry in sorted(entries.items(), key=lambda item: item[1]["data_offsets"]):
        (first, last), shape, dtype = entry["data_offsets"], entry["shape"], _DTYPES[entry["dtype"]]
        whole = all(type(n) is int and n >= 0 for n in (first, last, *shape))
        if not whole or first != end or math.prod(shape) * dtype.itemsize != last - first:
            raise TensorFileError(f"{name} does not lie where it should")
        out.append((name, dtype, shape, last - first))
        end = last
    if end != size - 8 - length:
        raise TensorFileError(f"its tensors have {end} bytes")
    return out


def _read(source: BinaryIO, count: int, found: Any) -> bytes:
    payload = source.read(count)
    found.update(payload)
    if len(payload) != count:
        raise TensorFileError("it ends too early")
    return payload


def _fill(source: BinaryIO, memory: memoryview, found: Any) -> None:
    for low in range(0, len(memory), _PIECE):
        piece = memory[low : low + _PIECE]
        if source.readinto(piece) != len(piece):  # pyright: ignore[reportAttributeAccessIssue]
            raise TensorFileError("it ends too early")
        found.update(piece)


def _memory(tensor: Tensor) -> memoryview:
    """The bytes of a tensor in memory."""
    if not tensor.numel():
        return memoryview(b"")
    return memoryview(tensor.reshape(-1).view(torch.uint8).numpy())  # pyright: ignore[reportArgumentType]
