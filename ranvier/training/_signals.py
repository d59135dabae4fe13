"""One call of a network that gives its output, the spikes of all its populations, and the state after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from ranvier.dynamics import Cuts
from ranvier.errors import ShapeError
from ranvier.network import Network, Plan, State, silence_after
from ranvier.network.run.outputs import emission_of
from ranvier.network.run.windows import plan_call, take_inputs
from ranvier.network.shapes import shapes_from
from ranvier.training.batches import Signal

__all__ = ["Asked", "Signals", "asked_for", "check_input", "emissions", "plan_of", "run", "spiking"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Signals:
    """``outputs[name]`` [T, B, …], ``spikes[population]`` [T, B, …] of all that can fire, and the state after.

    ``hidden[population][variable]`` [T, B, …] are the signals asked for, with gradient.
    """

    outputs: Mapping[str, Tensor]
    spikes: Mapping[str, Tensor]
    state: State
    hidden: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)

    @property
    def out(self) -> Any:
        """The output as the network returns it: a tensor, or a dict by name where there are several."""
        return next(iter(self.outputs.values())) if len(self.outputs) == 1 else dict(self.outputs)


def spiking(net: Network) -> tuple[str, ...]:
    """Names of the populations that can fire."""
    return tuple(n for n, p in net.populations.items() if p.cell.fires)


def emissions(net: Network) -> dict[str, str]:
    """What each output emits, under the name by which it is recorded."""
    return {n: emission_of(n, net.populations) for n in net.outputs}


def check_input(net: Network, x: Signal, source: str, hint: str) -> None:
    """Refuse a batch of the data set ``source`` that does not fit the network; the error ends in ``hint``."""
    try:
        shapes_from(net.graph, take_inputs(net.graph, x)[0])
    except ShapeError as error:
        raise ShapeError(f"{source}: {error}{hint}") from error


def plan_of(net: Network, x: Signal, how: Mapping[str, Any]) -> Plan:
    """The plan by which a batch like ``x`` is learnt from."""
    inputs, steps, batch = take_inputs(net.graph, x)
    periods = {n: how.get(n) for n in ("window", "checkpoint")}
    cuts = Cuts(reset=how.get("reset", "auto"))
    state = net.initial_state(batch, stream=0, shapes=shapes_from(net.graph, inputs))
    return plan_call(net.graph, inputs, state, True, steps, batch, cuts=cuts, **periods)


@dataclass(frozen=True)
class Asked:
    """What a batch is to give, found once for many: ``record`` by population, for what ``fire``, ``emit`` and ``hidden`` name."""

    fire: tuple[str, ...]
    emit: Mapping[str, str]
    hidden: Mapping[str, Sequence[str]]
    record: Mapping[str, Sequence[str]]


def asked_for(net: Network, hidden: Mapping[str, Sequence[str]] | None = None) -> Asked:
    """The outputs and the spikes of all that can fire, with some further signals by population."""
    fire, emit, further = spiking(net), emissions(net), hidden or {}
    record: dict[str, list[str]] = {n: ["spikes"] for n in fire}
    for name, variables in (*((n, (e,)) for n, e in emit.items()), *further.items()):
        record[name] = list(dict.fromkeys([*record.get(name, []), *variables]))
    return Asked(fire, emit, further, record)


def run(
    net: Network, x: Signal, state: State | None = None, *, asked: Asked | None = None, lengths: Tensor | None = None,
    **how: Any,
) -> Signals:  # fmt: skip
    """Advance ``net`` over ``x`` [T, B, …]; ``how`` are the arguments of a rule (window, checkpoint, reset).

    ``asked`` names what is kept. Spikes after each sample's end (``lengths`` [B]) are left out of
    ``spikes`` and ``hidden``; scoring leaves out the rest, so that the run needs no cut there.
    """
    wanted = asked_for(net) if asked is None else asked
    done = net._run(x, state, wanted.record, **how)
    outputs = {n: done.recorded[n, e] for n, e in wanted.emit.items()}
    counted = done.recorded
    if lengths is not None:
        counted = {key: silence_after(value, lengths) for key, value in counted.items()}
    kept = {n: {v: counted[n, v] for v in variables} for n, variables in wanted.hidden.items()}
    return Signals(outputs, {n: counted[n, "spikes"].detach() for n in wanted.fire}, done.state, kept)
