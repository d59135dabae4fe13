"""One network four ways: without delays, with fixed random ones, with learned ones, and recurrent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from ranvier.connectivity import Linear, delay_parameters
from ranvier.network import Recurrent, Sequential
from ranvier.neurons import LIF, LeakyReadout
from ranvier.units import ms
from ranvier.values import Learn, Uniform

__all__ = ["KINDS", "Shape", "network", "optimizer"]

#: The kinds in the order of the table.
KINDS = ("no delays", "fixed random delays", "learned delays", "recurrent")


@dataclass(frozen=True)
class Shape:
    """Sizes and constants that all kinds share; chosen on validation sets.

    ``inputs`` channels, ``hidden`` cells with time constant ``tau``, ``classes`` read-outs with ``tau_out``; steps of ``dt``;
    delays up to ``longest`` (all times in ms); ``gain`` on the initial input weights.
    """

    inputs: int
    classes: int
    hidden: int = 128
    dt: float = 10.0
    tau: float = 20.0
    tau_out: float = 50.0
    longest: float = 250.0
    gain: float = 1.0


def network(kind: str, shape: Shape, seed: int) -> Sequential:
    """Input → ``hidden`` integrate-and-fire cells → membranes that never fire; delays, where there are any, at the input."""
    torch.manual_seed(seed)
    first = Linear(shape.inputs, shape.hidden, delay=_delay(kind, shape))
    cell = LIF(shape.hidden, tau=shape.tau * ms)
    last = Linear(shape.hidden, shape.classes)
    with torch.no_grad():
        first.weight *= shape.gain
    hidden = Recurrent(cell, _recurrent(shape)) if kind == "recurrent" else cell
    return Sequential(
        first, hidden, last, LeakyReadout(shape.classes, tau=shape.tau_out * ms), dt=shape.dt * ms, seed=seed
    )


def optimizer(net: Sequential, lr: float, decay: float, delay_rate: float) -> torch.optim.Optimizer:
    """AdamW; delays, which are counted in ms, at ``delay_rate`` ms per step and without decay."""
    delays = list(delay_parameters(net))
    own = {id(p) for p in delays}
    groups: list[dict[str, Any]] = [
        {"params": [p for p in net.parameters() if id(p) not in own], "weight_decay": decay}
    ]
    if delays:
        groups.append({"params": delays, "lr": delay_rate, "weight_decay": 0.0})
    return torch.optim.AdamW(groups, lr=lr)


def _delay(kind: str, shape: Shape) -> Any:
    drawn = Uniform(0 * ms, shape.longest * ms)
    return {"fixed random delays": drawn, "learned delays": Learn(drawn, max=shape.longest * ms)}.get(kind)


def _recurrent(shape: Shape) -> Linear:
    layer = Linear(shape.hidden, shape.hidden, bias=False)
    with torch.no_grad():
        layer.weight *= 0.5
    return layer
