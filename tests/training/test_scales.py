"""Steps that fit the size of each parameter: the unit in which a weight is written does not matter."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.errors import TrainingError
from ranvier.units import ms, mV, nA, uS
from ranvier.values import scale_of

Make = Callable[..., rv.Sequential]
Task = Callable[..., tuple[torch.Tensor, torch.Tensor]]
quiet = partial(rv.train, progress=False)
_CELL = """
dv/dt = (E_L - v)/(10*ms) + (g*(0*mV - v) + h*(-80*mV - v))*k/(0.1*nF) : mV
dg/dt = -g/(5*ms) : uS
dh/dt = -h/(5*ms) : uS
E_L = -65*mV : mV
"""


def circuit(unit: float = 1.0, seed: int = 0, cells: int = 12, classes: int = 2, ports: str = "gh") -> rv.Network:
    """Conductances of single synapses, excitatory (g) and inhibitory (h), beside a dense read-out; weights in units of 1/unit µS."""
    torch.manual_seed(seed)
    net = rv.Network(dt=1 * ms, seed=seed)
    net.input("x", 12)
    net.population("cells", cells, rv.Cell(_CELL, threshold="v > -50*mV", reset="v = E_L", v=-65 * mV, k=1 / unit))
    net.population("out", classes, rv.LeakyReadout(classes, tau=10 * ms), output=True)
    drawn = np.random.default_rng(seed).uniform(0.0002, 0.001, (len(ports), 12, cells)).astype(np.float32)
    for k, port in enumerate(ports):
        weight = rv.Learn(drawn[k] * unit * uS, min=0 * uS)
        net.connect("x", "cells", rv.AllToAll(), to=port, weight=weight, name=f"into_{port}")
    net.connect("cells", "out", rv.Linear(cells, classes), name="read")
    return net


def parity(samples: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Which one of two groups of channels is active, or else both or neither: no weighted sum of channels tells."""
    generator = torch.Generator().manual_seed(seed)
    bits = torch.randint(0, 2, (samples, 2), generator=generator)
    rate = 0.03 + 0.4 * bits.float().repeat_interleave(6, dim=1)
    spikes = torch.rand(samples, 20, 12, generator=generator) < rate.unsqueeze(1)
    return spikes.float(), bits.sum(1) % 2


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_the_unit_of_a_weight_does_not_matter(optimizer: str) -> None:
    """To the last bit where units differ by a power of two."""
    data, unit = parity(64, 0), 1024.0
    nets = [circuit(), circuit(unit)]
    how: dict[str, Any] = {"epochs": 2, "lr": 0.02, "batch_size": 16, "optimizer": optimizer, "clip": 1.0}
    fits = [quiet(net, data, **how) for net in nets]
    assert [e.train for e in fits[0].history] == [e.train for e in fits[1].history]
    assert fits[0].plan["scales"] == {n: 2.0**-11 for n in fits[0].plan["scales"]}
    assert len(fits[0].plan["scales"]) == 2
    for (n, a), (_, b) in zip(nets[0].named_parameters(), nets[1].named_parameters(), strict=True):
        assert torch.equal(a * (unit if "into" in n else 1.0), b), n
    off = [quiet(circuit(u), data, **how, scale=None) for u in (1.0, unit)]
    assert [e.train for e in off[0].history] != [e.train for e in off[1].history]
    assert off[0].plan["scales"] == {}


def test_scales_equal_rates_set_by_hand(net: Make, task: Task) -> None:
    """Adam at lr with scale s moves as Adam at lr*s: a time constant of 8 ms moves by 8*lr per step."""
    by_scale, by_hand = net(), net()
    tau = by_hand.get_parameter("lif1.tau")
    rest = [p for p in by_hand.parameters() if p is not tau]
    groups = [{"params": [tau], "lr": 8e-2}, {"params": rest, "lr": 1e-2}]
    fit = quiet(by_scale, task(40), epochs=3, lr=1e-2, batch_size=8)
    quiet(by_hand, task(40), epochs=3, batch_size=8, optimizer=torch.optim.Adam(groups))
    assert fit.plan["scales"] == {"lif1.tau": 8.0}
    for a, b in zip(by_scale.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=2e-4, atol=2e-5)


def test_networks_without_units_are_left_alone(task: Task) -> None:
    torch.manual_seed(0)
    made = rv.Sequential(rv.Linear(12, 20), rv.LIF(20), rv.Linear(20, 3), rv.LeakyReadout(3), dt=1 * ms)
    assert quiet(made, task(8), epochs=1).plan["scales"] == {}


