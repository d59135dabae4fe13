"""Small networks and a task for the rules, in float64, and their gradients by name."""

from __future__ import annotations

from collections.abc import Callable

import torch

import ranvier as rv
from ranvier.units import ms

Tensor = torch.Tensor
LOSS = rv.losses.EveryStep()
X = (torch.rand(23, 4, 8, generator=torch.Generator().manual_seed(3)) < 0.4).double()
#: so few spikes that they are carried by event, and so many samples that all parts run as one operation
SPARSE = (torch.rand(53, 4, 80, generator=torch.Generator().manual_seed(4)) < 0.06).double()
Y = torch.tensor([0, 1, 2, 1])
TAU, TAU_OUT = 10.0, 20.0


def strong(module: rv.Linear, gain: float) -> rv.Linear:
    with torch.no_grad():
        module.weight.mul_(gain)
    return module


def build(
    cell: Callable[[int], rv.Cell], *, recurrent: bool = False, deep: bool = False, provider: str | None = None,
    inputs: int = 8,
) -> rv.Sequential:  # fmt: skip
    """8 inputs, one or two layers of 7 cells, and a read-out of 3."""
    torch.manual_seed(0)
    first = cell(7)
    parts = [
        strong(rv.Linear(inputs, 7), 3 * (inputs / 8) ** 0.5),
        rv.Recurrent(first, rv.Linear(7, 7)) if recurrent else first,
    ]
    if deep:
        parts += [strong(rv.Linear(7, 7), 3), cell(7)]
    last = (rv.Linear(7, 3), rv.LeakyReadout(3, tau=TAU_OUT * ms))
    return rv.Sequential(*parts, *last, dt=1 * ms, dtype=torch.float64, provider=provider)


def lif(size: int) -> rv.Cell:
    return rv.LIF(size, tau=TAU * ms)


def learning_lif(size: int) -> rv.Cell:
    return rv.LIF(size, tau=rv.Learn(TAU * ms))


def alif(size: int) -> rv.Cell:
    return rv.ALIF(size, tau=rv.Learn(TAU * ms))


def hard(size: int) -> rv.Cell:
    return rv.LIF(size, tau=TAU * ms, reset="v = 0")


CELLS = {"lif": lif, "learning": learning_lif, "alif": alif, "hard": hard}


def gradient(net: rv.Network, rule: rv.rules.Rule, *, per_step: bool = True, x: Tensor = X) -> dict[str, Tensor]:
    """The gradient of a batch by name; zeros where a parameter has none."""
    net.zero_grad()
    torch.manual_seed(1)
    rule.gradient(net, x, rv.rules.PerStep(lambda out: LOSS(out, Y), per_step))
    return {n: torch.zeros_like(q) if q.grad is None else q.grad.clone() for n, q in net.named_parameters()}


def distance(a: dict[str, Tensor], b: dict[str, Tensor]) -> float:
    """The largest difference, relative to the largest entry of each parameter's gradient."""
    return max(float((a[n] - b[n]).abs().max() / a[n].abs().max().clamp(min=1e-12)) for n in a)
