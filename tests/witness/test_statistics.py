"""The network of 4,000 conductance-based cells behaves as in Brian2 and NEST: the very spikes while they can be equal, then
rate, irregularity and synchrony.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp

import ranvier as rv
from ranvier.units import ms, mV

CELLS, EXCITATORY, SEEDS = 4000, 3200, (1, 2, 3, 4, 5, 6, 7, 10)


def build(seed: int, *, sustained: bool, dtype: torch.dtype) -> rv.Network:
    """The circuit with the peers' own draws."""
    rng = np.random.default_rng(seed)
    v = rng.normal(-65, 5, CELLS) if sustained else rng.uniform(-60, -50, CELLS)
    start = {"v": v * mV, "g_e": np.clip(rng.normal(4, 1.5, CELLS), 0, None)}
    start["g_i"] = np.clip(rng.normal(20, 20 if sustained else 12, CELLS), 0, None)
    pre, post = np.nonzero(rng.random((CELLS, CELLS), dtype=np.float32) < 0.02)
    cell = rv.Cell(
        """
        dv/dt   = (E_L - v + g_e*(E_e - v) + g_i*(E_i - v)) / tau_m : mV  (unless refractory)
        dg_e/dt = -g_e / tau_e : 1
        dg_i/dt = -g_i / tau_i : 1
        """,
        threshold="v > V_t", reset="v = V_r", refractory=5 * ms, method="exponential_euler", E_L=-60 * mV, E_e=0 * mV,
        E_i=-80 * mV, V_t=-50 * mV, V_r=-60 * mV, tau_m=20 * ms, tau_e=5 * ms, tau_i=10 * ms,
    )  # fmt: skip
    net = rv.Network(dt=0.1 * ms, dtype=dtype)
    net.population("cells", CELLS, cell, **start)
    for port, chosen, weight in (("g_e", pre < EXCITATORY, 0.6), ("g_i", pre >= EXCITATORY, 6.7)):
        delay = 1 * ms if port == "g_i" and not sustained else 0 * ms
        net.connect("cells", "cells", rv.FromArrays(pre[chosen], post[chosen]), to=port, weight=weight, delay=delay)
    return net


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)])
def test_delayed_inhibition_ends_in_the_same_volley(witness: Callable, seed: int) -> None:
    """Two thousand spikes in a few milliseconds, then silence: equal in number and in the last step."""
    data = witness("coba4000_statistics")
    spikes = (
        build(seed, sustained=False, dtype=torch.float64)
        .run(60 * ms, stream=0, record={"cells": ["spikes"]})["cells"]
        .spikes
    )
    assert len(spikes) == data["brian2_design_spikes"][seed - 1]
    assert spikes.step.max() == round(data["brian2_design_last_spike"][seed - 1] / 0.1)


@pytest.mark.slow
def test_sustained_activity_has_the_peers_statistics(witness: Callable, estimators: ModuleType) -> None:
    """Kolmogorov and Smirnov cannot tell eight seeds from those of either peer, and means lie within four standard errors,
    in single precision.
    """
    data = witness("coba4000_statistics")
    rows: dict[str, list[float]] = {}
    for seed in SEEDS:
        run = build(seed, sustained=True, dtype=torch.float32).run(2000 * ms, stream=0, record={"cells": ["spikes"]})
        spikes = run["cells"].spikes
        for name, low, high in (("exc", 0, EXCITATORY), ("inh", EXCITATORY, CELLS)):
            chosen = (spikes.cell >= low) & (spikes.cell < high)
            found = estimators.summary(spikes.step[chosen] * 0.1, spikes.cell[chosen] - low, high - low, 500.0, 2000.0)
            for key in ("rate_mean", "cv_mean", "correlation_2ms_mean", "correlation_10ms_mean"):
                rows.setdefault(f"{name}_{key}", []).append(float(found[key]))
    for peer in ("brian2", "nest"):
        for key, ours in rows.items():
            theirs = data[f"{peer}_{key}"]
            where = f"{peer} {key}: {np.round(ours, 4)} against {np.round(theirs, 4)}"
            assert ks_2samp(ours, theirs).pvalue > 0.002, where
            error = np.sqrt((np.var(ours, ddof=1) + np.var(theirs, ddof=1)) / len(SEEDS))
            assert abs(np.mean(ours) - theirs.mean()) < 4 * error, where
