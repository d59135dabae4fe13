"""Witness: Euler-Maruyama with recorded noise.  Made with Brian2 2.9.0; ``xi`` is a TimedArray of N(0, 1)/sqrt(dt).

    Ornstein-Uhlenbeck:   dx/dt = -x/tau + sigma*sqrt(2/tau)*xi : 1
    noisy LIF:            dv/dt = (E_L - v + RI)/tau_m + sigma_v*sqrt(2/tau_m)*xi : mV  (unless refractory)
                          threshold v > V_th, reset v = V_r, refractory 2 ms = 20 of our steps (``2.1*ms`` in Brian2)

One step is ``x + dt*f(x) + g*sqrt(dt)*normal[n]``; dt 0.1 ms, 400 ms, eight cells of each kind; the same ``normal``
drives both.
"""

from __future__ import annotations

import brian2 as b2
import numpy as np
from _brian import run_cells
from _rule import run_cells as run_ours
from _store import recorded_noise, require_close, require_equal_spikes, save, spike_arrays

DT, STEPS, CELLS, EVERY = 0.1, 4_000, 8, 5
REFRACTORY_STEPS = 20
OU = {"tau": 5.0, "sigma": 1.5}
LIF = {"E_L": -65.0, "V_th": -50.0, "V_r": -60.0, "tau_m": 10.0, "sigma_v": 4.0}
OU_TEXT = """
dx/dt = -x/tau + sigma*sqrt(2/tau)*noise : 1
noise : Hz**0.5
"""
LIF_TEXT = """
dv/dt = (E_L - v + RI)/tau_m + sigma_v*sqrt(2/tau_m)*noise : volt (unless refractory)
noise : Hz**0.5
RI : volt (constant)
"""


def main() -> None:
    """Compare with numpy, store."""
    normal = recorded_noise(np.random.default_rng(14), STEPS, CELLS, mean=0.0, sd=1.0, tau=0.0, dt=DT)
    per_root_ms = normal / np.sqrt(DT)
    root = 1 / np.sqrt(b2.ms)
    drive = np.linspace(8.0, 20.0, CELLS)
    x_0, v_0 = np.zeros(CELLS), np.full(CELLS, -65.0)

    ou, _ = run_cells(
        OU_TEXT,
        method="euler",
        dt=DT,
        start={"x": x_0},
        per_cell={},
        inputs=("noise", per_root_ms),
        units={"x": 1, "noise": root},
        constants={"tau": OU["tau"] * b2.ms, "sigma": OU["sigma"]},
    )
    gain = OU["sigma"] * np.sqrt(2 / OU["tau"] * DT)
    mine, _ = run_ours(lambda x, z: x + DT * (-x / OU["tau"]) + gain * z, x_0[None], normal)
    require_close("Ornstein-Uhlenbeck x", mine, ou, 1e-9)

    lif, peer = run_cells(
        LIF_TEXT,
        method="euler",
        dt=DT,
        start={"v": v_0},
        per_cell={"RI": drive},
        inputs=("noise", per_root_ms),
        units={"v": b2.mV, "noise": root, "RI": b2.mV},
        constants={name: value * (b2.ms if name == "tau_m" else b2.mV) for name, value in LIF.items()},
        spiking={"threshold": "v > V_th", "reset": "v = V_r", "refractory": (REFRACTORY_STEPS + 1) * DT * b2.ms},
    )
    gain_v = LIF["sigma_v"] * np.sqrt(2 / LIF["tau_m"] * DT)

    def reset(x: np.ndarray, who: np.ndarray) -> None:
        x[0, who] = LIF["V_r"]

    mine, spikes = run_ours(
        lambda x, z: x + DT * (LIF["E_L"] - x + drive) / LIF["tau_m"] + gain_v * z,
        v_0[None],
        normal,
        fires=lambda x: x[0] > LIF["V_th"],
        reset=reset,
        refractory_steps=REFRACTORY_STEPS,
        frozen=(0,),
    )
    require_equal_spikes("LIF", spikes, peer)
    require_close("LIF v", mine, lif, 1e-9)
    print("  spikes per cell:", np.bincount([i for _, i in peer], minlength=CELLS))
    numbers = {"dt": DT, "steps": STEPS, "every": EVERY, "refractory_steps": REFRACTORY_STEPS}
    traces = {"x": ou[EVERY - 1 :: EVERY, 0], "v": lif[EVERY - 1 :: EVERY, 0], "x_0": x_0, "v_0": v_0}
    save(
        "noise_brian2", ("brian2",), **OU, **LIF, **numbers, RI=drive, normal=normal, **traces, **spike_arrays("", peer)
    )


if __name__ == "__main__":
    main()
