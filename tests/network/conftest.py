"""Small networks of every kind, by name; each takes an input of 12 features and gives one output."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import ranvier as rv
from ranvier.network.saving import NETWORK, write_pair
from ranvier.units import ms, mV, nA

FEATURES = 12
FROZEN = """
dv/dt = (E - v + R*(s + x))/tau : mV (unless refractory)
ds/dt = -s/tau_s : nA
x : nA (input)
"""
NOISY = "dv/dt = (x - v)/tau + 0.4*sqrt(2/tau)*xi : 1\nx : 1 (input)"


def frozen(size: int) -> rv.Cell:
    """A cell with an input, a synaptic state, and a refractory period of three steps."""
    return rv.Cell(
        FROZEN, threshold="v > V_t", reset="v = E", refractory=3 * ms, size=size, E=-60 * mV, V_t=-50 * mV, tau=10 * ms,
        tau_s=4 * ms, R=12 * mV / nA, v=rv.Uniform(-60 * mV, -51 * mV),
    )  # fmt: skip


def circuit(connect: Callable, **how: object) -> rv.Network:
    """Two populations that excite and inhibit each other; ``connect`` adds what makes the difference."""
    net = rv.Network(dt=1 * ms, seed=3, **how)
    net.input("input", FEATURES)
    net.population("exc", 19, frozen(19))
    net.population("inh", 7, frozen(7), output=True)
    net.connect("input", ["exc", "inh"], rv.FixedProbability(0.5), to="x", weight=rv.Uniform(0 * nA, 3 * nA))
    connect(net)
    return net


def cycle(net: rv.Network) -> None:
    """Every synapse has its own weight and delay."""
    net.connect(
        "exc",
        ["exc", "inh"],
        rv.FixedProbability(0.3),
        to="s",
        weight=rv.Uniform(0 * nA, 1 * nA),
        delay=rv.Uniform(0 * ms, 6 * ms),
    )
    net.connect("inh", ["exc", "inh"], rv.FixedProbability(0.6), to="s", weight=-0.4 * nA, delay=2 * ms)


def dense_cycle(net: rv.Network) -> None:
    """Linear transforms on an input; one of them with a delay for every synapse."""
    net.connect("exc", "inh", rv.Linear(19, 7), to="x")
    net.connect("inh", "exc", rv.Linear(7, 19, delay=rv.Uniform(0 * ms, 4 * ms)), to="x")


def chain(*parts: object) -> Callable[..., rv.Network]:
    return lambda **how: rv.Sequential(*(p() for p in parts), dt=1 * ms, seed=3, **how)  # type: ignore[operator]


NETWORKS: dict[str, Callable[..., rv.Network]] = {
    "feed-forward": chain(
        lambda: rv.Linear(12, 9), lambda: rv.LIF(9, tau=rv.Learn(10 * ms)), lambda: rv.Linear(9, 5), lambda: rv.LeakyReadout(5)
    ),
    "recurrent": chain(
        lambda: rv.Linear(12, 9), lambda: rv.Recurrent(rv.ALIF(9, tau=rv.Learn(10 * ms)), rv.Linear(9, 9)),
        lambda: rv.Linear(9, 5), lambda: rv.LeakyReadout(5),
    ),
    "delays": chain(
        lambda: rv.Linear(12, 9, delay=rv.Uniform(0 * ms, 5 * ms)), lambda: rv.LIF(9), lambda: rv.Linear(9, 5, delay=3 * ms),
        lambda: rv.LIF(5),
    ),
    "recurrent delays": chain(
        lambda: rv.Linear(12, 9, delay=2 * ms), lambda: rv.Recurrent(rv.LIF(9), rv.Linear(9, 9, delay=rv.Uniform(0 * ms, 4 * ms))),
    ),
    "refractory": chain(lambda: rv.Linear(12, 9), lambda: frozen(9), lambda: rv.Linear(9, 5), lambda: rv.LIF(5)),
    "noise": chain(lambda: rv.Linear(12, 9), lambda: rv.Cell(NOISY, threshold="v > 1", reset="v = 0", tau=5 * ms, size=9)),
    "circuit": lambda **how: circuit(cycle, **how),
    "dense circuit": lambda **how: circuit(dense_cycle, **how),
}  # fmt: skip
#: what multiplies the weights of transforms, so that cells fire
LARGE = {"refractory": 16, "dense circuit": 10}


@pytest.fixture(scope="session", params=list(NETWORKS))
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of network in turn."""
    return request.param


@pytest.fixture(scope="session")
def build() -> Callable[..., rv.Network]:
    """``build("recurrent", dtype=…, provider=…)``: the same weights every time, large enough for spikes everywhere."""

    def make(name: str, **how: object) -> rv.Network:
        torch.manual_seed(7)
        net = NETWORKS[name](**{"dtype": torch.float64, **how})
        with torch.no_grad():
            for p in net.projections.values():
                if isinstance(p.chain[0], torch.nn.Linear):
                    p.chain[0].weight.mul_(LARGE.get(name, 4))
        return net

    return make


@pytest.fixture(scope="session")
def spikes() -> Callable[..., torch.Tensor]:
    """``spikes(T, B)``: random input spikes [T, B, 12]."""

    def make(
        steps: int, batch: int = 2, *, seed: int = 0, rate: float = 0.2, dtype: torch.dtype = torch.float64
    ) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        return (torch.rand(steps, batch, FEATURES, generator=generator) < rate).to(dtype)

    return make


@pytest.fixture
def spoilt() -> Callable[[Path, Callable, Path], Path]:
    """Writes a saved model anew after ``spoil(description, tensors)``, with a hash that fits."""

    def rewrite(model: Path, spoil: Callable, to: Path) -> Path:
        description = json.loads((model / "network.json").read_text())
        tensors = load_file(next(model.glob("*.safetensors")))
        spoil(description, tensors)
        for name in ("format", "version", "tensors"):
            description.pop(name)
        write_pair(to, NETWORK, description, tensors)
        return to

    return rewrite
