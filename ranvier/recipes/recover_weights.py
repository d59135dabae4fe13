"""The weights of a circuit from its spikes: gradient descent on the likelihood of what was recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from matplotlib.figure import Figure

from ranvier.connectivity import FixedInDegree, FromArrays, OneToOne
from ranvier.network import Network, SpikeTrains
from ranvier.neurons import Cell
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.runs import finished
from ranvier.recipes.parts.svg import svg
from ranvier.units import ms, mV
from ranvier.values import Learn, LogNormal, Uniform

__all__ = [
    "EQUATIONS",
    "Recording",
    "Settings",
    "correlation",
    "descend",
    "likelihood_model",
    "planted",
    "recipe",
    "record",
    "run",
]

Tensor = torch.Tensor
_Price = Callable[[Tensor], Tensor]
EQUATIONS = """
v' = E_L + (v - E_L)*beta : mV
beta = exp(-dt/tau_m) : 1
n' = sigma*xi*sqrt(dt) : mV
"""
#: mV: spread of the threshold, its mean, what a spike takes from the membrane; ms: memory of the membrane, delay
_SIGMA, _THRESHOLD, _RESET, _TAU, _DELAY = 2.5, -50.0, 10.0, 20.0, 1.0
#: a candidate below this many mV is taken for no synapse; nats per mV that a candidate costs; mV a synapse may weigh
_LEAST, _PRICE, _WIDE = 0.4, 8.0, 3.0
#: pieces of a recording, one step of descent each
_PIECES = 20


def planted(cells: int = 200, *, seed: int = 1) -> Network:
    """Four fifths excitatory cells, each cell driven by 8 of them and by 2 inhibitory ones, 1 ms later.

    A cell fires in a step of 1 ms with probability Phi((v - V_th)/sigma): noise of the threshold, drawn anew each step.
    Weights: log-normal around 1.5 mV (sigma of the logarithm 0.5), and -10 to -3 mV.
    """
    excitatory = round(0.8 * cells)
    cell = Cell(
        EQUATIONS, threshold="v + n > V_th", reset="v = v - V_reset", E_L=-52 * mV, V_th=_THRESHOLD * mV,
        V_reset=_RESET * mV, tau_m=_TAU * ms, sigma=_SIGMA * mV,
    )  # fmt: skip
    net = Network(dt=1 * ms, seed=seed)
    for name, size in (("exc", excitatory), ("inh", cells - excitatory)):
        net.population(name, size, cell, v=Uniform(-60 * mV, -50 * mV))
    both, delay = ["exc", "inh"], _DELAY * ms
    net.connect("exc", both, FixedInDegree(8), to="v", weight=LogNormal(1.7 * mV, 0.5), delay=delay)
    net.connect("inh", both, FixedInDegree(2), to="v", weight=Uniform(-10 * mV, -3 * mV), delay=delay)
    return net


@dataclass(frozen=True)
class Recording:
    """Spikes (step, cell) of ``cells`` cells in ``steps`` steps, and the weights [pre, post] that caused them."""

    step: np.ndarray
    cell: np.ndarray
    cells: int
    steps: int
    weights: np.ndarray

    @property
    def dense(self) -> Tensor:
        """[steps, 1, cells] of zeros and ones."""
        out = torch.zeros(self.steps, 1, self.cells)
        out[torch.from_numpy(self.step), 0, torch.from_numpy(self.cell)] = 1
        return out


def record(net: Network, seconds: float) -> Recording:
    """Simulate a planted circuit and keep its spikes."""
    sizes = {n: (p.shape or (0,))[0] for n, p in net.populations.items()}
    first = {"exc": 0, "inh": sizes["exc"]}
    spikes = finished(net.run(1000 * seconds * ms, stream=0, record={n: ["spikes"] for n in first}))
    cells = sum(sizes.values())
    weights = np.zeros((cells, cells))
    for p in net.projections.values():
        known = p.synapses
        pre, post = (known.pre + first[p.pre]).numpy(), (known.post + first[p.post]).numpy()
        np.add.at(weights, (pre, post), known.effective_weight().detach().double().numpy())
    trains = [spikes[n].spikes for n in first]
    step = np.concatenate([t.step for t in trains]).astype(np.int64)
    cell = np.concatenate([t.cell + first[n] for n, t in zip(first, trains, strict=True)]).astype(np.int64)
    return Recording(step, cell, cells, trains[0].steps, weights)


def likelihood_model(recorded: Recording, pre: np.ndarray, post: np.ndarray, weight: np.ndarray) -> Network:
    """The membranes of all cells, driven by the recorded spikes through synapses ``pre`` -> ``post`` to be learnt.

    A cell's own spikes take from it what its reset does. Its resting potential is learnt too.
    """
    cell = Cell("dv/dt = (E_L - v)/tau_m : mV", E_L=Learn(-55 * mV, each=True), tau_m=_TAU * ms, v=-55 * mV)
    net = Network(dt=1 * ms, seed=0)
    net.source("spikes", SpikeTrains(recorded.step, recorded.cell, recorded.cells))
    net.population("cells", recorded.cells, cell)
    net.connect("spikes", "cells", OneToOne(), to="v", weight=-_RESET * mV)
    rule = FromArrays(pre, post)
    net.connect("spikes", "cells", rule, to="v", weight=Learn(weight * mV), delay=_DELAY * ms, name="synapses")
    return net


def descend(net: Network, recorded: Recording, epochs: int, lr: float, price: _Price) -> tuple[np.ndarray, float]:
    """Weights after gradient descent (Adam) on the negative log-likelihood plus ``price(weights)``, and its last value.

    The likelihood of step t is Phi((v - V_th)/sigma) where a spike was recorded, else one minus that. Each epoch goes
    through the recording once, in pieces that pass on their state.
    """
    fired, weight, rest = recorded.dense, net.projections["synapses"].synapses.weight, net.populations["cells"].E_L
    count, piece = float(fired.sum()), -(-recorded.steps // _PIECES)
    optimizer = torch.optim.Adam([{"params": [weight], "lr": lr}, {"params": [rest], "lr": 2 * lr}], betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * _PIECES)
    total = float("nan")
    for _ in range(epochs):
        state, total = None, 0.0
        for start in range(0, recorded.steps, piece):
            steps = min(piece, recorded.steps - start)
            found = net.run(steps * ms, state, grad=True, stream=0, record={"cells": ["v"]})
            z = (found["cells"].v - _THRESHOLD) / _SIGMA
            unlikely = -torch.special.log_ndtr(z * (2 * fired[start : start + steps] - 1)).sum()
            loss = (unlikely + price(weight) * steps / recorded.steps) / count
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            state, total = found.state.detach(), total + float(loss.detach())
    return weight.detach().double().numpy(), total


def correlation(found: np.ndarray, wanted: np.ndarray, chosen: np.ndarray) -> float:
    """Pearson's correlation of two tables of weights over the chosen pairs."""
    return float(np.corrcoef(found[chosen], wanted[chosen])[0, 1])


