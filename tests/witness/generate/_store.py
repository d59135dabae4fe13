"""Shared by the witness scripts: where the data go, how a file is written, and how a recorded noise is made.

Every stored value is in Ranvier's base units (ms, mV, nA, uS, nF).  Arrays lie in Fortran order inside the archive,
because the column of one cell compresses better than the row of one step; their shape is ``[T, N]`` all the same.
"""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

DATA = Path(__file__).resolve().parents[1] / "data"
LIMIT = 300_000  # bytes per file


class WitnessError(RuntimeError):
    """The peer and the small numpy statement of our rule disagree; nothing was stored."""


def save(name: str, peers: tuple[str, ...], **arrays: ArrayLike) -> None:
    """Write ``data/<name>.npz`` (compressed, no pickles) with the versions that made it; refuse too large a file."""
    made = [f"{peer} {version(peer)}" for peer in (*peers, "numpy")] + [f"Python {platform.python_version()}"]
    path = DATA / f"{name}.npz"
    columns = {key: np.asarray(value, order="F") for key, value in arrays.items()}
    np.savez_compressed(path, made_with=np.array(made), **columns)
    size = path.stat().st_size
    if size > LIMIT:
        path.unlink()
        raise WitnessError(f"{path.name} would take {size} bytes, more than {LIMIT}; store fewer samples")
    print(f"{path.name}: {size / 1000:.0f} kB, made with {', '.join(made)}")


def recorded_noise(
    rng: np.random.Generator, steps: int, cells: int, *, mean: float, sd: float, tau: float, dt: float
) -> NDArray[np.float64]:
    """Draw ``[T, N]`` of coloured noise: autoregressive with time constant ``tau`` (0: white), in units of 1/256.

    The grid of 1/256 makes the values exact in any float width and small on disk.
    """
    keep = np.exp(-dt / tau) if tau > 0 else 0.0
    value = np.zeros(cells)
    rows = np.empty((steps, cells))
    for n in range(steps):
        value = keep * value + np.sqrt(1 - keep**2) * rng.standard_normal(cells)
        rows[n] = mean + sd * value
    return np.round(rows * 256) / 256


def require_close(what: str, ours: NDArray[np.float64], peer: NDArray[np.float64], tolerance: float) -> None:
    """Raise unless the two agree to ``tolerance`` (absolute, relative to the peer's largest magnitude)."""
    if not np.isfinite(peer).all():
        raise WitnessError(f"{what}: the peer's trace is not finite")
    error = float(np.abs(ours - peer).max() / max(1.0, np.abs(peer).max()))
    if not error <= tolerance:
        raise WitnessError(f"{what}: largest deviation {error:.3g} exceeds {tolerance:.3g}")
    print(f"  {what}: largest deviation {error:.2g}")


def require_equal_spikes(what: str, ours: list[tuple[int, int]], peer: list[tuple[int, int]]) -> None:
    """Raise unless both lists of (step, neuron) are the same; the message names the first difference."""
    if ours != peer:
        first = next((i for i, pair in enumerate(zip(ours, peer, strict=False)) if pair[0] != pair[1]), None)
        raise WitnessError(f"{what}: {len(ours)} spikes against {len(peer)}, first difference at index {first}")
    print(f"  {what}: {len(peer)} spikes, all equal")


def spike_arrays(prefix: str, spikes: list[tuple[int, int]]) -> dict[str, NDArray[np.int32]]:
    """Turn (step, neuron) pairs into two int32 arrays under ``<prefix>spike_step`` and ``<prefix>spike_neuron``."""
    pairs = np.array(spikes, dtype=np.int32).reshape(-1, 2)
    return {f"{prefix}spike_step": pairs[:, 0], f"{prefix}spike_neuron": pairs[:, 1]}
