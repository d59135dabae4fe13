"""One call of a network that gives its output, the spikes of all its populations, and the state after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from ranvier.network import Network, Plan, State
from ranvier.training._data import Signal

__all__ = ["Signals", "emissions", "plan_of", "run", "spiking"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Signals:
    """``outputs[name]`` [T, B, …], ``spikes[population]`` [T, B, …] of all that can fire, and the state after."""

    outputs: Mapping[str, Tensor]
    spikes: Mapping[str, Tensor]
    state: State

    @property
    def out(self) -> Any:
        """The output as the network returns it: a tensor, or a dict by name where there are several."""
        return next(iter(self.outputs.values())) if len(self.outputs) == 1 else dict(self.outputs)


def spiking(net: Network) -> tuple[str, ...]:
    """Names of the populations that can fire."""
    return tuple(n for n, p in net.populations.items() if any(e.name == "spike" for e in p.cell.system.events))


def emissions(net: Network) -> dict[str, str]:
    """What each output emits, under the name by which it is recorded."""
    emit = {n: str(net.populations[n].cell.emit) if n in net.populations else "x" for n in net.outputs}
    return {n: "spikes" if e == "spike" else e for n, e in emit.items()}


def plan_of(net: Network, x: Signal, how: Mapping[str, Any]) -> Plan:
    """The plan by which a batch like ``x`` is learnt from."""
    inputs, _, batch = net._take(x)
    kept = {n: how.get(n) for n in ("window", "checkpoint")}
    return net.plan(gradient=True, dense_inputs=net._dense(inputs), batch=batch, **kept)


def run(net: Network, x: Signal, state: State | None = None, **how: Any) -> Signals:
    """Advance ``net`` over ``x`` [T, B, …]; ``how`` are the arguments of a rule (window, checkpoint, cut_reset)."""
    fire = spiking(net)
    record: dict[str, list[str]] = {n: ["spikes"] for n in fire}
    emit = emissions(net)
    for name, emission in emit.items():
        record[name] = list(dict.fromkeys([*record.get(name, []), emission]))
    done = net._run(x, state, record, **how)
    outputs = {n: done.recorded[n, e] for n, e in emit.items()}
    return Signals(outputs, {n: done.recorded[n, "spikes"].detach() for n in fire}, done.state)
