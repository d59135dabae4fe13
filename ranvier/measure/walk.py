"""Leads a follower through a module on a batch: operations of torch outside of networks, projections and cells inside."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, TypeVar

import sympy as sp
import torch
from torch import nn

from ranvier.connectivity.copied import copied
from ranvier.connectivity.operand import Operand
from ranvier.connectivity.sequence_place import Place
from ranvier.measure.following import Following
from ranvier.network import Network
from ranvier.network.parts.projection import Projection
from ranvier.network.run.outputs import emission_of
from ranvier.network.run.windows import take_inputs

__all__ = ["walk"]

Tensor = torch.Tensor
Follower = TypeVar("Follower", bound=Following)


def walk(net: nn.Module, follower: Follower, x: Any, *more: Any, **how: Any) -> Follower:
    """Run ``net(x, *more, **how)`` on a copy in evaluation mode, and tell ``follower`` what it computes.

    In a network these are the products and sums of every projection, in the steps in which they arrive, and the products of inputs
    in cells without states. In other modules it is every operation of torch.
    """
    seen = copied(net).eval()
    inside: set[str] = set()
    for name, module in seen.named_modules():
        if any(name.startswith(f"{outer}.") or not outer for outer in inside):
            continue
        if isinstance(getattr(module, "inner_network", None), Network):
            inside.add(name)
            _look_into(module, name, follower)
        else:
            _follow(module, name or type(module).__name__, follower)
    with torch.no_grad(), follower:
        follower.mark((x, more, how))
        seen(x, *more, **how)
    return follower


def _follow(module: nn.Module, place: str, follower: Following) -> None:
    """Tell of what a module computes under its own name."""
    outer: list[str] = []

    def enter(module: nn.Module, args: Any) -> None:
        outer.append(follower.place)
        follower.place = place

    def leave(module: nn.Module, args: Any, out: Any) -> None:
        follower.place = outer.pop()

    module.register_forward_pre_hook(enter)
    module.register_forward_hook(leave)


def _look_into(module: Any, name: str, follower: Following) -> None:
    """Tell of the products of a network or layer, whose call itself is not followed."""
    net: Network = module.inner_network
    prefix = f"{name}." if name else ""

    def enter(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        follower.paused = True
        emitted = _emitted(net, *args, **kwargs)
        arrived: dict[tuple[str, str], Tensor] = {}
        onto = [(p.post, p.port) for p in net.projections.values()]
        for p in net.projections.values():
            if p.pre not in emitted:
                continue
            made = _carried(net, p, emitted[p.pre], _history(p, emitted[p.pre], *args, **kwargs), prefix, follower)
            if onto.count((p.post, p.port)) > 1 and made is not None and _only_moves(p):
                with follower.at(f"{prefix}{p.name}"):
                    follower.summed(made)
            if made is not None:
                arrived[p.post, p.port] = arrived[p.post, p.port] + made if (p.post, p.port) in arrived else made
        for post in net.populations:
            _joined(
                net, post, {port: x for (at, port), x in arrived.items() if at == post}, f"{prefix}{post}", follower
            )
        follower.ran(net, prefix, emitted, args, kwargs)

    def leave(module: nn.Module, args: Any, out: Any) -> None:
        follower.paused = False
        follower.mark(out)

    module.register_forward_pre_hook(enter, with_kwargs=True)
    module.register_forward_hook(leave)


def _emitted(net: Network, x: Any = None, state: Any = None, **how: Any) -> dict[str, Tensor]:
    """The inputs of a call, and what every part emits in it, [T, B, …]."""
    emitted = dict(take_inputs(net.graph, x)[0])
    parts = [*net.populations, *net.graph.relays]
    wanted = {name: [emission_of(name, net.populations)] for name in parts if _emits(net, name)}
    found = net.observe(x, state, record=wanted, **how)
    return emitted | {name: signals[wanted[name][0]] for name, signals in found.items()}


def _emits(net: Network, name: str) -> bool:
    return name not in net.populations or net.populations[name].cell.emit is not None


def _history(p: Projection, x: Tensor, given: Any = None, state: Any = None, **how: Any) -> Tensor:
    """What was emitted before the call, [depth, B, …]: silence without a state."""
    held = None if state is None else state.history.get(p.pre)
    return x.new_zeros(p.depth, *x.shape[1:]) if held is None else held.to(x)


def _only_moves(p: Projection) -> bool:
    """Whether a projection has no products: what it carries is added where it arrives."""
    return all(o.map.rearranges or o.map.selects for o in p.chain.evaluated)


def _joined(net: Network, name: str, arrived: Mapping[str, Tensor], place: str, follower: Following) -> None:
    """Tell of the products of what ``arrived`` by port, in cells without states."""
    step = net.graph.step(name)
    if step.states or len(arrived) < 2:
        return
    ports = {step.stream_of(port): port for port in arrived}
    for expression in (*(s.expression for s in step.program.statements), *step.program.outputs.values()):
        for product in expression.atoms(sp.Mul):
            factors = [{ports[str(s)] for s in factor.free_symbols if str(s) in ports} for factor in product.args]
            if sum(map(bool, factors)) > 1:
                with follower.at(place):
                    follower.joined([arrived[port] for port in sorted(set().union(*factors))])


def _carried(
    net: Network, p: Projection, x: Tensor, history: Tensor, prefix: str, follower: Following
) -> Tensor | None:  # fmt: skip
    """What arrives of ``x`` [T, B, …]; None for synapses that are drawn, behind which there is nothing."""
    lead = (x.shape[0], x.shape[1])
    late = None if p.per_synapse else p.entering(x, history, lead[0])
    rows = (x if late is None else late).flatten(0, 1)
    for k, operand in enumerate(p.chain.evaluated):
        for n, one in enumerate(operand.of_samples(rows.ndim - 1)):
            place = next(i for i, t in enumerate(p.chain.transforms) if t is one.map)
            with follower.at(f"{prefix}{p.name}" if len(p.chain) == 1 else f"{prefix}{p.name}.{place}"):
                follower.lead = lead
                if not one.map.differentiable:
                    follower.drawn(rows, one.map)
                    return None
                if late is None and not k and not n:
                    carrier = partial(follower.carry, kind=one.map.kind)
                    rows = one.delayed(x, history, p.bound_transform, carrier).flatten(0, 1)
                elif one.map.pattern() is not None:
                    rows = one.map(rows, carrier=partial(follower.carry, kind=one.map.kind))
                else:
                    rows = _mapped(net, p, one, rows, lead, follower)
                follower.lead = None
    return rows.unflatten(0, lead)


def _mapped(
    net: Network, p: Projection, one: Operand, rows: Tensor, lead: tuple[int, int], follower: Following
) -> Tensor:
    """``rows`` [T*B, …] through one operand, whose operations of torch are followed."""
    follower.paused = False
    follower.mark(rows)
    try:
        if one.map.by_sequence:
            return one.map.of_sequence(rows.unflatten(0, lead), p.name, Place(net.seed, 0)).flatten(0, 1)
        if one.map.time_major:
            return one.run(rows.unflatten(0, lead), None).flatten(0, 1)
        return one.run(rows, None)
    finally:
        follower.paused = True
