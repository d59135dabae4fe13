"""Each format against what was written, and against a decoder that goes word by word."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ranvier import data
from ranvier.errors import FileFormatError
from tests.data.formats import write

CAMERAS = [
    (".dat", write.dat()),
    (".raw", write.evt2()),
    (".raw", write.evt3()),
    (".es", write.es()),
    (".bin", write.nmnist()),
]


@pytest.mark.parametrize(("ending", "payload"), CAMERAS)
def test_what_was_written_is_read(tmp_path: Path, ending: str, payload: bytes) -> None:
    path = tmp_path / f"file{ending}"
    path.write_bytes(payload)
    height, width = (34, 34) if ending == ".bin" else (48, 64)
    events = data.read_events(path)
    assert events.shape == (2, height, width)
    np.testing.assert_array_equal(events.t, write.T - write.T[0])
    place = (write.ON * height + write.Y % height) * width + write.X % width
    np.testing.assert_array_equal(events.place, place)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("order", ["<", ">"])
def test_matlab(tmp_path: Path, packed: bool, order: str) -> None:
    path = tmp_path / "x.mat"
    path.write_bytes(write.mat(packed, order))
    events = data.read_events(path)
    np.testing.assert_array_equal(events.t, np.arange(20) * 1000)
    np.testing.assert_array_equal(events.place, np.arange(20) * 5 + np.arange(20) % 2 * 100)
    path.write_bytes(write.mat(packed, order, name="other"))
    with pytest.raises(FileFormatError, match="no array 'spiketrain'"):
        data.read_events(path)


def _decoded(words: np.ndarray) -> list[tuple[int, int, int, int]]:
    """EVT 3 as its description says, one word after another: (t, x, y, on)."""
    out, high, turns, low, y, base, on = [], None, 0, 0, None, None, 0
    for word in words.tolist():
        kind, value = word >> 12, word & 0xFFF
        if kind == 0:
            y = value & 0x7FF
        elif kind == 2 and high is not None and y is not None:
            out.append((high << 12 | low, value & 0x7FF, y, value >> 11))
        elif kind == 3:
            base, on = value & 0x7FF, value >> 11
        elif kind in (4, 5):
            width = 12 if kind == 4 else 8
            if base is not None:
                if high is not None and y is not None:
                    out += [(high << 12 | low, base + k, y, on) for k in range(width) if value >> k & 1]
                base += width
        elif kind == 6:
            low = value
        elif kind == 8:
            if high is not None and value + turns * 4096 < high - 2048:
                turns += 1
            new = value + turns * 4096
            low = low if new == high else 0
            high = new
    return out


def test_evt3_vectors_and_turns_of_the_clock(tmp_path: Path) -> None:
    """Words of all kinds in random order; times rise, and the 24-bit clock begins anew twice."""
    rng, words, t = np.random.default_rng(1), [], 0
    for _ in range(4000):
        t += int(rng.integers(0, 20_000))
        words += [0x8000 | t >> 12 & 0xFFF, 0x6000 | t & 0xFFF]
        for kind in rng.choice([0, 2, 3, 4, 4, 5, 7, 0xA, 0xE, 0xF], 6):
            words.append(
                int(kind) << 12 | int(rng.integers(0, 256 if kind == 5 else 4096)) & (0xFFF if kind != 0 else 0x7FF)
            )
            if kind == 3:  # leave room for vectors to the right
                words[-1] &= 0xBFF
    table = np.array(words, "<u2")
    path = tmp_path / "x.raw"
    path.write_bytes(b"% evt 3.0\n" + table.tobytes())
    expected = np.array(_decoded(table))
    assert expected[-1, 0] > 2 << 24
    events = data.read_events(path, size=(2048, 4096))
    order = np.argsort(expected[:, 0], kind="stable")
    t, x, y, on = expected[order].T
    np.testing.assert_array_equal(events.t, t - t[0])
    np.testing.assert_array_equal(events.place, (on * 2048 + y) * 4096 + x)


def test_evt2_turns_of_the_clock(tmp_path: Path) -> None:
    high = [(1 << 28) - 2, (1 << 28) - 1, 0, 5]
    words = [w for h in high for w in (8 << 28 | h, 1 << 28 | 3 << 22 | 7 << 11 | 2)]
    path = tmp_path / "x.raw"
    path.write_bytes(b"% evt 2.0\n" + np.array(words, "<u4").tobytes())
    assert data.read_events(path).t.tolist() == [0, 64, 128, 448]


def test_nmnist_overflow_events(tmp_path: Path) -> None:
    rows = [(1, 1, 0, 0, 5), (0, 240, 0, 0, 9), (2, 2, 128, 0, 7)]
    (tmp_path / "x.bin").write_bytes(bytes(b for row in rows for b in row))
    events = data.read_events(tmp_path / "x.bin")
    assert events.t.tolist() == [0, 8192 + 2]


@pytest.mark.parametrize(
    ("name", "payload", "message"),
    [
        ("percent.dat", b"%", "ends within its header"),
        ("cut.dat", write.dat()[:-3], "not a multiple of 8"),
        ("kind.dat", b"% Version 2\n\x00\x10", "no events of 8 bytes"),
        ("cut.raw", write.evt2()[:-3], "not a multiple of 4"),
        ("half.raw", b"% evt 2.0\n" + b"\0\0\0\x40", "unknown kind 0x4, 0 bytes after"),
        ("cut.es", write.es()[:-1], "ends within an event"),
        ("head.es", b"Event Stream\x02\0\0\x01\0", "ends within its header"),
        ("far.es", write.es() + b"\x01\xff\xff\0\0", "reaches x=65535"),
        ("cut.bin", write.nmnist()[:-1], "not a multiple of 5"),
        ("far.bin", b"\xff\x01\0\0\0", "reach x=255"),
        ("cut.mat", write.mat()[:-5], "is damaged"),
        ("old.mat", b"x" * 200, "no MATLAB file of version 5"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, name: str, payload: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(payload)
    with pytest.raises(FileFormatError, match=f"{name}.*{message}"):
        data.read_events(tmp_path / name)


@pytest.mark.parametrize("ending", [".dat", ".raw", ".es", ".bin"])
def test_recordings_without_events(tmp_path: Path, ending: str) -> None:
    heads = {
        ".dat": write.dat()[: write.dat().index(b"\x00\x08") + 2],
        ".raw": b"% evt 2.0\n",
        ".es": write.es()[:20],
        ".bin": b"",
    }
    (tmp_path / f"empty{ending}").write_bytes(heads[ending])
    assert len(data.read_events(tmp_path / f"empty{ending}")) == 0
