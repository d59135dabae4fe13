"""Richer cells, written once for any array library: pass `torch` or `jax.numpy` as `xp`. All arrays [B, N].

Current-based cell (two states): i = 0.8 i + x; v' = 0.9 v + i; spike and reset as in `_formula`.

AdEx (three states, forward Euler, dt = 1 ms; threshold 1, reset 0; Brette & Gerstner 2005):
    i = i + x;  v' = v + dt/10 (-v + D exp((v - 1) / D) + i - w);  w' = w + dt/100 (a v - w);  i' = i (1 - dt/5)
    spike where v' >= 1:  v = 0,  w = w' + b

Hodgkin-Huxley (four states, squid axon; Hodgkin & Huxley 1952, voltages in mV shifted to rest at -65, time in ms,
conductances in mS/cm2, C = 1 uF/cm2): exponential Euler for v, m, h, n, all from the state before the step.
"""

from __future__ import annotations

from typing import Any

SYNAPSE_DECAY = 0.8

ADEX_MEMBRANE, ADEX_SYNAPSE, ADEX_ADAPTATION = 1 / 10, 1 / 5, 1 / 100
"""dt over the time constants 10, 5 and 100 ms."""
ADEX_SLOPE, ADEX_COUPLING, ADEX_JUMP = 0.2, 0.2, 0.1

HH_DT = 0.05
HH_REST = (-65.0, 0.0529, 0.5961, 0.3177)
"""Initial v, m, h, n."""
G_NA, G_K, G_L = 120.0, 36.0, 0.3
E_NA, E_K, E_L = 50.0, -77.0, -54.387


def adex_advance(xp: Any, v: Any, i: Any, w: Any, x: Any) -> tuple[Any, Any, Any]:
    """Euler step before the spike is decided: (v', i', w')."""
    i = i + x
    upswing = ADEX_SLOPE * xp.exp((v - 1.0) / ADEX_SLOPE)
    risen = v + ADEX_MEMBRANE * (upswing - v + i - w)
    adapted = w + ADEX_ADAPTATION * (ADEX_COUPLING * v - w)
    return risen, i * (1.0 - ADEX_SYNAPSE), adapted


def hodgkin_huxley_step(xp: Any, state: tuple[Any, Any, Any, Any], x: Any) -> tuple[Any, Any, Any, Any]:
    """Exponential Euler step of (v, m, h, n) under the current density `x` in uA/cm2."""
    v, m, h, n = state
    sodium, potassium = G_NA * m * m * m * h, G_K * (n * n) * (n * n)
    total = sodium + potassium + G_L
    v_end = (sodium * E_NA + potassium * E_K + G_L * E_L + x) / total
    return (
        v_end + (v - v_end) * xp.exp(-HH_DT * total),
        _relax(xp, m, _linoid(xp, v + 40.0), 4.0 * xp.exp((v + 65.0) / -18.0)),
        _relax(xp, h, 0.07 * xp.exp((v + 65.0) / -20.0), 1.0 / (1.0 + xp.exp((v + 35.0) / -10.0))),
        _relax(xp, n, 0.1 * _linoid(xp, v + 55.0), 0.125 * xp.exp((v + 65.0) / -80.0)),
    )


def _linoid(xp: Any, u: Any) -> Any:
    """(u / 10) / (1 - exp(-u / 10)), in 1/ms; 1 + u / 20 near u = 0, where the quotient is 0 / 0."""
    scaled = u / 10.0
    near = abs(scaled) < 1e-4
    safe = xp.where(near, 1.0, scaled)
    return xp.where(near, 1.0 + 0.5 * scaled, -safe / xp.expm1(-safe))


def _relax(xp: Any, gate: Any, opening: Any, closing: Any) -> Any:
    """Exact relaxation of a gate at constant rates (1/ms) over one step."""
    rate = opening + closing
    end = opening / rate
    return end + (gate - end) * xp.exp(-HH_DT * rate)
