"""How much one window of a call may hold."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Bounds"]


@dataclass(frozen=True)
class Bounds:
    """Numbers that end a window; no result depends on them.

    Attributes
    ----------
    dense
        A block of ``net.run`` holds at most this many numbers per stream.
    listed
        Where spikes are only listed, a block takes at most this many cells times steps.
    refractory
        A provider gets at most so many steps of refractoriness; a float32 cannot count down from more than 2^24.
    """

    dense: int = 4_000_000
    listed: int = 256_000_000
    refractory: int = 1 << 23
