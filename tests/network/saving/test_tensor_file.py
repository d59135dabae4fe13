"""Tensors in a file, piece by piece: what safetensors writes is read, and the other way round."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
from io import BytesIO
from pathlib import Path

import pytest
import safetensors.torch
import torch

import ranvier as rv
from ranvier.network.saving import pieces_of, read_tensors
from ranvier.units import ms

KINDS = (torch.float64, torch.float32, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.uint8, torch.bool)


def _tensors() -> dict[str, torch.Tensor]:
    made = {f"t.{kind}": (torch.rand(3, 5) * 99).to(kind) for kind in KINDS}
    return {
        **made,
        "scalar": torch.tensor(3.0),
        "none": torch.empty(0, 4),
        "turned": torch.rand(4, 6).T,
        "ä/b": torch.rand(2),
    }


def _same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert (tensor.dtype, tensor.shape) == (other[name].dtype, other[name].shape)
        assert torch.equal(tensor, other[name])


def test_safetensors_reads_what_is_written() -> None:
    tensors = _tensors()
    _same(safetensors.torch.load(b"".join(pieces_of(tensors, {"format": "x"}))), tensors)


def test_what_safetensors_writes_is_read() -> None:
    tensors = {n: t.contiguous() for n, t in _tensors().items()}
    payload = safetensors.torch.save(tensors, {"format": "x"})
    found, sha256 = read_tensors(BytesIO(payload), len(payload))
    assert found is not None
    _same(found, tensors)
    assert sha256 == hashlib.sha256(payload).hexdigest()


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]},
        {"dtype": "F32", "shape": [1 << 60], "data_offsets": [0, 1 << 62]},
        {"dtype": "F32", "shape": [-1, -2], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [2.0], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [True, 2], "data_offsets": [0, 8]},
        {"dtype": "X9", "shape": [2], "data_offsets": [0, 8]},
        {"dtype": ["F32"], "shape": [2], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": 2, "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [2], "data_offsets": [0]},
        {"dtype": "F32", "shape": [2]},
        [],
        None,
    ],
    ids=str,
)
def test_headers_that_lie_are_refused(entry: object) -> None:
    text = json.dumps({"a": entry}).encode()
    payload = len(text).to_bytes(8, "little") + text + bytes(8)
    assert read_tensors(BytesIO(payload), len(payload)) == (None, hashlib.sha256(payload).hexdigest())


@pytest.mark.parametrize("payload", [b"", b"1234567", bytes([255] * 30), (2).to_bytes(8, "little") + b"[]", bytes(20)])
def test_other_files_are_refused(payload: bytes) -> None:
    assert read_tensors(BytesIO(payload), len(payload)) == (None, hashlib.sha256(payload).hexdigest())


def test_saving_and_loading_hold_no_second_copy(tmp_path: Path) -> None:
    """A network of 16 MB is saved with less than 2 MB beside it."""
    net = rv.Network(dt=0.1 * ms, seed=1)
    net.population("cells", 2000, rv.LIF(tau=10 * ms))
    net.connect("cells", "cells", rv.FixedProbability(0.5), weight=rv.Uniform(0, 1))
    tracemalloc.start()
    rv.save(net, tmp_path / "net")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(t.nbytes for t in net.buffers()) > 15e6
    assert peak < 2e6
    _same(rv.load(tmp_path / "net").state_dict(), net.state_dict())
