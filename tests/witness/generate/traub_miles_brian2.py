"""Witness: the Traub-Miles cell of the COBAHH benchmark, without synapses.  Made with Brian2 2.9.0.

Five cells under stepped current, rk4 and exponential Euler, dt 0.02 ms, 100 ms; the equations are in ``TEXT``.
Traub & Miles (1991), in the form of Brette et al. (2007); per cm2 numbers times an area of 20,000 um2.
"""

from __future__ import annotations

import brian2 as b2
import numpy as np
from _brian import run_cells
from _rule import exponential_euler, rk4
from _rule import run_cells as run_ours
from _store import require_close, save
from scipy.special import exprel

DT, STEPS, EVERY = 0.02, 5_000, 10
P = {"C_m": 0.2, "g_Na": 20.0, "g_K": 6.0, "g_L": 0.01, "E_Na": 50.0, "E_K": -90.0, "E_L": -65.0, "V_T": -63.0}
UNITS = {
    "C_m": b2.nF,
    "g_Na": b2.uS,
    "g_K": b2.uS,
    "g_L": b2.uS,
    "E_Na": b2.mV,
    "E_K": b2.mV,
    "E_L": b2.mV,
    "V_T": b2.mV,
}
TEXT = """
dv/dt = (g_L*(E_L - v) + g_Na*m**3*h*(E_Na - v) + g_K*n**4*(E_K - v) + I)/C_m : volt
dm/dt = alpha_m*(1 - m) - beta_m*m : 1
dh/dt = alpha_h*(1 - h) - beta_h*h : 1
dn/dt = alpha_n*(1 - n) - beta_n*n : 1
alpha_m = 1.28/exprel((13*mV - v + V_T)/(4*mV))/ms : Hz
beta_m = 1.4/exprel((v - V_T - 40*mV)/(5*mV))/ms : Hz
alpha_h = 0.128*exp((17*mV - v + V_T)/(18*mV))/ms : Hz
beta_h = 4/(1 + exp((40*mV - v + V_T)/(5*mV)))/ms : Hz
alpha_n = 0.16/exprel((15*mV - v + V_T)/(5*mV))/ms : Hz
beta_n = 0.5*exp((10*mV - v + V_T)/(40*mV))/ms : Hz
I : amp
"""


def linear(x: np.ndarray, current: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a, b of ``x' = a x + b`` for v, m, h, n, each with the other three held."""
    v, m, h, n = x
    u = v - P["V_T"]
    alpha_m, beta_m = 1.28 / exprel((13 - u) / 4), 1.4 / exprel((u - 40) / 5)
    alpha_h, beta_h = 0.128 * np.exp((17 - u) / 18), 4 / (1 + np.exp((40 - u) / 5))
    alpha_n, beta_n = 0.16 / exprel((15 - u) / 5), 0.5 * np.exp((10 - u) / 40)
    sodium, potassium = P["g_Na"] * m**3 * h, P["g_K"] * n**4
    a_v = -(sodium + potassium + P["g_L"]) / P["C_m"]
    b_v = (sodium * P["E_Na"] + potassium * P["E_K"] + P["g_L"] * P["E_L"] + current) / P["C_m"]
    a = np.stack([a_v, -(alpha_m + beta_m), -(alpha_h + beta_h), -(alpha_n + beta_n)])
    return a, np.stack([b_v, alpha_m, alpha_h, alpha_n])


def slope(x: np.ndarray, current: np.ndarray) -> np.ndarray:
    """Return dx/dt."""
    a, b = linear(x, current)
    return a * x + b


def main() -> None:
    """Run both integrators, compare with numpy, store."""
    current = np.zeros((STEPS, 5))
    current[500:4500] = [0.05, 0.125, 0.25, 0.5, 1.0]  # nA from 10 to 90 ms
    start = {"v": np.full(5, -65.0), "m": np.full(5, 0.02), "h": np.full(5, 0.98), "n": np.full(5, 0.05)}
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
        out[f"{method}_crossing_step"], out[f"{method}_crossing_cell"] = (
            (np.argwhere(up) + np.array([1, 0])).astype(np.int32).T
        )
    initial = {f"{name}_0": value for name, value in start.items()}
    save("traub_miles_brian2", ("brian2",), **P, dt=DT, steps=STEPS, every=EVERY, **initial, current=current, **out)


if __name__ == "__main__":
    main()
