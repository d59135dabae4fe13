"""A reservoir whose inhibition finds its own balance, and what that does for its memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from matplotlib.figure import Figure

from ranvier.connectivity import AllToAll, FixedProbability, OneToOne
from ranvier.network import Network, OrnsteinUhlenbeck, Plan, Run, SpikeTrain, TimedArray
from ranvier.neurons import Cell
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.runs import finished
from ranvier.recipes.parts.svg import svg
from ranvier.synapses import Plasticity
from ranvier.units import ms, mV
from ranvier.values import Uniform

__all__ = ["EQUATIONS", "Settings", "circuit", "inhibitory_plasticity", "recipe", "run"]

EQUATIONS = """
dv/dt = (E_L - v + g_e - g_i + I + x)/tau_m : mV (unless refractory)
dg_e/dt = -g_e/tau_e : mV
dg_i/dt = -g_i/tau_i : mV
I : mV (input)
x : mV (input)
"""
#: each value of the signal lasts so many ms; a cell's wanted rate in Hz
_HOLD, _TARGET = 20.0, 10.0
#: weights of the tuned baseline, relative to the mean that plasticity finds
_LAGS, _FACTORS = 15, (0.5, 0.75, 1.0, 1.5, 2.0)


def inhibitory_plasticity(rate: float = _TARGET) -> Plasticity:
    """Inhibition grows where cells fire together, and shrinks at every inhibitory spike, until cells fire at ``rate`` Hz.

    At an inhibitory spike w += eta*(y - 2*rate*tau), at an excitatory one w += eta*x; x and y are traces (20 ms) of both.

    Source: Vogels et al., Science 2011.
    """
    return Plasticity(
        "dx/dt = -x/tau : 1\ndy/dt = -y/tau : 1",
        on_pre="x += 1; w = clip(w + eta*(y - alpha), 0*w_max, w_max)",
        on_post="y += 1; w = clip(w + eta*x, 0*w_max, w_max)",
        name="inhibitory", tau=20 * ms, eta=0.02 * mV, alpha=2 * rate * 20e-3, w_max=20 * mV,
    )  # fmt: skip


def circuit(signal: np.ndarray, cells: int = 400, *, fixed: float | None = None, seed: int = 1) -> Network:
    """Four excitatory cells for each inhibitory one, each pair joined with probability 0.1, under one common signal.

    An excitatory spike adds 1 mV to g_e (5 ms) up to 5 ms later, an inhibitory one its weight, at first 1 mV, to g_i
    (10 ms); onto excitatory cells that weight is plastic, unless it is ``fixed`` (mV). A cell sees the signal, held for 20 ms each,
    times a weight of its own between -12 and 12 mV, 16 mV of drive and coloured noise.

    Source: a spiking form of reservoirs that adapt their balance locally; balance by inhibitory plasticity after
    Vogels et al., Science 2011.
    """
    cell = Cell(
        EQUATIONS, threshold="v > V_th", reset="v = V_r", refractory=3 * ms, E_L=-65 * mV, V_th=-50 * mV, V_r=-60 * mV,
        tau_m=20 * ms, tau_e=5 * ms, tau_i=10 * ms, v=Uniform(-60 * mV, -50 * mV),
    )  # fmt: skip
    net = Network(dt=0.5 * ms, seed=seed)
    net.source("signal", TimedArray(signal[:, None], dt=_HOLD * ms))
    net.source("noise", OrnsteinUhlenbeck(16 * mV, 0.5 * mV, 5 * ms, cells))
    net.population("exc", cells, cell)
    net.population("inh", cells // 4, cell)
    net.connect("noise", "exc", OneToOne(), to="I")
    net.connect("signal", "exc", AllToAll(), to="x", weight=Uniform(-12 * mV, 12 * mV))
    wiring, late = FixedProbability(0.1), Uniform(0 * ms, 5 * ms)
    net.connect("exc", ["exc", "inh"], wiring, to="g_e", weight=1 * mV, delay=late)
    net.connect("exc", "inh", wiring, to="g_e", weight=2 * mV, delay=late)
    net.connect("inh", "inh", wiring, to="g_i", weight=1 * mV)
    rule, start = (inhibitory_plasticity(), 1.0) if fixed is None else (None, fixed)
    net.connect("inh", "exc", FixedProbability(0.4), to="g_i", weight=start * mV, plasticity=rule, name="balance")
    return net


@dataclass(frozen=True)
class Settings:
    """Of the simulation."""

    seconds: float = 40.0
    """Biological time; inhibition settles in the first quarter, the last is the test."""
    cells: int = 400
    """Excitatory cells."""


def measure(case: Case) -> Mapping[str, float]:
    """Rates of the cells and memory of the circuit under one kind of inhibition."""
    signal, spikes, plan = _simulate(case.arm, case.settings.seconds, case.settings.cells, case.seed)
    found = _memory(spikes, signal, (0.25, 0.75), (0.75, 1.0))
    late = spikes.times > case.settings.seconds * 750
    rates = np.bincount(spikes.cell[late], minlength=spikes.size) / (case.settings.seconds / 4)
    case.planned(plan)
    if case.drawn:
        case.show(
            _picture({case.arm: found}),
            "How much of the signal so many values ago a linear read-out recovers on test data (squared correlation).",
        )
    return {
        "rate": rates.mean(),
        "distance from target": abs(rates.mean() - _TARGET),
        "spread of rates": rates.std(),
        "capacity": found.sum(),
    }


recipe = Recipe(
    name="reservoir",
    title="A reservoir that balances itself",
    papers=["S079"],
    citation="local balance in reservoirs; inhibitory plasticity after Vogels et al., Science 2011; memory capacity after Jaeger, GMD Report 2001",
    claim="A reservoir whose inhibition adapts locally until every cell fires at a wanted rate remembers more of its input than one that is tuned globally.",
    data="Generated: a signal of independent uniform values, each held for 20 ms.",
    scale="400 excitatory and 100 inhibitory spiking cells, where the paper has reservoirs of rates.",
    chosen="The global weight of the tuned baseline is the best of five on the third eighth after settling; nothing else was tuned.",
    methods={"self-balancing": "inhibitory synapses onto excitatory cells are plastic"},
    baselines={"one weight, tuned": "the same weight for all of them, the best of five on validation values"},
    controls={"one weight, same mean": "the same weight for all of them, the mean of those that plasticity finds"},
    measures={"rate": "Hz", "distance from target": "Hz", "spread of rates": "Hz", "capacity": ""},
    seeds=tuple(range(1, 13)),
    settings=Settings(),
    quick={"seconds": 4, "cells": 80, "seeds": (1,)},
    expected=[
        Expect("cells fire near the wanted 10 Hz", ("self-balancing", "distance from target"), "<", 5),
        Expect(
            "and more alike than under one weight",
            ("self-balancing", "spread of rates"),
            "<",
            ("one weight, same mean", "spread of rates"),
        ),
        Expect(
            "memory is larger than under one weight of the same mean",
            ("self-balancing", "capacity"),
            ">",
            ("one weight, same mean", "capacity"),
        ),
        Expect(
            "and than under the best weight", ("self-balancing", "capacity"), ">", ("one weight, tuned", "capacity")
        ),
    ],
    minutes=5,
    measure=measure,
    equations=EQUATIONS,
    notes=[
        "Read-outs are ridge regressions on spike counts of the excitatory cells, smoothed over 40 ms, one for each of 15 delays; they learn on the "
        "second and third quarter and are scored on the last. The capacity is the sum of squared correlations over delays.",
        "Three seeds left both comparisons of memory open. Nine were added, and no setting changed.",
    ],
)
run = recipe.run


@lru_cache(maxsize=1)
def _balanced(seconds: float, cells: int, seed: int) -> tuple[np.ndarray, SpikeTrain, Plan, float]:
    """Signal, spikes, plan, and the mean weight that plasticity found."""
    signal = np.random.default_rng(seed).uniform(-1, 1, int(seconds * 1000 / _HOLD))
    done = _spikes(circuit(signal, cells, seed=seed), seconds)
    return signal, done["exc"].spikes, done.plan, float(done.state.synapses["balance"]["w"].mean())


def _simulate(arm: str, seconds: float, cells: int, seed: int) -> tuple[np.ndarray, SpikeTrain, Plan]:
    signal, spikes, plan, mean = _balanced(seconds, cells, seed)
    if arm == "self-balancing":
        return signal, spikes, plan
    found = []
    for factor in (1.0,) if arm == "one weight, same mean" else _FACTORS:
        done = _spikes(circuit(signal, cells, fixed=factor * mean, seed=seed), seconds)
        score = _memory(done["exc"].spikes, signal, (0.25, 0.625), (0.625, 0.75)).sum()
        found.append((score, done["exc"].spikes, done.plan))
    _, spikes, plan = max(found, key=lambda f: f[0])
    return signal, spikes, plan


def _spikes(net: Network, seconds: float) -> Run:
    return finished(net.run(seconds * 1000 * ms, stream=0, record={"exc": ["spikes"]}))


def _memory(
    spikes: SpikeTrain, signal: np.ndarray, learn: tuple[float, float], score: tuple[float, float]
) -> np.ndarray:
    """Squared correlation of signal and read-out for 0, 1, … values ago [lags]; fractions of the run to learn from and to score."""
    bins = len(signal)
    counts = np.zeros((bins, spikes.size))
    np.add.at(counts, (np.minimum((spikes.times / _HOLD - 1e-9).astype(int), bins - 1), spikes.cell), 1)
    smooth = counts.copy()
    for k in range(1, bins):
        smooth[k] += np.exp(-_HOLD / 40) * smooth[k - 1]
    features = np.column_stack([smooth, np.ones(bins)])
    train, test = (slice(int(bins * a), int(bins * b)) for a, b in (learn, score))
    gram = features[train].T @ features[train] + 10 * np.eye(features.shape[1])
    out = []
    for lag in range(_LAGS):
        wanted = np.concatenate([np.zeros(lag), signal[: bins - lag]])
        weights = np.linalg.solve(gram, features[train].T @ wanted[train])
        out.append(np.corrcoef(features[test] @ weights, wanted[test])[0, 1] ** 2)
    return np.nan_to_num(np.array(out))


def _picture(found: dict[str, np.ndarray]) -> str:
    def draw(figure: Figure) -> None:
        ax = figure.add_subplot()
        for name, values in found.items():
            ax.plot(np.arange(len(values)) * _HOLD, values, marker="o", markersize=4, label=name)
        ax.set_xlabel("time since the value (ms)")
        ax.set_ylabel("recovered")
        ax.legend(frameon=False)

    return svg(draw, 6.0, 3.0, "memory", "Memory over delays")
