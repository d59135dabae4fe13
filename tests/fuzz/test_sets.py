"""Files of data sets and of recorded spike trains, damaged."""

from __future__ import annotations

import gzip
import io
import struct
from pathlib import Path

import numpy as np
import pytest

import ranvier as rv
from ranvier import data
from tests.fuzz.engine import LONG, QUICK, Target, file_in, withstands


def _npz(**arrays: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def _braille(folder: Path, payload: bytes) -> Path:
    (folder / "braille_touch").mkdir()
    (folder / "braille_touch" / "braille.npz").write_bytes(payload)
    return folder


X = np.zeros((30, 4, 3), np.uint8)
TOUCHES = _npz(x=X, label=np.arange(30) % 27, repetition=np.arange(30) % 35)
GROUP = _npz(type=np.array(["TsGroup"]), t=np.arange(1, 6) / 10, index=np.array([1, 2, 1, 2, 1]), keys=np.array([1, 2]))
IDX = b"\0\0\x08\x03" + struct.pack(">III", 4, 5, 5) + bytes(100)
TARGETS = {
    "braille": Target("braille", [TOUCHES], _braille, lambda p: data.load("braille_touch", folder=p, verify=False)),
    "pynapple": Target("pynapple", [GROUP], file_in("x.npz"), rv.SpikeTrains.from_pynapple),
    "idx": Target("idx", [IDX], file_in("x.idx"), data.read_idx),
    "idx packed": Target("idx packed", [gzip.compress(IDX)], file_in("x.gz"), data.read_idx),
}


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_sets(name: str) -> None:
    withstands(TARGETS[name], QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_damaged_sets_at_length(name: str) -> None:
    withstands(TARGETS[name], LONG)
