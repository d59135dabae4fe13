"""Prophesee files: DAT, and RAW in EVT 2 and EVT 3, as docs.prophesee.ai describes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ranvier.data._errors import DataError
from ranvier.data._events import Events
from ranvier.data.formats.camera import Size, camera_events, damaged, forward, geometry, unwrapped
from ranvier.limits import content

__all__ = ["read_dat", "read_raw"]

#: bytes of memory per byte of a file: words as 8-byte columns, some at a time
_GROWTH = 24


def read_dat(path: Path, size: Size) -> Events:
    """DAT: pairs of 32-bit words, the time in µs, then x, y and polarity."""
    lines, body = _header(path)
    version = next((line.split()[-1] for line in lines if line.lower().startswith("% version ")), "1")
    if len(body) < 2 or body[1] != 8:
        raise damaged(path, "names no events of 8 bytes after its header")
    words = _words(path, body[2:], "<u4", 2).reshape(-1, 2)
    t, word = unwrapped(words[:, 0], 1 << 32), words[:, 1]
    if version in ("0", "1"):
        x, y, on = word & 0x1FF, word >> 9 & 0xFF, word >> 17 & 1
    else:
        x, y, on = word & 0x3FFF, word >> 14 & 0x3FFF, word >> 28 & 1
    return camera_events(t, x, y, on, size or geometry(lines))


def read_raw(path: Path, size: Size) -> Events:
    """RAW: words whose highest four bits give their kind."""
    lines, body = _header(path)
    encoding = _encoding(path, lines)
    t, x, y, on = (_evt2 if encoding == 2 else _evt3)(path, body)
    return camera_events(t, x, y, on, size or geometry(lines))


def _header(path: Path) -> tuple[list[str], memoryview]:
    """Its lines, which begin with %, and what follows."""
    data = content(path, _GROWTH)
    lines, start = [], 0
    while data[start : start + 1] == b"%":
        end = data.find(b"\n", start)
        if end < 0:
            raise damaged(path, "ends within its header")
        lines.append(data[start:end].decode("latin-1").strip())
        start = end + 1
        if lines[-1].lower() == "% end":
            break
    return lines, memoryview(data)[start:]


def _encoding(path: Path, lines: list[str]) -> int:
    for line in lines:
        for version in (2, 3):
            short = line.lower()
            if (
                short == f"% evt {version}.0"
                or short == f"% format evt{version}"
                or short.startswith(f"% format evt{version};")
            ):
                return version
    raise DataError(f"{path.name}: its header names neither EVT 2 nor EVT 3, which have readers here")


def _words(path: Path, body: memoryview, kind: str, each: int = 1) -> np.ndarray:
    width = np.dtype(kind).itemsize * each
    if len(body) % width:
        raise damaged(path, f"ends within an event: {len(body)} bytes are not a multiple of {width}")
    return np.frombuffer(body, kind)


def _known(path: Path, kind: np.ndarray, kinds: tuple[int, ...], width: int) -> None:
    strange = ~np.isin(kind, kinds)
    if strange.any():
        k = int(np.argmax(strange))
        raise damaged(path, f"holds a word of the unknown kind {int(kind[k]):#x}, {k * width} bytes after its header")


def _evt2(path: Path, body: memoryview) -> tuple[np.ndarray, ...]:
    """0 off, 1 on: 6 low bits of time, x, y. 8: 28 high bits of time. Triggers (A), others (E) and continued (F) are left out."""
    words = _words(path, body, "<u4")
    kind = words >> 28
    _known(path, kind, (0x0, 0x1, 0x8, 0xA, 0xE, 0xF), 4)
    is_high = kind == 8
    place = np.flatnonzero(is_high)
    high = np.zeros(len(words), np.int64)
    high[place] = unwrapped(words[place] & 0xFFFFFFF, 1 << 28)
    high, timed = forward(high, is_high)
    event = (kind <= 1) & timed
    word = words[event]
    return high[event] << 6 | (word >> 22 & 0x3F), word >> 11 & 0x7FF, word & 0x7FF, word >> 28


def _evt3(path: Path, body: memoryview) -> tuple[np.ndarray, ...]:
    """Words of 16 bits that change a state (0 y, 3 first x of vectors, 6 and 8 low and high time) or are events.

    2 is one event; 4 and 5 are vectors of 12 and 8 pixels, a bit for each. Triggers (A), others (E) and continued (7, F) are
    left out. The low time is 0 from a new high time until the next low one.
    """
    words = _words(path, body, "<u2").astype(np.int32)
    kind, low12 = words >> 12, words & 0xFFF
    _known(path, kind, (0x0, 0x2, 0x3, 0x4, 0x5, 0x6, 0x7, 0x8, 0xA, 0xE, 0xF), 2)
    is_high = kind == 8
    place = np.flatnonzero(is_high)
    high = np.zeros(len(words), np.int64)
    high[place] = unwrapped(low12[place], 1 << 12)
    fresh = np.zeros(len(words), bool)
    fresh[place] = np.diff(high[place], prepend=-1) != 0
    high, timed = forward(high, is_high)
    low, _ = forward(np.where(kind == 6, low12, 0), (kind == 6) | fresh)
    t = high << 12 | low
    y, placed = forward(low12 & 0x7FF, kind == 0)
    base, based = forward(low12, kind == 3)
    width = np.select([kind == 4, kind == 5], [12, 8], 0)
    before = np.cumsum(width) - width
    moved = before - forward(before, kind == 3)[0]
    single = np.flatnonzero((kind == 2) & timed & placed)
    vector = np.flatnonzero((width > 0) & timed & placed & based)
    bit = np.arange(12)
    chosen = (low12[vector, None] >> bit & 1 == 1) & (bit < width[vector, None])
    row, column = np.nonzero(chosen)
    many = vector[row]
    where = np.concatenate([single, many])
    x = np.concatenate([low12[single] & 0x7FF, (base[many] & 0x7FF) + moved[many] + column])
    on = np.concatenate([low12[single], base[many]]) >> 11 & 1
    order = np.argsort(where, kind="stable")
    return t[where][order], x[order], y[where][order], on[order]
