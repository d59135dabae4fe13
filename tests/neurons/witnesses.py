"""Recorded runs of Brian2 that cells must equal; see tests/witness/data/README.md."""

from __future__ import annotations

from pathlib import Path

import numpy as np

__all__ = ["load", "require_equal_spikes", "require_equal_traces"]

_DATA = Path(__file__).resolve().parents[1] / "witness" / "data"


def load(name: str) -> dict[str, np.ndarray]:
    """Arrays of one witness by name."""
    with np.load(_DATA / f"{name}_brian2.npz") as file:
        return dict(file)


def require_equal_spikes(spikes: np.ndarray, steps: np.ndarray, cells: np.ndarray) -> None:
    """``spikes`` [T, N] are exactly those of the witness during the first T steps."""
    seen = steps < len(spikes)
    assert np.argwhere(spikes).tolist() == np.stack([steps[seen], cells[seen]], 1).tolist()
    assert seen.sum() > 10


def require_equal_traces(mine: np.ndarray, theirs: np.ndarray, every: int, tolerance: float) -> None:
    """``mine`` [T, N], row r of ``theirs`` being the value after step every*(r + 1) - 1."""
    rows = mine[every - 1 :: every]
    scale = max(1.0, np.abs(theirs).max())
    assert np.abs(rows - theirs[: len(rows)]).max() < tolerance * scale
