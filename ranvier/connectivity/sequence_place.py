"""A place in a sequence: what a map that differs from step to step, or from sequence to sequence, has to know."""

from __future__ import annotations

from typing import NamedTuple

from ranvier.values import key_of

__all__ = ["Place"]


class Place(NamedTuple):
    """``step`` is the number of the first step of a window, ``stream`` the random stream of the state, ``seed`` that of the network."""

    seed: int
    stream: int
    step: int = 0

    def key(self, name: str) -> tuple[int, int]:
        """The key of the numbers that a part called ``name`` draws."""
        return key_of(self.seed, name)
