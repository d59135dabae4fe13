"""Witness: the adaptive exponential cell.  Made with Brian2 2.9.0.

    dv/dt = (g_L*(E_L - v) + g_L*Delta_T*exp((v - V_T)/Delta_T) - w + I)/C_m : mV     threshold v > V_cut
    dw/dt = (a*(v - E_L) - w)/tau_w                                          : nA     reset     v = V_r; w += b

Euler and rk2 (midpoint; exponential Euler is refused by Brian2, as v is not conditionally linear), dt 0.05 ms, 400 ms.
Eight cells: the parameters of Brette & Gerstner (2005) and three patterns of Naud et al. (2008, table 1: adaptation,
initial burst, regular bursting), each under a current step and under recorded noise.  V_cut = V_T + 5 Delta_T, so that
no intermediate exponential overflows.
"""

from __future__ import annotations

import brian2 as b2
import numpy as np
from _brian import run_cells
from _rule import euler, rk2
from _rule import run_cells as run_ours
from _store import recorded_noise, require_close, require_equal_spikes, save, spike_arrays

DT, STEPS, EVERY = 0.05, 8_000, 20
PATTERNS = ["Brette-Gerstner 2005", "adaptation", "initial burst", "regular bursting"]
PER_CELL = {  # nF, uS, mV, ms, nA
    "C_m": [0.281, 0.2, 0.13, 0.2],
    "g_L": [0.03, 0.012, 0.018, 0.01],
    "E_L": [-70.6, -70.0, -58.0, -58.0],
    "V_T": [-50.4, -50.0, -50.0, -50.0],
    "Delta_T": [2.0, 2.0, 2.0, 2.0],
    "V_cut": [-40.4, -40.0, -40.0, -40.0],
    "V_r": [-70.6, -58.0, -50.0, -46.0],
    "tau_w": [144.0, 300.0, 150.0, 120.0],
    "a": [0.004, 0.002, 0.004, 0.002],
    "b": [0.0805, 0.06, 0.12, 0.1],
}
STEP_CURRENT = [1.0, 0.5, 0.4, 0.21]  # nA
UNITS = {"C_m": b2.nF, "g_L": b2.uS, "tau_w": b2.ms, "a": b2.uS, "b": b2.nA, "w": b2.nA, "I": b2.nA}
TEXT = """
dv/dt = (g_L*(E_L - v) + g_L*Delta_T*exp((v - V_T)/Delta_T) - w + I)/C_m : volt
dw/dt = (a*(v - E_L) - w)/tau_w : amp
I : amp
C_m : farad (constant)
g_L : siemens (constant)
E_L : volt (constant)
V_T : volt (constant)
Delta_T : volt (constant)
V_cut : volt (constant)
V_r : volt (constant)
tau_w : second (constant)
a : siemens (constant)
b : amp (constant)
"""


def main() -> None:
    """Run both integrators, compare with numpy, store."""
    q = {name: np.tile(values, 2) for name, values in PER_CELL.items()}
    current = np.zeros((STEPS, 8))
    current[400:7000, :4] = STEP_CURRENT  # from 20 to 350 ms
    noise = recorded_noise(np.random.default_rng(13), STEPS, 4, mean=0.6, sd=1.0, tau=5.0, dt=DT)
    current[:, 4:] = noise * [1.0, 0.5, 0.5, 0.25]
    start = {"v": q["E_L"].copy(), "w": np.zeros(8)}
    units = {name: UNITS.get(name, b2.mV) for name in (*q, "v", "w", "I")}
    out: dict[str, np.ndarray] = {}

    def slope(x: np.ndarray, i: np.ndarray) -> np.ndarray:
        v, w = x
        spike = q["g_L"] * q["Delta_T"] * np.exp((v - q["V_T"]) / q["Delta_T"])
        return np.stack(
            [(q["g_L"] * (q["E_L"] - v) + spike - w + i) / q["C_m"], (q["a"] * (v - q["E_L"]) - w) / q["tau_w"]]
        )

    def reset(x: np.ndarray, who: np.ndarray) -> None:
        x[0, who] = q["V_r"][who]
        x[1, who] += q["b"][who]

    for method, advance in (("euler", euler(slope, DT)), ("rk2", rk2(slope, DT))):
        rows, peer = run_cells(
            TEXT,
            method=method,
            dt=DT,
            start=start,
            per_cell=q,
            inputs=("I", current),
            units=units,
            constants={},
            spiking={"threshold": "v > V_cut", "reset": "v = V_r; w += b"},
        )
        mine, spikes = run_ours(
            advance, np.stack(list(start.values())), current, fires=lambda x: x[0] > q["V_cut"], reset=reset
        )
        require_equal_spikes(method, spikes, peer)
        require_close("v and w", mine, rows, 1e-9)
        print("  spikes per cell:", np.bincount([i for _, i in peer], minlength=8))
        for k, name in enumerate(start):
            out[f"{method}_{name}"] = rows[EVERY - 1 :: EVERY, k]
        out |= spike_arrays(f"{method}_", peer)
    numbers = {"dt": DT, "steps": STEPS, "every": EVERY}
    initial = {f"{name}_0": value for name, value in start.items()}
    save("adex_brian2", ("brian2",), **numbers, pattern=np.array(PATTERNS * 2), **q, **initial, current=current, **out)


if __name__ == "__main__":
    main()
