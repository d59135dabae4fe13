"""Plastic projections as rows for a circuit, and their values back in the order of synapses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import sympy as sp
import torch

from ranvier.dynamics.plasticity import RowRule, added_to, limits_of
from ranvier.kernels.eager import step_function
from ranvier.kernels.tasks import PlasticProjection, Spikes
from ranvier.network.parts.projection import Projection
from ranvier.network.plastic.lumped import row_values, spread
from ranvier.network.plastic.row_rule import held, row_rule
from ranvier.network.plastic.synapses import PlasticSynapses, spikes_alone
from ranvier.network.processes.agree import said_by_all
from ranvier.network.run.window import Window
from ranvier.units.steps import times_at

if TYPE_CHECKING:
    from ranvier.distributed import Processes
    from ranvier.network.run.runner import Runner

__all__ = ["after_rows", "as_rows"]

Tensor = torch.Tensor


def as_rows(
    runner: Runner, p: Projection, stream: str, names: Sequence[str], window: Window, sample: int = 0
) -> PlasticProjection:
    """The task of a projection whose presynaptic cells may be outside the part ``names``, for a sample."""
    synapses, values = runner.plastic[p.name], window.state.synapses[p.name]
    latencies, order, pattern = _layout(p)
    processes = runner.graph.processes
    row, column, compact = _held(synapses, values, order, pattern, sample, processes)
    facts = [not bool((compact[n] < 0).any()) for n in column]
    *facts, within = said_by_all(processes, [*facts, _within(synapses, values, column)])
    positive = tuple(n for n, fact in zip(column, facts, strict=True) if fact)
    made = row_rule(synapses, row, column, within, positive)
    single = {n: _ordered(values[n][sample], order) for n in ("w", *made.rule.variables)}
    given = None
    if p.pre not in names:
        given = _given(p, max(latencies, default=0), window, sample)
    parameters = {n: v if v.numel() == 1 else _ordered(v, order) for n, v in made.parameters.items()}
    steps = np.arange(window.start, window.start + window.count + 1) if made.rule.clock else ()
    clock = {n: torch.from_numpy(times_at(steps, runner.graph.dt)) for n in made.rule.clock}
    common = {n: values[n][sample] for n in made.rule.domain_of}
    members = tuple(
        _ordered(synapses.members[shared.variables[0]], order).to(torch.int32) for shared in made.rule.shared
    )
    return PlasticProjection(
        p.pre if given is None else None, p.post, stream, pattern, latencies, made.rule,
        single | {n: compact[n] for n in (*made.rule.row, *made.rule.column)} | common, made.decays, parameters, given, order,
        (*synapses.key, window.state.stream), clock, members, sample * p.synapses.total, _numbers(p, made.rule, order),
    )  # fmt: skip


def _numbers(p: Projection, rule: RowRule, order: Tensor | None) -> Tensor | None:
    """Which of all synapses of the projection each is, where random numbers go by that; None where that is their order."""
    if not rule.random or p.synapses.shared is None:
        return None
    return _ordered(p.synapses.shared.numbers, order)


def after_rows(
    synapses: PlasticSynapses, made: Sequence[tuple[PlasticProjection, Mapping[str, Tensor]]]
) -> dict[str, Tensor]:
    """Their values after the circuit, [B, synapses], from the task and the values of each sample."""
    if len(made) == 1:
        return _after(synapses, *made[0])
    each = [_after(None, *one) for one in made]
    return {n: torch.cat([values[n] for values in each]) for n in each[0]}


def _after(synapses: PlasticSynapses | None, q: PlasticProjection, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those of one sample, [1, synapses]; ``synapses`` remember what rows and columns hold."""
    out, order = {}, q.elements
    for n, x in values.items():
        end = "pre" if n in q.rule.row else "post" if n in q.rule.column else None
        full = x if end is None else spread(x, q.pattern, end)
        if order is not None and n not in q.rule.domain_of:
            full = torch.empty_like(full).index_copy_(0, order, full)
        out[n] = full.unsqueeze(0)
        if end is not None and synapses is not None:
            synapses.held[n] = (out[n], x)
    if q.rule.additive is not None and synapses is not None:
        synapses.within = out[q.rule.additive.target]
    return out


def _given(p: Projection, longest: int, window: Window, sample: int) -> Spikes:
    """Spikes from outside the part: those of ``longest`` steps before the window, and of the window."""
    if not p.by_spike:
        return Spikes.of(torch.zeros(longest + window.count, 1))
    history, train = window.history[p.pre], window.trains.get(p.pre)
    if train is not None:
        return Spikes.of(spikes_alone(history, p.pre)[:, sample]).last(longest).then(train)
    known = torch.cat([history, window.emissions[p.pre]])
    return Spikes.of(spikes_alone(known, p.pre)[:, sample]).last(longest + window.count)


def _layout(p: Projection):
    """Latencies, the order of synapses by latency and row (None where it is theirs), and a row per latency and cell."""
    if p.per_synapse:
        return p.synapses.by_latency()
    return (p.latency,), None, p.synapses.pattern()


def _ordered(values: Tensor, order: Tensor | None) -> Tensor:
    return values if order is None else values[order]


def _held(
    synapses: PlasticSynapses, values: Mapping[str, Tensor], order: Tensor | None, pattern, sample: int,
    processes: Processes | None,
):  # fmt: skip
    """Variables that rows and columns hold, and their values in a sample."""
    compact: dict[str, Tensor] = {}
    found: list[tuple[str, ...]] = []
    left = synapses.bound.own
    for end in ("pre", "post"):
        names = held(synapses, end, left)
        for n in names:
            known = synapses.held.get(n)
            same = known is not None and known[0] is values[n]
            one = (
                known[1] if known is not None and same else row_values(_ordered(values[n][sample], order), pattern, end)
            )
            if one is not None:
                compact[n] = one
        for n, everywhere in zip(names, said_by_all(processes, [n in compact for n in names]), strict=True):
            if not everywhere:  # sums must be those of one process
                compact.pop(n, None)
        found.append(held(synapses, end, tuple(n for n in left if n in compact)))
        left = tuple(n for n in left if n not in found[-1])
    return *found, compact


def _within(synapses: PlasticSynapses, values: Mapping[str, Tensor], column: Sequence[str]) -> bool:
    """Whether what on_post adds to keeps the limits that on_post puts it into."""
    target = added_to(synapses.bound, column)
    limits = None if target is None else limits_of(synapses.bound, target)
    if target is None or limits is None or synapses.within is values[target]:
        return True
    now = values[target]
    read = set(limits.reads) - {target}
    if read - synapses.parameters.keys():
        return False
    if now.numel() and all(synapses.parameters[n].numel() == 1 for n in read):
        now = torch.stack(now.aminmax())
    return torch.equal(step_function(limits, sp.Integer(0))({**synapses.parameters, target: now}, now)[target], now)
