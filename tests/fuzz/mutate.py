"""Damage for files: bytes, text, tables and JSON, drawn from a seeded generator."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

__all__ = ["FLAVOURS", "Mutate", "mutated"]

#: (generator, payload, another valid payload) → damaged payload
Mutate = Callable[[Random, bytes, bytes], bytes]

_NUMBERS = (0, 1, -1, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1, 2**64 - 1)
_WORDS = (
    "", "0", "-1", "1e999", "-1e308", "nan", "inf", "1e-320", "0x10", "1.5", "9" * 30, "7" * 5000, "x" * 300_000, "\0", "\ufeff",
    "é𝛕", "null", "true", "[]", "{}", "[" * 5000, "{" * 5000, '"', "'", "!!python/object/apply:os.system [true]", "../../etc/passwd",
    ",", ",,,,", "\t", "\n", "\r\n", "#", "%", "3.5E-", "1_000", "٣",
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 1.5, -0.0, 1e308, float("nan"), float("inf"), 2**31, 2**53 + 1, 2**62, 2**63, 10**12, 10**300,
    "", "x", "x" * 200_000, "\0", "../x", "<f8", "|O", "<M8[ns]", [], [0], [True], [-1], [[]], [10**9] * 20, {}, {"": None}, "@digits", "@deep",
)  # fmt: skip


# Bytes


def _flip(r: Random, data: bytes, other: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(r.choice((1, 1, 2, 8))):
        if out:
            out[r.randrange(len(out))] ^= 1 << r.randrange(8)
    return bytes(out)


def _set(r: Random, data: bytes, other: bytes) -> bytes:
    """Overwrite a short stretch, most often near the beginning, where headers are."""
    out, start = bytearray(data), _place(r, len(data))
    for k in range(start, min(len(out), start + r.choice((1, 2, 4, 16)))):
        out[k] = r.choice((0, 255, 127, 128, r.randrange(256)))
    return bytes(out)


def _integer(r: Random, data: bytes, other: bytes) -> bytes:
    size, value = r.choice((1, 2, 4, 8)), r.choice(_NUMBERS)
    written = (value % 256**size).to_bytes(size, r.choice(("little", "big")))
    start = _place(r, max(1, len(data) - size))
    return data[:start] + written + data[start + size :]


def _real(r: Random, data: bytes, other: bytes) -> bytes:
    value = r.choice((float("nan"), float("inf"), -1.0, 1e308, 1e-310, 1e9))
    written = struct.pack(r.choice(("<d", ">d")), value) if r.random() < 0.5 else struct.pack("<f", min(value, 3e38))
    start = _place(r, max(1, len(data) - len(written)))
    return data[:start] + written + data[start + len(written) :]


def _truncate(r: Random, data: bytes, other: bytes) -> bytes:
    return data[: r.choice((0, 1, 2, 8, _place(r, len(data)), r.randrange(len(data) + 1), len(data) - 1))]


def _remove(r: Random, data: bytes, other: bytes) -> bytes:
    start = _place(r, len(data))
    return data[:start] + data[start + r.choice((1, 2, 3, 4, 8, 100)) :]


def _repeat(r: Random, data: bytes, other: bytes) -> bytes:
    start = _place(r, len(data))
    piece = data[start : start + r.choice((1, 4, 16, 256, 4096))]
    return data[:start] + piece * r.choice((2, 3, 50)) + data[start:]


def _zero(r: Random, data: bytes, other: bytes) -> bytes:
    start, size = _place(r, len(data)), r.choice((4, 16, 64, 1024))
    return data[:start] + bytes(len(data[start : start + size])) + data[start + size :]


def _splice(r: Random, data: bytes, other: bytes) -> bytes:
    return data[: r.randrange(len(data) + 1)] + other[r.randrange(len(other) + 1) :]


def _swap(r: Random, data: bytes, other: bytes) -> bytes:
    a, b = sorted((_place(r, len(data)), _place(r, len(data))))
    size = min(r.choice((1, 4, 32)), b - a)
    return data[:a] + data[b : b + size] + data[a + size : b] + data[a : a + size] + data[b + size :]


def _grow(r: Random, data: bytes, other: bytes) -> bytes:
    start = r.choice((0, len(data), _place(r, len(data))))
    return data[:start] + r.choice((b"\0", b"\xff", r.randbytes(7), b"PK\x03\x04", b"\x80\x04.")) * r.choice((1, 9, 999)) + data[start:]  # fmt: skip


def _place(r: Random, size: int) -> int:
    """A position; half of them in the first 256 bytes."""
    return r.randrange(max(1, min(size, 256) if r.random() < 0.5 else size))


# Text


def _word(r: Random, data: bytes, other: bytes) -> bytes:
    """Another word in place of a number or name."""
    words = list(re.finditer(rb"[\w.+-]+", data))
    if not words:
        return data + r.choice(_WORDS).encode()
    chosen = r.choice(words[:40] if r.random() < 0.5 else words)
    new = r.choice(_WORDS).encode() if r.random() < 0.8 else r.choice(words).group()
    return data[: chosen.start()] + new + data[chosen.end() :]


def _line(r: Random, data: bytes, other: bytes) -> bytes:
    lines = data.splitlines(keepends=True) or [b"\n"]
    k = r.randrange(len(lines))
    match r.randrange(5):
        case 0:
            del lines[k]
        case 1:
            lines.insert(r.randrange(len(lines)), lines[k])
        case 2:
            lines[k] = lines[k] * r.choice((2, 100))
        case 3:
            lines[k] = lines[k].rstrip(b"\r\n") * 2 + b"\n"
        case _:
            lines.insert(k, r.choice(_WORDS).encode() + b"\n")
    return b"".join(lines)


def _sign(r: Random, data: bytes, other: bytes) -> bytes:
    """Put in or take out a mark of punctuation."""
    start = _place(r, len(data))
    mark = r.choice(
        (b",", b'"', b"'", b"[", b"]", b"{", b"}", b"<", b">", b"&", b"\0", b"\xff", b"\r", b";", b":", b"%")
    )
    return data[:start] + mark * r.choice((1, 1, 2, 2000)) + data[start + r.randrange(2) :]


# JSON


def _nodes(tree: Any) -> list[tuple[Any, Any]]:
    """Every place (container, key) below ``tree``."""
    found, open_ = [], [tree]
    while open_:
        inner = open_.pop()
        keys = list(inner) if isinstance(inner, dict) else range(len(inner)) if isinstance(inner, list) else ()
        found += [(inner, k) for k in keys]
        open_ += [inner[k] for k in keys if isinstance(inner[k], dict | list)]
    return found


def _json(r: Random, data: bytes, other: bytes) -> bytes:
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return _sign(r, data, other)
    nodes = _nodes(tree)
    if not nodes:
        return _word(r, data, other)
    for _ in range(r.choice((1, 1, 2, 3))):
        inner, key = r.choice(nodes)
        if (isinstance(inner, dict) and key not in inner) or (isinstance(inner, list) and key >= len(inner)):
            continue
        match r.randrange(8):
            case 0:
                del inner[key]
            case 1 if isinstance(inner, dict):
                inner[r.choice(_WORDS) if r.random() < 0.5 else r.choice(nodes)[1].__str__()] = inner.pop(key)
            case 2 if isinstance(inner, list):
                inner[:] = inner * r.choice((0, 2, 100))
            case 3:
                source, name = r.choice(nodes)
                if (isinstance(source, dict) and name in source) or (isinstance(source, list) and name < len(source)):
                    inner[key] = json.loads(json.dumps(source[name], default=str))
            case 4 if isinstance(inner[key], int | float):
                inner[key] = inner[key] * r.choice((-1, 2, 10**6, 0)) + r.choice((0, 1, -1, 0.5))
            case 5 if isinstance(inner[key], str):
                inner[key] = _word(r, inner[key].encode(), b"").decode(errors="replace")
            case _:
                inner[key] = r.choice(_VALUES)
    text = json.dumps(tree, ensure_ascii=False)
    return text.replace('"@digits"', "8" * 5000).replace('"@deep"', "[" * 3000 + "]" * 3000).encode(errors="replace")


_BYTES: tuple[Mutate, ...] = (
    _flip, _set, _set, _integer, _integer, _integer, _real, _truncate, _remove, _repeat, _zero, _splice, _swap, _grow,
)  # fmt: skip
_TEXT: tuple[Mutate, ...] = (_word, _word, _word, _line, _line, _sign, _sign, _truncate, _splice, _flip, _swap)
#: what a payload is damaged by
FLAVOURS: dict[str, tuple[Mutate, ...]] = {
    "bytes": _BYTES,
    "text": _TEXT,
    "json": (_json, _json, _json, _json, _json, _json, *_TEXT),
}


def mutated(samples: Sequence[bytes], flavour: str, seed: str) -> bytes:
    """A damaged copy of one of ``samples``; the same for the same ``seed``."""
    r = Random(seed)
    data = r.choice(samples)
    for _ in range(r.choice((1, 1, 1, 2, 2, 3, 5))):
        if data:
            data = r.choice(FLAVOURS[flavour])(r, data, r.choice(samples))
    return data
