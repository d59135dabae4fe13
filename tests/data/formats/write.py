"""Small valid files of every event format, written word by word, and what they hold."""

from __future__ import annotations

import struct
import zlib

import numpy as np

__all__ = ["FILES", "dat", "es", "evt2", "evt3", "mat", "nmnist"]

RNG = np.random.default_rng(0)
COUNT = 60
T = np.sort(RNG.integers(0, 50_000, COUNT))
X, Y, ON = RNG.integers(0, 64, COUNT), RNG.integers(0, 48, COUNT), RNG.integers(0, 2, COUNT)


def dat() -> bytes:
    """Prophesee DAT 2."""
    head = b"% Data file containing CD events.\n% Version 2\n% Height 48\n% Width 64\n"
    words = np.stack([T, X | Y << 14 | ON << 28], 1).astype("<u4")
    return head + b"\x00\x08" + words.tobytes()


def evt2() -> bytes:
    """Prophesee EVT 2."""
    words, high = [], -1
    for t, x, y, on in zip(T, X, Y, ON, strict=True):
        if t >> 6 != high:
            high = t >> 6
            words.append(8 << 28 | high)
        words.append(on << 28 | (t & 63) << 22 | x << 11 | y)
    return b"% evt 2.0\n% geometry 64x48\n% end\n" + np.array(words, "<u4").tobytes()


def evt3() -> bytes:
    """Prophesee EVT 3, single events."""
    words, high = [], -1
    for t, x, y, on in zip(T, X, Y, ON, strict=True):
        if t >> 12 != high:
            high = t >> 12
            words.append(0x8000 | high)
        words += [0x6000 | t & 0xFFF, y, 0x2000 | on << 11 | x]
    return b"% evt 3.0\n% format EVT3;height=48;width=64\n% end\n" + np.array(words, "<u2").tobytes()


def es() -> bytes:
    """Event Stream 2, dvs; y counts from below."""
    out, last = b"Event Stream\x02\0\0\x01" + struct.pack("<HH", 64, 48), 0
    for t, x, y, on in zip(T, X, Y, ON, strict=True):
        longer, rest = divmod(int(t - last), 127)
        out += b"\xff" * longer + struct.pack("<BHH", rest << 1 | int(on), x, 47 - y)
        last = t
    return out


def nmnist() -> bytes:
    """Five-byte events of 34 x 34 pixels."""
    t, x, y = T, X % 34, Y % 34
    return np.stack([x, y, ON << 7 | t >> 16, t >> 8 & 255, t & 255], 1).astype(np.uint8).tobytes()


def mat(packed: bool = True, order: str = "<", name: str = "spiketrain") -> bytes:
    """MATLAB 5 with one array [101, 20] of doubles: 100 taxels of -1, 0 or 1 and the time in s."""
    array = np.zeros((101, 20))
    array[np.arange(20) * 5, np.arange(20)] = np.where(np.arange(20) % 2, 1, -1)
    array[100] = np.arange(20) / 1000

    def element(kind: int, content: bytes) -> bytes:
        return struct.pack(order + "II", kind, len(content)) + content + bytes(-len(content) % 8)

    matrix = element(6, struct.pack(order + "II", 6, 0)) + element(5, struct.pack(order + "ii", *array.shape))
    matrix += element(1, name.encode()) + element(9, array.T.astype(order + "f8").tobytes())
    body = element(14, matrix)
    if packed:
        squeezed = zlib.compress(body)
        body = struct.pack(order + "II", 15, len(squeezed)) + squeezed
    mark = (b"\0\1" + b"IM") if order == "<" else (b"\1\0" + b"MI")
    return b"MATLAB 5.0 MAT-file".ljust(124) + mark + body


#: ending → a file
FILES = {".dat": dat(), ".raw": evt3(), ".es": es(), ".bin": nmnist(), ".mat": mat()}
