"""Two circuits of current-based cells behave as in Brian2 and NEST: rates, irregularity and synchrony of every regime lie
inside the spread between seeds.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest
from scipy.stats import ks_2samp

import ranvier as rv
from ranvier.recipes import brunel, coba_cuba
from ranvier.units import ms

SEEDS = (1, 2, 3, 4, 5, 6, 7, 8)
KEYS = ("rate_mean", "cv_mean", "correlation_2ms_mean", "correlation_10ms_mean")
REGIMES = {"brunel_sr": (3, 2), "brunel_si": (6, 4), "brunel_ai": (5, 2)}


def ours(
    measure: ModuleType, build: Callable[[int], rv.Network], begin: float, seeds: tuple[int, ...] = SEEDS
) -> dict[str, list[float]]:
    rows: dict[str, list[float]] = {}
    for seed in seeds:
        run = build(seed).run(1000 * ms, stream=0, record={"exc": ["spikes"], "inh": ["spikes"]})
        for part in ("exc", "inh"):
            train = run[part].spikes
            found = measure.summary(train.step * 0.1, train.cell, train.size, begin, 1000.0)
            for key in KEYS:
                rows.setdefault(f"{part}_{key}", []).append(float(found[key]))
    return rows


def check(rows: dict[str, list[float]], data, circuit: str) -> None:
    """Kolmogorov and Smirnov cannot tell us from either peer, and the means lie within five standard errors.

    Brian2's delay is one step longer than NEST's and ours, which moves the period of the synchronous regular regime, the
    correlations of the synchronous irregular one (inhibitory cells, 10 ms: 0.0091 and 0.0067) and the CV of the asynchronous
    one (0.779 and 0.797) by more than the seeds do. Rounding differs between classes of processors, and with it the draw of eight
    runs: four standard errors of 48 means were too narrow for one of them.
    """
    for peer in ("nest",) if circuit.startswith("brunel") else ("brian2", "nest"):
        for key, found in rows.items():
            theirs = data[f"{circuit}_{peer}_{key}"]
            where = f"{circuit}, {peer}, {key}: {np.round(found, 4)} against {np.round(theirs, 4)}"
            assert ks_2samp(found, theirs).pvalue > 0.002, where
            error = np.sqrt(np.var(found, ddof=1) / len(found) + np.var(theirs, ddof=1) / len(theirs))
            assert abs(np.mean(found) - theirs.mean()) < 5 * error + 1e-9, where


@pytest.mark.slow
@pytest.mark.parametrize("regime", REGIMES)
def test_brunel(witness: Callable, estimators: ModuleType, regime: str) -> None:
    g, eta = REGIMES[regime]
    check(
        ours(estimators, lambda seed: brunel.circuit(g, eta, seed=seed), 200.0),
        witness("brunel_cuba_statistics"),
        regime,
    )


@pytest.mark.slow
def test_cuba(witness: Callable, estimators: ModuleType) -> None:
    check(ours(estimators, lambda seed: coba_cuba.circuit(seed=seed), 300.0), witness("brunel_cuba_statistics"), "cuba")


def test_one_seed_of_the_asynchronous_regime_lies_among_the_peers(witness: Callable, estimators: ModuleType) -> None:
    """The quick check: within six standard deviations of the peers' seeds."""
    data = witness("brunel_cuba_statistics")
    for key, (found,) in ours(estimators, lambda seed: brunel.circuit(5, 2, seed=seed), 200.0, (1,)).items():
        theirs = np.concatenate([data[f"brunel_ai_{peer}_{key}"] for peer in ("brian2", "nest")])
        assert abs(found - theirs.mean()) < 6 * theirs.std(ddof=1), key