@dataclass(frozen=True)
class Settings:
    """Of recording and fitting."""

    seconds: float = 10.0
    """Of recorded spikes."""
    cells: int = 200
    """Cells in the circuit."""
    epochs: int = 30
    """Passes through the recording; two thirds as many after pruning."""


def measure(case: Case) -> Mapping[str, float]:
    """Correlations of found and planted weights."""
    s = case.settings
    recorded = _recorded(s.cells, s.seconds, case.seed)
    apart, exists = ~np.eye(recorded.cells, dtype=bool), recorded.weights != 0
    if case.arm == "covariance":
        return {"all pairs": correlation(_covariance(recorded), recorded.weights, apart)}
    if case.arm == "wiring known":
        found = _known(recorded, s.epochs)
        pre, post = np.nonzero(exists)
        case.planned(likelihood_model(recorded, pre, post, np.zeros(pre.size)).plan(gradient=True))
        planted = {"planted": exists, "planted, excitatory": recorded.weights > 0}
        values = {name: correlation(found, recorded.weights, chosen) for name, chosen in planted.items()}
    else:
        found, kept = _unknown(recorded, s.epochs)
        values = {
            "all pairs": correlation(found, recorded.weights, apart),
            "found of planted": kept / int(exists.sum()),
        }
    if case.drawn:
        chosen = exists if case.arm == "wiring known" else apart
        case.show(_picture(recorded.weights, found, chosen), f"Planted and found weights, {case.arm}.")
    return values


