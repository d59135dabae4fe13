"""Random numbers by counting: Philox 4x32-10, a keyed mixing of a counter (Salmon et al., SC 2011).

The n-th number of a stream is a function of (key, n) alone, so draws agree whatever the order, the number of threads or
the cut of a run.
"""

from __future__ import annotations

import hashlib

import numpy as np

__all__ = ["key_of", "philox", "uniforms"]

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint32(0x9E3779B9), np.uint32(0xBB67AE85)
_LOW, _SHIFT = np.uint64(0xFFFFFFFF), np.uint64(32)


def philox(counter: np.ndarray, key: tuple[int, int]) -> np.ndarray:
    """Ten rounds of Philox 4x32 over ``counter`` [..., 4] uint32 with a two-word key; returns [..., 4] uint32."""
    c0, c1, c2, c3 = (counter[..., i].astype(np.uint64) for i in range(4))
    k0, k1 = np.uint32(key[0]), np.uint32(key[1])
    for _ in range(10):
        p0, p1 = _M0 * c0, _M1 * c2
        c0, c1, c2, c3 = (p1 >> _SHIFT) ^ c1 ^ np.uint64(k0), p1 & _LOW, (p0 >> _SHIFT) ^ c3 ^ np.uint64(k1), p0 & _LOW
        with np.errstate(over="ignore"):
            k0, k1 = k0 + _W0, k1 + _W1
    return np.stack([c0, c1, c2, c3], -1).astype(np.uint32)


def key_of(seed: int, name: str) -> tuple[int, int]:
    """The key of a named stream under a seed."""
    digest = hashlib.sha256(f"{int(seed)}/{name}".encode()).digest()
    return int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:8], "little")


def uniforms(key: tuple[int, int], count: int, step: int = 0, stream: int = 0, start: int = 0) -> np.ndarray:
    """``count`` float64 numbers strictly between 0 and 1, for elements start, start + 1, …"""
    element = np.arange(start, start + count, dtype=np.uint64)
    counter = np.empty((count, 4), np.uint32)
    counter[:, 0], counter[:, 1] = element & _LOW, element >> _SHIFT
    counter[:, 2], counter[:, 3] = np.uint32(step & 0xFFFFFFFF), np.uint32(stream)
    words = philox(counter, key).astype(np.uint64)
    bits = (words[:, 0] >> np.uint64(6)) * np.uint64(1 << 26) + (words[:, 1] >> np.uint64(6))
    return (bits.astype(np.float64) + 0.5) / float(1 << 52)
