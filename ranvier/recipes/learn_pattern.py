"""A recurrent circuit of 2,000 cells learns when each of its cells is to fire, by gradient to weights and delays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from matplotlib.figure import Figure

from ranvier.connectivity import FixedProbability, delay_parameters
from ranvier.dynamics import Reset
from ranvier.network import Network, Poisson, State
from ranvier.neurons import Cell
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.svg import svg
from ranvier.surrogates import Triangle
from ranvier.units import Hz, ms, mV
from ranvier.values import Learn, Uniform

__all__ = ["EQUATIONS", "Learnt", "Settings", "circuit", "distance", "learn", "recipe", "run", "target_pattern"]

Tensor = torch.Tensor
EQUATIONS = """
dv/dt = (E_L - v + I)/tau_m : mV (unless refractory)
dI/dt = -I/tau_s : mV
"""
#: ms: memory of the van Rossum distance
_MEMORY = 20.0


def circuit(cells: int = 2000, *, delays: bool = True, seed: int = 1) -> Network:
    """Four fifths excitatory cells, 5 % of pairs joined, 1 to 15 ms late; 400 background trains, the same in every trial.

    Recurrent weights are learnt and keep their sign; so are delays, where ``delays``.
    """
    cell = Cell(
        EQUATIONS, threshold="v > V_th", reset="v = V_r", refractory=2 * ms, E_L=-60 * mV, V_th=-50 * mV, V_r=-60 * mV,
        tau_m=20 * ms, tau_s=5 * ms,
    )  # fmt: skip
    net = Network(dt=1 * ms, seed=seed, surrogate=Triangle(gamma=0.5, width=3 * mV))
    excitatory, scale, start = round(0.8 * cells), 2000 / cells, Uniform(-60 * mV, -50 * mV)
    both, spread = ["exc", "inh"], Uniform(1 * ms, 15 * ms)
    net.population("exc", excitatory, cell, v=start)
    net.population("inh", cells - excitatory, cell, v=start)
    net.source("input", Poisson(20 * Hz, 400))
    net.connect("input", both, FixedProbability(0.1), to="I", weight=Uniform(0 * mV, 5 * mV))
    for pre, sign, most in (("exc", 1, 0.6 * scale), ("inh", -1, 3 * scale)):
        weight = Uniform(0 * mV, most * mV) if sign > 0 else Uniform(-most * mV, 0 * mV)
        delay = Learn(spread, min=1 * ms, max=15 * ms) if delays else spread
        net.connect(pre, both, FixedProbability(0.05), to="I", weight=Learn(weight), delay=delay, sign=sign)
    return net


def target_pattern(cells: int, steps: int, seed: int) -> Tensor:
    """Spikes [steps, cells] of a wave that runs through the cells and back: at most 60 Hz, regular, from random phases."""
    phase = torch.arange(steps)[:, None] / max(1, steps)
    centre, place = 1 - (2 * phase - 1).abs(), torch.arange(cells) / cells
    rate = 0.06 * torch.exp(-(((place - centre) / 0.07) ** 2) / 2)
    begin = torch.rand(1, cells, generator=torch.Generator().manual_seed(seed))
    return torch.cat([begin, begin + rate.cumsum(0)]).floor().diff(dim=0)


def distance(spikes: Tensor, wanted: Tensor) -> Tensor:
    """Van Rossum's distance per cell between trains [T, N]: 1/tau times the sum over ms of the squared difference after exp(-t/tau).

    One spike too many or too few counts one half. Source: van Rossum, Neural Computation 2001.
    """
    steps = torch.arange(spikes.shape[0], dtype=spikes.dtype)
    late = steps[:, None] - steps
    kernel = torch.where(late >= 0, torch.exp(-late / _MEMORY), 0.0)
    return (kernel @ (spikes - wanted)).square().sum() / _MEMORY / spikes.shape[1]


@dataclass(frozen=True)
class Learnt:
    """Distances: in each step of learning, at its end, and that from other starting voltages; spikes before and after."""

    curve: list[float]
    after: float
    elsewhere: float
    first: np.ndarray = field(repr=False)
    last: np.ndarray = field(repr=False)


def learn(net: Network, wanted: Tensor, epochs: int, lr: float = 0.1, reset: Reset = "auto") -> Learnt:
    """Adam on the distance of the excitatory cells' trains; delays move twice as fast, in ms. ``reset`` as in ``net.run``."""
    slow = delay_parameters(net)
    rest = [p for p in net.parameters() if all(p is not q for q in slow)]
    optimizer = torch.optim.Adam([{"params": rest, "lr": lr}, {"params": slow, "lr": 2 * lr}])
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, epochs))
    duration, curve = wanted.shape[0] * ms, []
    first = _spikes(net, duration)
    for _ in range(epochs):
        run = net.run(duration, grad=True, stream=0, record={"exc": ["spikes"]}, reset=reset)
        fired = run["exc"].spikes[:, 0]
        loss = distance(fired, wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        curve.append(float(loss.detach()))
    last = _spikes(net, duration)
    elsewhere = _spikes(net, duration, _other_start(net))
    return Learnt(curve, float(distance(last, wanted)), float(distance(elsewhere, wanted)), first.numpy(), last.numpy())


@dataclass(frozen=True)
class Settings:
    """Of learning."""

    cells: int = 2000
    """Cells in the circuit."""
    duration: float = 500.0
    """Of the pattern in ms."""
    epochs: int = 300
    """Steps of learning."""
    delays: bool = True
    """Learn delays beside weights."""


def measure(case: Case) -> Mapping[str, float]:
    """The distance of what an arm fires from the pattern."""
    s = case.settings
    net = circuit(s.cells, delays=s.delays, seed=case.seed)
    wanted = target_pattern((net.populations["exc"].shape or (0,))[0], round(s.duration), case.seed)
    if case.arm == "silence":
        return {"distance": float(distance(torch.zeros_like(wanted), wanted))}
    if case.arm == "chance":
        return {"distance": _by_chance(wanted, case.seed)}
    if case.arm == "before learning":
        return {"distance": float(distance(_spikes(net, s.duration * ms), wanted))}
    case.planned(net.plan(gradient=True))
    found = learn(net, wanted, s.epochs)
    if case.drawn:
        case.show(_picture(wanted, found), "The pattern, and what the excitatory cells fire before and after learning.")
    return {"distance": found.after, "from another start": found.elsewhere}


recipe = Recipe(
    name="learn_pattern",
    title="A circuit learns a pattern",
    papers=["S001"],
    citation="van Rossum, Neural Computation 2001 (distance); Neftci, Mostafa & Zenke, IEEE Signal Processing Magazine 2019 (surrogate gradients)",
    claim="A sparse recurrent circuit with delays learns by gradient when each of its cells is to fire.",
    data="Generated: a wave through the excitatory cells and back, from random phases.",
    scale="2,000 cells with 5 % connectivity and 500 ms.",
    chosen="Where the step size and the surrogate were chosen is not recorded; the baselines have nothing to choose.",
    methods={"gradient": "Adam on the distance, by weights and delays of recurrent synapses"},
    baselines={"silence": "no spike", "chance": "independent spikes at the pattern's own rates at every moment"},
    controls={"before learning": "the circuit as it was drawn"},
    measures={"distance": "per cell", "from another start": "per cell"},
    seeds=(1, 2, 3),
    settings=Settings(),
    quick={"cells": 200, "duration": 60.0, "epochs": 3, "seeds": (1,)},
    expected=[
        Expect(
            "the distance is less than half of that of silence",
            ("gradient", "distance"),
            "<",
            ("silence", "distance"),
            times=0.5,
        ),
        Expect("and than half of that of chance", ("gradient", "distance"), "<", ("chance", "distance"), times=0.5),
        Expect("learning lowers it", ("gradient", "distance"), "<", ("before learning", "distance")),
    ],
    minutes=10,
    measure=measure,
    equations=EQUATIONS,
    notes=[
        "Steps of 1 ms; weights of the input are not learnt. The distance is van Rossum's with 20 ms. Another start: the learnt circuit from "
        "other membrane voltages, which it has never seen."
    ],
)
run = recipe.run


def _spikes(net: Network, duration: object, state: State | None = None) -> Tensor:
    """Trains [T, N] of the excitatory cells, without gradient."""
    trains = net.run(duration, state, stream=0, record={"exc": ["spikes"]})["exc"].spikes
    out = torch.zeros(trains.steps, trains.size)
    out[torch.from_numpy(trains.step - trains.first), torch.from_numpy(trains.cell.astype(np.int64))] = 1
    return out


def _other_start(net: Network) -> State:
    """The state of a fresh network with its voltages dealt out anew."""
    state, generator = net.initial_state(1, stream=0).detach(), torch.Generator().manual_seed(0)

    def deal(v: Tensor) -> Tensor:
        return v[:, torch.randperm(v.shape[1], generator=generator)]

    variables = {n: {k: deal(v) if k == "v" else v for k, v in x.items()} for n, x in state.variables.items()}
    return replace(state, variables=variables)


def _by_chance(wanted: Tensor, seed: int) -> float:
    """The distance of independent spikes of the same rates, smoothed over 20 ms: the mean of five draws."""
    generator = torch.Generator().manual_seed(seed)
    rate = wanted.unfold(0, 21, 1).mean(-1) if wanted.shape[0] > 21 else wanted
    rate = torch.cat([rate[:1].expand(10, -1), rate, rate[-1:].expand(wanted.shape[0] - rate.shape[0] - 10, -1)])
    draws = [(torch.rand(rate.shape, generator=generator) < rate).float() for _ in range(5)]
    return float(np.mean([float(distance(d, wanted)) for d in draws]))


def _picture(wanted: Tensor, found: Learnt) -> str:
    def draw(figure: Figure) -> None:
        shown = ((wanted.numpy(), "wanted"), (found.first, "before"), (found.last, "after"))
        for ax, (trains, title) in zip(figure.subplots(1, 3, sharey=True), shown, strict=True):
            step, cell = np.nonzero(trains)
            ax.plot(step, cell, ",", color="#2f6fb0", rasterized=True)
            ax.set(xlabel="time (ms)", title=title, xlim=(0, trains.shape[0]), ylim=(0, trains.shape[1]))
        figure.axes[0].set_ylabel("excitatory cell")

    return svg(draw, 8.0, 3.0, f"pattern{wanted.shape[1]}", "Spikes over time: wanted, before and after learning")
