"""Record what a library gives for the inputs and weights of its ports: ``python -m tests.peers.record snntorch [name …]``."""

from __future__ import annotations

import platform
import sys

import numpy as np
import torch

from tests.peers.port import Port, flat, ports, version_of

__all__ = ["record"]

LIMIT = 100_000  # bytes per file


def record(port: Port) -> dict[str, np.ndarray]:
    """The arrays of a witness, by ``given/…`` and ``signals/…``."""
    given = port.given()
    found = port.theirs.signals(given)
    out = {f"given/{n}": t.detach().float().numpy() for n, t in flat(given).items()}
    return out | {f"signals/{n}": _small(t.detach().numpy()) for n, t in found.items()}


def _small(array: np.ndarray) -> np.ndarray:
    """Whole numbers as one byte each, others as float32."""
    whole = array.dtype == bool or (np.all(array == np.round(array)) and np.abs(array).max() < 128)
    return array.astype(np.int8 if whole else np.float32)


def write(port: Port) -> None:
    arrays = record(port)
    made = [f"{n} {version_of(n)}" for n in (port.peer, "torch")] + [f"Python {platform.python_version()}"]
    columns = {n: np.asarray(a, order="F") for n, a in arrays.items()}
    np.savez_compressed(port.witness, made_with=np.array(made), **columns)
    size = port.witness.stat().st_size
    if size > LIMIT:
        port.witness.unlink()
        raise SystemExit(f"{port.witness.name} would take {size} bytes, more than {LIMIT}: give fewer cells or steps")
    print(f"{port.witness.name}: {size / 1000:.0f} kB, made with {', '.join(made)}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    peer, *names = sys.argv[1:]
    for chosen in ports(peer):
        if not names or chosen.name in names:
            write(chosen)
