"""Witness: five firing patterns of Izhikevich (2003): RS, IB, CH, FS, LTS.  Made with Brian2 2.9.0.

    dv/dt = (0.04*v**2/mV + 5*v + 140*mV - u + I)/ms : mV       threshold v >= V_peak
    du/dt = a*(b*v - u)                              : mV       reset     v = c; u += d

Euler, dt 0.1 ms, 500 ms; I in mV; ten cells: the five patterns under constant I, then the five under recorded noise.
The published script does something else: dt 1 ms, v advanced by two half steps of 0.5 ms, then u from the *new* v, the
threshold tested before the step; a trace made that way is not comparable with this one.
"""

from __future__ import annotations

import brian2 as b2
import numpy as np
from _brian import run_cells
from _rule import euler
from _rule import run_cells as run_ours
from _store import recorded_noise, require_close, require_equal_spikes, save, spike_arrays

DT, STEPS, DENSE, EVERY = 0.1, 5_000, 1_000, 10
V_PEAK = 30.0
PATTERNS = ["RS", "IB", "CH", "FS", "LTS"]
PER_CELL = {  # a in 1/ms, b pure number, c and d in mV
    "a": [0.02, 0.02, 0.02, 0.1, 0.02],
    "b": [0.2, 0.2, 0.2, 0.2, 0.25],
    "c": [-65.0, -55.0, -50.0, -65.0, -65.0],
    "d": [8.0, 4.0, 2.0, 2.0, 2.0],
}
CONSTANT = [
    10.0,
    10.0,
    10.0,
    12.0,
    12.0,
]  # at 10 mV the Euler map of FS and LTS is chaotic: 1e-12 mV grows to a whole spike
TEXT = """
dv/dt = (0.04*v**2/mV + 5*v + 140*mV - u + I)/ms : volt
du/dt = a*(b*v - u) : volt
I : volt
a : Hz (constant)
b : 1 (constant)
c : volt (constant)
d : volt (constant)
"""


def main() -> None:
    """Compare with numpy, store v and u after each of the first 1,000 steps and after every tenth step from there."""
    q = {name: np.tile(values, 2) for name, values in PER_CELL.items()}
    current = np.zeros((STEPS, 10))
    current[:, :5] = CONSTANT
    current[:, 5:] = recorded_noise(np.random.default_rng(12), STEPS, 5, mean=8.0, sd=6.0, tau=1.0, dt=DT)
    start = {"v": np.full(10, -65.0), "u": q["b"] * -65.0}
    units = {"v": b2.mV, "u": b2.mV, "I": b2.mV, "a": 1 / b2.ms, "b": 1, "c": b2.mV, "d": b2.mV}
    rows, peer = run_cells(
        TEXT,
        method="euler",
        dt=DT,
        start=start,
        per_cell=q,
        inputs=("I", current),
        units=units,
        constants={"V_peak": V_PEAK * b2.mV},
        spiking={"threshold": "v >= V_peak", "reset": "v = c; u += d"},
    )

    def slope(x: np.ndarray, i: np.ndarray) -> np.ndarray:
        v, u = x
        return np.stack([0.04 * v**2 + 5 * v + 140 - u + i, q["a"] * (q["b"] * v - u)])

    def reset(x: np.ndarray, who: np.ndarray) -> None:
        x[0, who] = q["c"][who]
        x[1, who] += q["d"][who]

    mine, spikes = run_ours(
        euler(slope, DT), np.stack(list(start.values())), current, fires=lambda x: x[0] >= V_PEAK, reset=reset
    )
    require_equal_spikes("euler", spikes, peer)
    require_close("v and u", mine, rows, 1e-9)
    print("  spikes per cell:", np.bincount([i for _, i in peer], minlength=10))
    traces = {f"{name}_dense": rows[:DENSE, k] for k, name in enumerate(start)}
    traces |= {name: rows[DENSE + EVERY - 1 :: EVERY, k] for k, name in enumerate(start)}
    numbers = {"dt": DT, "steps": STEPS, "dense": DENSE, "every": EVERY, "V_peak": V_PEAK}
    initial = {f"{name}_0": value for name, value in start.items()}
    patterns = np.array(PATTERNS * 2)
    save(
        "izhikevich_brian2",
        ("brian2",),
        **numbers,
        pattern=patterns,
        **q,
        **initial,
        current=current,
        **traces,
        **spike_arrays("", peer),
    )


if __name__ == "__main__":
    main()
