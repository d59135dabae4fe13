"""What the examples of docstrings may take as given: names, networks and the files of a folder."""

from __future__ import annotations

import struct
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

import ranvier as rv
from ranvier import units
from ranvier.units import Hz, Mohm, ms, mV

__all__ = ["NAMES", "circuit", "classifier", "write_files"]

#: Imported names: the package, its usual companions, and every unit.
NAMES: dict[str, Any] = {
    "rv": rv, "np": np, "torch": torch, "nn": torch.nn, **{n: getattr(units, n) for n in units.UNITS if n.isidentifier()}
}  # fmt: skip


def classifier(*, delay: Any = None) -> dict[str, Any]:
    """A small network ``net`` that classifies, samples ``data`` and ``valid``, each x [S, T, N] and y [S], and ``spikes`` [T, S, N]."""
    torch.manual_seed(0)
    net = rv.Sequential(
        rv.Linear(20, 16, delay=delay), rv.LIF(16, tau=10 * ms),
        rv.Linear(16, 3), rv.LeakyReadout(3, tau=20 * ms), dt=1 * ms,
    )  # fmt: skip
    x, y = (torch.rand(12, 25, 20) < 0.3).float(), torch.arange(12) % 3
    return {
        "net": net,
        "x": x,
        "y": y,
        "x_valid": x,
        "y_valid": y,
        "data": (x, y),
        "valid": (x, y),
        "spikes": x.transpose(0, 1),
    }


def circuit() -> dict[str, Any]:
    """A network ``net`` of populations exc, inh and cells, all of ``cell``, with a source called input."""
    text = """
    dv/dt = (E_L - v + R*I + g_e*(E_e - v) + g_i*(E_i - v))/tau_m : mV (unless refractory)
    dg_e/dt = -g_e/tau_e : 1
    dg_i/dt = -g_i/tau_i : 1
    I : nA (input)
    """
    cell = rv.Cell(
        text, threshold="v > V_th", reset="v = V_r", refractory=2 * ms, R=100 * Mohm, E_L=-65 * mV, E_e=0 * mV, E_i=-80 * mV,
        V_th=-50 * mV, V_r=-60 * mV, tau_m=20 * ms, tau_e=5 * ms, tau_i=10 * ms, v=-60 * mV,
    )  # fmt: skip
    net = rv.Network(dt=0.1 * ms, seed=1)
    for name, size in (("exc", 400), ("inh", 100), ("cells", 100)):
        net.population(name, size, cell)
    net.source("input", rv.Poisson(20 * Hz, 100))
    for post in ("exc", "inh", "cells"):
        net.connect("input", post, rv.AllToAll(), to="g_e", weight=0.05, name=f"drive_of_{post}")
    return {"net": net, "cell": cell}


def write_files(folder: Path) -> None:
    """The small files that examples read."""
    (folder / "worm.csv").write_text("pre,post,weight\nAVAL,DA1,4\nAVAL,DA2,1\n")
    (folder / "images.idx").write_bytes(b"\0\0\x08\x03" + struct.pack(">3I", 2, 3, 3) + bytes(range(18)))
    (folder / "recording.bin").write_bytes(bytes([3, 4, 128, 0, 9, 5, 6, 0, 1, 2]))
    times = {"t": np.array([0.1, 0.2, 0.15]), "index": np.array([0, 0, 1]), "keys": np.array([0, 1])}
    np.savez(folder / "units.npz", type=np.array(["TsGroup"]), **times)
    if find_spec("h5py"):
        h5py = import_module("h5py")
        with h5py.File(folder / "session.nwb", "w") as file:
            file["units/spike_times"], file["units/spike_times_index"] = [0.1, 0.15, 0.2], [2, 3]
    if find_spec("neo"):
        neo, quantities = import_module("neo"), import_module("quantities")
        block = neo.Block()
        block.segments.append(neo.Segment())
        block.segments[0].spiketrains.append(neo.SpikeTrain([0.1, 0.2] * quantities.s, t_stop=1 * quantities.s))
        neo.io.NeoMatlabIO(str(folder / "recording.mat")).write_block(block)
