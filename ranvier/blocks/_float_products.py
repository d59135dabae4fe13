"""Products of a network whose operands are not spikes: a spike-driven network must have none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp
import torch
from torch import nn

from ranvier.blocks._product import FloatProducts
from ranvier.blocks._watch import Watch
from ranvier.connectivity.copied import copied
from ranvier.connectivity.sequence_place import Place
from ranvier.errors import ShapeError
from ranvier.network import Network
from ranvier.network.parts.projection import Projection
from ranvier.network.run.outputs import emission_of
from ranvier.network.run.windows import take_inputs

__all__ = ["float_products"]

Tensor = torch.Tensor


def float_products(net: nn.Module, x: Any, *more: Any, **how: Any) -> FloatProducts:
    """List every product on a batch that is more than a sum of weights at spikes.

    A copy of ``net`` in evaluation mode runs ``net(x, *more, **how)``. A product of data with weights (a matrix, a convolution, single
    synapses, a norm that is not folded into weights) is listed if the data are not spikes. A product of data with data (attention, a gate)
    is listed if neither operand is spikes. Spikes are 0 and 1. Whole numbers are listed separately as counts, and constant factors as scales,
    which weights or thresholds can take over.

    In a network, the function examines what enters each projection and what its transforms compute. It examines products of inputs in cells
    without states, such as the joins ``"and"`` and ``"iand"``, but not the equations by which cells with states advance. In other modules it
    examines every operation of torch, and lists it unless it is known only to add, compare, choose or move numbers. The list holds what this
    batch shows: give a batch on which all cells fire.

    Parameters
    ----------
    net
        A network or layer, or any module that may contain some.
    x, more, how
        The arguments of its call: x [T, B, …] for a network.

    Raises
    ------
    ShapeError
        Where ``net`` is not a module.

    >>> net = rv.Sequential(rv.Linear(20, 30), rv.LIF(30), rv.Linear(30, 3), rv.LeakyReadout(3), dt=1*ms)
    >>> found = rv.blocks.float_products(net, (torch.rand(10, 4, 20) < 0.3).float())
    >>> found.floats
    ()
    """
    if not isinstance(net, nn.Module):
        raise ShapeError(
            f"float_products takes a module, got {type(net).__name__}: give rv.Sequential, or any torch.nn.Module."
        )
    seen, watch = copied(net).eval(), Watch()
    inside: set[str] = set()
    for name, module in seen.named_modules():
        if any(name.startswith(f"{outer}.") or not outer for outer in inside):
            continue
        if isinstance(getattr(module, "inner_network", None), Network):
            inside.add(name)
            _look_into(module, name, watch)
        else:
            _follow(module, name or type(module).__name__, watch)
    with torch.no_grad(), watch:
        watch.mark((x, more, how))
        seen(x, *more, **how)
    return watch.products()


def _follow(module: nn.Module, place: str, watch: Watch) -> None:
    """Note what a module computes under its own name."""
    outer: list[str] = []

    def enter(module: nn.Module, args: Any) -> None:
        outer.append(watch.place)
        watch.place = place

    def leave(module: nn.Module, args: Any, out: Any) -> None:
        watch.place = outer.pop()

    module.register_forward_pre_hook(enter)
    module.register_forward_hook(leave)


def _look_into(module: Any, name: str, watch: Watch) -> None:
    """Note the products of a network or layer, whose call itself is not watched."""
    net: Network = module.inner_network
    prefix = f"{name}." if name else ""

    def enter(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        watch.paused = True
        arrived: dict[tuple[str, str], Tensor] = {}
        for p, rows in _entering(net, *args, **kwargs):
            made = _carried(net, p, rows, f"{prefix}{p.name}", watch)
            if made is not None:
                arrived[p.post, p.port] = arrived[p.post, p.port] + made if (p.post, p.port) in arrived else made
        for post in net.populations:
            _joined(net, post, {port: x for (at, port), x in arrived.items() if at == post}, f"{prefix}{post}", watch)

    def leave(module: nn.Module, args: Any, out: Any) -> None:
        watch.paused = False
        watch.mark(out)

    module.register_forward_pre_hook(enter, with_kwargs=True)
    module.register_forward_hook(leave)


def _entering(net: Network, x: Any = None, state: Any = None, **how: Any) -> list[tuple[Projection, Tensor]]:
    """What enters every projection [T, B, …] during a call, without its delay."""
    emitted = dict(take_inputs(net.graph, x)[0])
    wanted = {
        p.pre: [emission_of(p.pre, net.populations)]
        for p in net.projections.values()
        if p.pre not in (*emitted, *net.graph.sources)
    }
    emitted |= {name: signals[wanted[name][0]] for name, signals in net.observe(x, state, record=wanted, **how).items()}
    return [(p, emitted[p.pre]) for p in net.projections.values() if p.pre in emitted]


def _joined(net: Network, name: str, arrived: Mapping[str, Tensor], place: str, watch: Watch) -> None:
    """Note the products of what ``arrived`` by port, in cells without states."""
    step = net.graph.step(name)
    if step.states or len(arrived) < 2:
        return
    ports = {step.stream_of(port): port for port in arrived}
    for expression in (*(s.expression for s in step.program.statements), *step.program.outputs.values()):
        for product in expression.atoms(sp.Mul):
            factors = [{ports[str(s)] for s in factor.free_symbols if str(s) in ports} for factor in product.args]
            if sum(map(bool, factors)) > 1:
                with watch.at(place):
                    watch.joined([arrived[port] for port in sorted(set().union(*factors))])


def _carried(net: Network, p: Projection, x: Tensor, place: str, watch: Watch) -> Tensor | None:
    """What arrives of ``x`` [T, B, …], None for single synapses; notes the products that carry it through a projection."""
    lead, rows = x.shape[:2], x.flatten(0, 1)
    for operand in p.chain.evaluated:
        for one in operand.of_samples(rows.ndim - 1):
            transform = one.map
            k = next(k for k, t in enumerate(p.chain.transforms) if t is transform)
            with watch.at(place if len(p.chain) == 1 else f"{place}.{k}"):
                if (
                    transform.pattern() is not None or not transform.differentiable
                ):  # single synapses, and nothing behind them
                    watch.weighted(rows, transform.kind)
                    return None
                watch.paused = False
                watch.mark(rows)
                if transform.by_sequence:
                    rows = transform.of_sequence(rows.unflatten(0, lead), p.name, Place(net.seed, 0)).flatten(0, 1)
                elif transform.time_major:
                    rows = one.run(rows.unflatten(0, lead), None).flatten(0, 1)
                else:
                    rows = one.run(rows, None)
                watch.paused = True
    return rows.unflatten(0, lead)