recipe = Recipe(
    name="recover_weights",
    title="Weights from spikes",
    papers=["S001"],
    citation="Paninski, Network 2004; Pillow et al., Nature 2008 (likelihood of recorded spikes)",
    claim="Gradient descent on the likelihood of recorded spikes finds the weights of the circuit that fired them.",
    data="Generated: spikes of a circuit whose weights are planted.",
    scale="200 cells, 2,000 planted synapses, 10 s of spikes.",
    chosen="Where the price of a synapse and the step sizes were chosen is not recorded; the baseline has the true time constant.",
    methods={
        "wiring known": "only planted synapses are fitted, from zero",
        "wiring unknown": "all pairs are fitted from zero at a price per mV; small ones are dropped and the others fitted again",
    },
    baselines={"covariance": "of the later cell's spikes with the earlier cell's, filtered as a membrane does"},
    measures={"planted": "", "planted, excitatory": "", "all pairs": "", "found of planted": ""},
    seeds=(1, 2, 3),
    settings=Settings(),
    quick={"cells": 40, "seconds": 1.0, "epochs": 2, "seeds": (1,)},
    expected=[
        Expect(
            "with the wiring known, correlation over planted synapses is above 0.9",
            ("wiring known", "planted"),
            ">",
            0.9,
        ),
        Expect(
            "with the wiring unknown, correlation over all pairs is above 0.9",
            ("wiring unknown", "all pairs"),
            ">",
            0.9,
        ),
        Expect("and above that of the covariance", ("wiring unknown", "all pairs"), ">", ("covariance", "all pairs")),
    ],
    minutes=10,
    measure=measure,
    equations=EQUATIONS,
    notes=[
        f"The price is {_PRICE:g} nats per mV; pairs below {_LEAST} mV are dropped. Membrane time constant, threshold, its noise, reset and delay are "
        "given to the fit; resting potentials are not."
    ],
)
run = recipe.run


@lru_cache(maxsize=1)
def _recorded(cells: int, seconds: float, seed: int) -> Recording:
    return record(planted(cells, seed=seed), seconds)


def _wide(w: Tensor) -> Tensor:
    return w.square().sum() / (2 * _WIDE**2)


def _known(recorded: Recording, epochs: int) -> np.ndarray:
    """The table of weights with the wiring known."""
    pre, post = np.nonzero(recorded.weights)
    return _table(recorded, pre, post, np.zeros(pre.size), epochs, 0.2, _wide)


def _unknown(recorded: Recording, epochs: int) -> tuple[np.ndarray, int]:
    """The table of weights with the wiring unknown, and how many synapses were found."""
    pre, post = np.nonzero(~np.eye(recorded.cells, dtype=bool))
    every = _table(recorded, pre, post, np.zeros(pre.size), epochs, 0.1, lambda w: _PRICE * w.abs().sum())
    pre, post = np.nonzero(np.abs(every) > _LEAST)
    return _table(recorded, pre, post, every[pre, post], max(1, 2 * epochs // 3), 0.1, _wide), pre.size


def _table(
    recorded: Recording, pre: np.ndarray, post: np.ndarray, start: np.ndarray, epochs: int, lr: float, price: _Price
) -> np.ndarray:
    found = np.zeros_like(recorded.weights)
    found[pre, post], _ = descend(likelihood_model(recorded, pre, post, start), recorded, epochs, lr, price)
    return found


def _covariance(recorded: Recording) -> np.ndarray:
    """Of every cell's spikes with the filtered earlier spikes of every other."""
    fired = recorded.dense[:, 0].double().numpy()
    late, decay = round(_DELAY) + 1, np.exp(-1 / _TAU)
    level, seen = np.zeros_like(fired), np.zeros(recorded.cells)
    for t in range(late, recorded.steps):
        seen = (seen + fired[t - late]) * decay
        level[t] = seen
    return (level - level.mean(0)).T @ (fired - fired.mean(0)) / recorded.steps


def _picture(wanted: np.ndarray, found: np.ndarray, chosen: np.ndarray) -> str:
    def draw(figure: Figure) -> None:
        ax = figure.add_subplot()
        ax.plot(wanted[chosen], found[chosen], ".", ms=2, color="#2f6fb0", rasterized=True)
        ax.axline((0, 0), slope=1, color="gray", lw=0.7)
        ax.set(xlabel="planted weight (mV)", ylabel="found weight (mV)")

    return svg(draw, 3.6, 3.2, f"weights{int(chosen.sum())}", "Found against planted weights")
