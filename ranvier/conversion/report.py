"""What became of each layer, and how well the spiking network agrees with the one it was made from."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Agreement", "Row"]


class Row(NamedTuple):
    """One layer: ``became`` is "spiking", "kept", "folded", "approximated", "averaged" or "left out".

    ``population`` names the one that stands for it, if one does.
    """

    layer: str
    kind: str
    became: str
    note: str
    threshold: float | None = None
    population: str | None = None


class Agreement(NamedTuple):
    """After ``steps``: the part of samples with the class of the original, and with the right one (None without targets)."""

    steps: int
    agreement: float
    accuracy: float | None
