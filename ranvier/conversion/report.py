"""What became of each layer, and how well the spiking network agrees with the one it was made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Agreement", "Row", "text_of"]


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


def text_of(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in plain text."""
    table = [tuple(heads), *rows]
    widths = [max(len(row[k]) for row in table) for k in range(len(heads))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table
    )
