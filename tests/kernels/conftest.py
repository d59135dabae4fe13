"""What the provider tests share: scans of any cell with random inputs, run by either provider with gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from inspect import isfunction, signature

import pytest
import torch

import ranvier as rv
from ranvier import neurons
from ranvier.dynamics import Cuts
from ranvier.kernels import eager
from ranvier.kernels.tasks import Scan
from ranvier.network import Population
from ranvier.units import Hz, ms, mV

Tensor = torch.Tensor

#: ready cells; what changes a given cell is none
READY = {
    name: made
    for name in neurons.__all__
    if isfunction(made := getattr(neurons, name)) and "cell" not in signature(made).parameters
}

CUSTOM = {
    "frozen": lambda: rv.Cell(
        """
        dv/dt = (E - v + g*(40*mV - v))/tau : mV (unless refractory)
        dg/dt = -g/tau_g : 1 (unless refractory)
        """,
        threshold="v > V_t", reset="v = E; g *= 0.5", refractory=2.6 * ms, E=-60 * mV, V_t=-50 * mV, tau=10 * ms,
        tau_g=4 * ms, v=-60 * mV,
    ),
    "noisy": lambda: rv.Cell(
        """
        dv/dt = (-v + k*tanh(u) + s*sin(2*pi*t*f) + x)/tau + 0.3*sqrt(2/tau)*xi : 1
        du/dt = (cos(v) + log(1 + v**2) + exprel(u/4) - u)/(3*tau) + 0.2*sqrt(2/tau)*xi_slow : 1
        power = v**2 + u : 1
        x : 1 (input)
        """,
        threshold="v > theta and u < 3", reset="v = v/2; u += 0.25", tau=5 * ms, k=0.7, s=1.5, f=30 * Hz, theta=0.9,
    ),
    "events": lambda: rv.Cell(
        """
        v' = b*v + x : 1
        w' = 0.95*w + 0.05*abs(v) : 1
        b = exp(-dt/tau) : 1
        x : 1 (input)
        """,
        threshold="v >= 1", reset="v -= 1; w += 0.1", events={"burst": ("w > 0.4", "w = 0"), "low": ("v < -1", "v = -0.5")},
        tau=8 * ms,
    ),
    "nonlinear": lambda: rv.Cell(
        "dv/dt = (a*v*(1 - v**2) - u + x)/tau : 1\ndu/dt = clip(0.1*v - 0.2*u, -0.3, 0.3)/tau : 1\nx : 1 (input)",
        threshold="v > 0.8", reset="v = -0.5", method="rk4", tau=3 * ms, a=1.2,
    ),
    "silent": lambda: rv.Cell("dv/dt = (x - v)/tau : 1\nx : 1 (input)", emit="v", tau=7 * ms),
    "counter": lambda: rv.Cell("v' = v + x : 1\nx : 1 (input)", threshold="v > 2", reset="v = 0", refractory=3 * ms),
}  # fmt: skip

#: sizes of inputs, of kicks and of deviations from the initial values, where 1 is too little to make spikes
SCALE = {"HodgkinHuxley": 20.0, "TraubMiles": 1.0, "Izhikevich": 25.0, "CurrentLIF": 4.0, "AdEx": 2.0}
DT = {"HodgkinHuxley": 0.05, "TraubMiles": 0.05, "Izhikevich": 0.5, "AdEx": 0.1}


@dataclass(frozen=True)
class Case:
    """One scan to be run by both providers; every name in ``learn`` asks for a gradient."""

    population: Population
    kicks: tuple[str, ...]
    dt: float
    steps: int
    shape: tuple[int, ...]
    streams: dict[str, Tensor]
    states: dict[str, Tensor]
    learn: tuple[str, ...]
    wanted: tuple[str, ...]
    reset: str = "surrogate"

    def run(self, provider: Callable, dtype: torch.dtype) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """(values, gradients) of one provider: emissions and final states; streams, states and parameters."""
        step = self.population.step(self.kicks)
        leaves = {f"stream:{n}": x.to(dtype) for n, x in self.streams.items()}
        leaves |= {f"state:{n}": x.to(dtype) for n, x in self.states.items()}
        leaves |= {f"value:{n}": x.detach().clone() for n, x in self.population.values().items()}
        asked = [n for n in leaves if n.split(":")[1] in self.learn]
        for n in asked:
            leaves[n] = leaves[n].clone(memory_format=torch.preserve_format).requires_grad_()
        values = {n.split(":")[1]: x for n, x in leaves.items() if n.startswith("value:")}
        task = Scan(
            step, self.steps, self.shape, dtype,
            {n.split(":")[1]: x for n, x in leaves.items() if n.startswith("stream:")},
            {n.split(":")[1]: x for n, x in leaves.items() if n.startswith("state:")},
            eager.coefficients(step, values, self.dt), self.wanted, Cuts(reset=self.reset),
        )  # fmt: skip
        result = provider(task)
        out = {f"emitted:{n}": x for n, x in result.emitted.items()} | {
            f"final:{n}": x for n, x in result.states.items()
        }
        generator = torch.Generator().manual_seed(5)
        loss = torch.zeros((), dtype=dtype)
        for x in out.values():
            loss = loss + (x * torch.randn(x.shape, generator=generator, dtype=torch.float64).to(dtype)).sum()
        grads: list[Tensor | None] = [None] * len(asked)
        if loss.requires_grad:
            grads = list(torch.autograd.grad(loss, [leaves[n] for n in asked], allow_unused=True))
        zero = {n: torch.zeros_like(leaves[n]) for n in asked}
        return out, {n: zero[n] if g is None else g for n, g in zip(asked, grads, strict=True)}

    def but(self, **changes: object) -> Case:
        """The same case with some fields changed."""
        return replace(self, **changes)


@pytest.fixture(scope="session")
def ready() -> dict[str, Callable[..., rv.Cell]]:
    """Every cell of the package and some of our own, by name."""
    return {**READY, **CUSTOM}


@pytest.fixture(scope="session")
def make_case(ready: dict[str, Callable[..., rv.Cell]]) -> Callable[..., Case]:
    """``make_case("LIF", steps, shape)``: random inputs, states and weights of the loss."""
    cells: dict[str, rv.Cell] = {}

    def make(
        name: str, steps: int, shape: tuple[int, ...], *, seed: int = 0, kicks: tuple[str, ...] = (),
        learn: tuple[str, ...] | None = None, surrogate: rv.surrogates.Surrogate | None = None, per_cell: bool = False,
        reset: str = "surrogate",
    ) -> Case:  # fmt: skip
        generator = torch.Generator().manual_seed(seed)

        def rand(*size: int) -> Tensor:
            return torch.rand(size, generator=generator, dtype=torch.float64)

        cell = cells[name] if name in cells else cells.setdefault(name, ready[name]())
        population = Population("p", cell, shape[1:], surrogate=surrogate)
        if per_cell:
            for label in cell.parameters:
                value = getattr(population, label)
                own = value.detach() * (1 + 0.01 * rand(*shape[1:]))
                setattr(population, label, torch.nn.Parameter(own) if isinstance(value, torch.nn.Parameter) else own)
        step = population.step(kicks)
        streams = {}
        for stream in step.streams:
            if stream in step.clock.outputs:
                times = torch.arange(steps, dtype=torch.float64) * DT.get(name, 1.0)
                known = population.coefficients(step, DT.get(name, 1.0))
                streams[stream] = eager.clock(step, known, times, len(shape))[stream].detach()
            elif stream in step.system.noises:
                streams[stream] = torch.randn(steps, *shape, generator=generator, dtype=torch.float64)
            else:
                streams[stream] = (2 * rand(steps, *shape) - 0.5) * (SCALE.get(name, 1.0) if stream == "I" else 1.0)
        states = population.initial(shape[0], shape[1:], torch.float64, torch.device("cpu"), 0)
        states = {n: v + 0.01 * rand(*shape) if n not in step.counters else v.double() for n, v in states.items()}
        if learn is None:
            learn = (*step.streams, *step.states, *cell.parameters)
        wanted = (*step.events, *(f"{n}:out" for n in (*step.states, *step.system.subexpressions)))
        return Case(population, kicks, DT.get(name, 1.0), steps, shape, streams, states, learn, wanted, reset)

    return make


@pytest.fixture
def torch_threads() -> Iterator[Callable[[int], None]]:
    """Sets the number of threads of torch, which has the earlier one again after the test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)
