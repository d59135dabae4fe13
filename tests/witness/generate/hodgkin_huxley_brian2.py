"""Witness: the squid axon of Hodgkin & Huxley (1952) in one compartment.  Made with Brian2 2.9.0.

Six cells (five under constant or stepped current, the last under recorded noise), rk4 and exponential Euler,
dt 0.01 ms, 100 ms.  The equations are in ``TEXT``; the published numbers per cm2 times an area of 1e-3 cm2, so that
1 uF/cm2 is 1 nF and 10 uA/cm2 is 10 nA.
"""

from __future__ import annotations

import brian2 as b2
import numpy as np
from _brian import run_cells
from _rule import exponential_euler, rk4
from _rule import run_cells as run_ours
from _store import recorded_noise, require_close, save
from scipy.special import exprel

DT, STEPS, EVERY = 0.01, 10_000, 20
P = {"C_m": 1.0, "g_Na": 120.0, "g_K": 36.0, "g_L": 0.3, "E_Na": 50.0, "E_K": -77.0, "E_L": -54.387}
UNITS = {"C_m": b2.nF, "g_Na": b2.uS, "g_K": b2.uS, "g_L": b2.uS, "E_Na": b2.mV, "E_K": b2.mV, "E_L": b2.mV}
TEXT = """
dv/dt = (g_Na*m**3*h*(E_Na - v) + g_K*n**4*(E_K - v) + g_L*(E_L - v) + I)/C_m : volt
dm/dt = alpha_m*(1 - m) - beta_m*m : 1
dh/dt = alpha_h*(1 - h) - beta_h*h : 1
dn/dt = alpha_n*(1 - n) - beta_n*n : 1
alpha_m = 1/exprel(-(v + 40*mV)/(10*mV))/ms : Hz
beta_m = 4*exp(-(v + 65*mV)/(18*mV))/ms : Hz
alpha_h = 0.07*exp(-(v + 65*mV)/(20*mV))/ms : Hz
beta_h = 1/(1 + exp(-(v + 35*mV)/(10*mV)))/ms : Hz
alpha_n = 0.1/exprel(-(v + 55*mV)/(10*mV))/ms : Hz
beta_n = 0.125*exp(-(v + 65*mV)/(80*mV))/ms : Hz
I : amp
"""


def linear(x: np.ndarray, current: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a, b of ``x' = a x + b`` for v, m, h, n, each with the other three held."""
    v, m, h, n = x
    alpha_m, beta_m = 1 / exprel(-(v + 40) / 10), 4 * np.exp(-(v + 65) / 18)
    alpha_h, beta_h = 0.07 * np.exp(-(v + 65) / 20), 1 / (1 + np.exp(-(v + 35) / 10))
    alpha_n, beta_n = 0.1 / exprel(-(v + 55) / 10), 0.125 * np.exp(-(v + 65) / 80)
    sodium, potassium = P["g_Na"] * m**3 * h, P["g_K"] * n**4
    a_v = -(sodium + potassium + P["g_L"]) / P["C_m"]
    b_v = (sodium * P["E_Na"] + potassium * P["E_K"] + P["g_L"] * P["E_L"] + current) / P["C_m"]
    a = np.stack([a_v, -(alpha_m + beta_m), -(alpha_h + beta_h), -(alpha_n + beta_n)])
    return a, np.stack([b_v, alpha_m, alpha_h, alpha_n])


def slope(x: np.ndarray, current: np.ndarray) -> np.ndarray:
    """Return dx/dt."""
    a, b = linear(x, current)
    return a * x + b


def currents() -> np.ndarray:
    """Return ``[T, 6]`` in nA: rest, constant, threshold-near, step, rebound from a negative step, noise."""
    current = np.zeros((STEPS, 6))
    current[:, 1] = 10.0
    current[:, 2] = 6.25
    current[2000:8000, 3] = 20.0
    current[1000:4000, 4] = -5.0
    current[:, 5] = recorded_noise(np.random.default_rng(11), STEPS, 1, mean=6.0, sd=6.0, tau=2.0, dt=DT)[:, 0]
    return current


def main() -> None:
    """Run both integrators, compare with numpy, store."""
    current = currents()
    start = {"v": np.full(6, -65.0), "m": np.full(6, 0.05), "h": np.full(6, 0.6), "n": np.full(6, 0.32)}
    units = {"v": b2.mV, "m": 1, "h": 1, "n": 1, "I": b2.nA}
    constants = {name: value * UNITS[name] for name, value in P.items()}
    out: dict[str, np.ndarray] = {}
    for method, advance in (("rk4", rk4(slope, DT)), ("exponential_euler", exponential_euler(linear, DT))):
        rows, _ = run_cells(
            TEXT,
            method=method,
            dt=DT,
            start=start,
            per_cell={},
            inputs=("I", current),
            units=units,
            constants=constants,
        )
        mine, _ = run_ours(advance, np.stack(list(start.values())), current)
        require_close(method, mine, rows, 1e-9)
        up = (rows[1:, 0] > 0) & (rows[:-1, 0] <= 0)
        print("  upward crossings of 0 mV:", up.sum(0))
        for k, name in enumerate(start):
            out[f"{method}_{name}"] = rows[EVERY - 1 :: EVERY, k]
        if method == "rk4":
            out["rk4_v_noise_cell"] = rows[:, 0, 5]
        out[f"{method}_crossing_step"], out[f"{method}_crossing_cell"] = (
            (np.argwhere(up) + np.array([1, 0])).astype(np.int32).T
        )
    initial = {f"{name}_0": value for name, value in start.items()}
    save("hodgkin_huxley_brian2", ("brian2",), **P, dt=DT, steps=STEPS, every=EVERY, **initial, current=current, **out)


if __name__ == "__main__":
    main()
