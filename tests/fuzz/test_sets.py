"""Files of data sets and of recorded spike trains, damaged."""

from __future__ import annotations

import gzip
import io
import struct
from collections.abc import Callable
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


def _of_set(name: str, file: str, *others: str, transform: data.Bins | None = None) -> Target:
    return Target(
        name, [_WHOLE[file]], _put(file, *others), _loaded(name, transform), "text" if file.endswith(".ts") else "bytes"
    )


def _put(name: str, *others: str) -> Callable[[Path, bytes], Path]:
    """A ``place`` for one file of a set whose ``others`` are whole."""

    def place(folder: Path, payload: bytes) -> Path:
        for inside, content in {**dict.fromkeys(others, _WHOLE[name]), name: payload}.items():
            (folder / inside).parent.mkdir(parents=True, exist_ok=True)
            (folder / inside).write_bytes(content)
        return folder

    return place


def _loaded(name: str, transform: data.Bins | None) -> Callable[[Path], None]:
    def read(folder: Path) -> None:
        sets = data.load(name, folder=folder, verify=False, transform=transform)
        for part in (sets.train, sets.valid, sets.test):
            for k in range(min(len(part), 2)):
                part[k]

    return read


def _small() -> bytes:
    """Ten recordings of each digit, of three events."""
    count = 300
    t, x, y, p = (np.arange(count) % n for n in (300_000, 34, 33, 2))
    label = np.arange(100) % 10
    return _npz(t_us=t, x=x, y=y, p=p, offsets=np.arange(0, count + 1, 3), label=label)


def _vowels() -> bytes:
    lines = [":".join(f"{k + c},0.5,-1.25" for c in range(12)) + f":{1 + k % 9}" for k in range(45)]
    return "\n".join(["@problemName JapaneseVowels", "@classLabel true 1 2 3", "@data", *lines, ""]).encode()


def _gesture() -> bytes:
    out = io.BytesIO()
    np.save(out, np.column_stack([np.arange(20) % 128, np.arange(20) % 100, np.arange(20) % 2, np.arange(20) * 3]))
    return out.getvalue()


_WHOLE = {
    "nmnist_small/train.npz": _small(),
    "japanese_vowels/JapaneseVowels_TRAIN.ts": _vowels(),
    "DVSGesture/ibmGestureTrain/user0_led/0.npy": _gesture(),
}
_GESTURES = [f"DVSGesture/ibmGesture{part}/user{u}_led/0.npy" for part in ("Train", "Test") for u in range(3)]
X = np.zeros((30, 4, 3), np.uint8)
TOUCHES = _npz(x=X, label=np.arange(30) % 27, repetition=np.arange(30) % 35)
GROUP = _npz(type=np.array(["TsGroup"]), t=np.arange(1, 6) / 10, index=np.array([1, 2, 1, 2, 1]), keys=np.array([1, 2]))
IDX = b"\0\0\x08\x03" + struct.pack(">III", 4, 5, 5) + bytes(100)
TARGETS = {
    "braille": Target("braille", [TOUCHES], _braille, lambda p: data.load("braille_touch", folder=p, verify=False)),
    "nmnist_small": _of_set("nmnist_small", "nmnist_small/train.npz", "nmnist_small/test.npz"),
    "vowels": _of_set(
        "japanese_vowels", "japanese_vowels/JapaneseVowels_TRAIN.ts", "japanese_vowels/JapaneseVowels_TEST.ts"
    ),
    "gesture": _of_set("dvs_gesture", *_GESTURES, transform=data.Bins(3)),
    "pynapple": Target("pynapple", [GROUP], file_in("x.npz"), rv.SpikeTrains.from_pynapple),
    "idx": Target("idx", [IDX], file_in("x.idx"), data.read_idx),
    "idx packed": Target("idx packed", [gzip.compress(IDX)], file_in("x.gz"), data.read_idx),
}


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_sets(name: str) -> None:
    withstands(TARGETS[name], QUICK // 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_damaged_sets_at_length(name: str) -> None:
    withstands(TARGETS[name], LONG)