def test_factors_of_a_user_come_first(net: Make, task: Task) -> None:
    names = ("lif1.tau", "linear1.weight")
    fit = quiet(net(), task(8), epochs=1, scale={names[0]: 1.0, names[1]: 0.3})
    assert fit.plan["scales"] == {names[1]: 0.25}
    ready = net()
    optimizer = torch.optim.Adam(ready.parameters())
    assert quiet(ready, task(8), epochs=1, optimizer=optimizer).plan["scales"] == {}
    for wrong, message in (
        ({"tau": 1.0}, "names 'tau', which is not learnt"),
        ({names[0]: -1.0}, "must be a positive number"),
        ("big", "use 'auto', None, or factors"),
    ):
        with pytest.raises(TrainingError, match=message):
            quiet(net(), task(8), epochs=1, scale=wrong)


def test_a_resumed_training_keeps_its_scales(net: Make, task: Task, tmp_path: Path) -> None:
    """Although the weights it begins with, and so their size, are others."""
    whole, rest = circuit(), circuit()
    data = parity(32, 0)
    expected = quiet(whole, data, epochs=3, lr=0.02)
    quiet(circuit(), data, epochs=1, lr=0.02, checkpoint=tmp_path)
    with torch.no_grad():
        for q in rest.parameters():
            q.mul_(5)
    fit = quiet(rest, data, epochs=3, lr=0.02, checkpoint=tmp_path)
    assert fit.plan["scales"] == expected.plan["scales"]
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), rest.parameters(), strict=True))


@pytest.mark.parametrize(
    ("values", "low", "high", "expected"),
    [
        ([3.0, -4.0], None, None, math.sqrt(12.5)),
        ([-50.0], -52.0, -48.0, 4.0),
        ([0.01], 0.0, 1.0, 0.01),
        ([0.0], None, None, 1.0),
        ([0.0], 0.0, 25.0, 25.0),
        ([], None, None, 1.0),
    ],
)
def test_the_size_of_values(values: list[float], low: float | None, high: float | None, expected: float) -> None:
    assert scale_of(torch.tensor(values), low, high) == pytest.approx(expected)


def test_what_has_a_unit_is_scaled() -> None:
    """Delays, potentials, dense weights in nA; plain numbers are not."""
    net = rv.Network(dt=1 * ms)
    net.input("x", 4)
    net.population("cells", 3, rv.CurrentLIF(V_th=rv.Learn(-50 * mV)), output=True)
    net.connect("x", "cells", rv.Linear(4, 3, delay=rv.Learn(2 * ms, max=9 * ms)), to="I", name="read")
    fit = quiet(net, (torch.ones(4, 5, 4), torch.zeros(4, dtype=torch.long)), epochs=1)
    assert fit.plan["scales"]["read.delay.position"] == 2.0
    assert fit.plan["scales"]["cells.V_th"] == 64.0
    assert fit.plan["scales"]["read.weight"] in (0.25, 0.5)
    assert nA.dimension == net.populations["cells"].cell.system.dimensions["I"]


@pytest.mark.slow
def test_one_rate_reaches_what_two_rates_set_by_hand_reach(task: Task) -> None:
    """Three classes, single synapses in µS beside a read-out: without scales no rate suits both on all seeds."""
    train, valid = task(200), task(200, seed=1)

    def reached(lr: float, scale: str | None, seed: int) -> float:
        how: dict[str, Any] = {"epochs": 15, "batch_size": 32, "lr": lr, "scale": scale}
        return quiet(circuit(seed=seed, cells=20, classes=3, ports="g"), train, valid, **how).best_score

    def by_hand(seed: int) -> float:
        net = circuit(seed=seed, cells=20, classes=3, ports="g")
        read = [p for n, p in net.named_parameters() if "read" in n]
        inner = [p for n, p in net.named_parameters() if "read" not in n]
        groups = [{"params": inner, "lr": 1e-4}, {"params": read, "lr": 2e-2}]
        return quiet(net, train, valid, epochs=15, batch_size=32, optimizer=torch.optim.Adam(groups)).best_score

    seeds = (0, 1, 2)
    alone = {lr: [reached(lr, None, seed) for seed in seeds] for lr in (5e-2, 1e-2, 1e-3, 1e-4)}
    scaled, two = [reached(5e-2, "auto", seed) for seed in seeds], [by_hand(seed) for seed in seeds]
    assert min(scaled) >= max(0.99, min(two) - 0.005), (scaled, two, alone)
    assert max(min(scores) for scores in alone.values()) < 0.95, alone
