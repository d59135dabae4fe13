"""A network as a planner sees it, and the request of a call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import torch

from ranvier._warn import warn
from ranvier.dynamics import WHOLE, Cuts
from ranvier.kernels import registry
from ranvier.kernels.tasks import ScanShape
from ranvier.network.checks import check_batch, check_dtype, check_ends, check_learnable, check_length, check_period
from ranvier.network.order import Edge, GraphError, arrange
from ranvier.network.parts.projection import Projection
from ranvier.network.plan._known import Carried, Known
from ranvier.network.plan._make import make_plan
from ranvier.network.plan._neighbours import is_plain, is_single, joins
from ranvier.network.plan._reasons import not_fusible, not_looped, not_wired
from ranvier.network.plan.density import dense_among
from ranvier.network.plan.drives import drawable
from ranvier.network.plan.hooks import hooked_parts
from ranvier.network.plan.plan import Plan, Request
from ranvier.network.plan.whole import check_whole
from ranvier.network.plastic.bind import plastic_edges, update_of
from ranvier.network.precision import check_weights
from ranvier.network.processes.refuse import check_shared
from ranvier.network.shapes import shapes_known
from ranvier.network.state.state import State

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["plan_asked", "plan_call", "plan_for"]

Tensor = torch.Tensor
#: rows (steps times samples) that are few
_FEW = 1024


def plan_for(
    graph: Graph, *, gradient: bool, steps: int | None, batch: int | None, window: int | None = None, checkpoint: int | None = None,
    dense_inputs: frozenset[str] = frozenset(), cuts: Cuts = WHOLE, spread: Iterable[str] = (), learnt: Iterable[str] = (),
    series: bool = False, step: bool = False,
) -> Plan:  # fmt: skip
    """The plan of a request, made once."""
    normed = frozenset(n for n, p in graph.populations.items() if p.normalises)
    if normed and gradient and (cuts.times or cuts.split):
        raise GraphError(
            f"the norm on the membranes of {min(normed)!r} takes one gradient of what arrives, by the surrogate: use rv.rules.BPTT() or "
            f"rv.rules.SLTT(), or call net.eval() to keep the norm as it is."
        )
    check_whole(graph, steps, window or checkpoint, cuts, gradient)
    step = step and not (graph.sources or graph.relays or any(p.membrane_norm for p in graph.populations.values()))
    asked = (
        graph.dtype, graph.device.type, gradient, window, checkpoint, graph.provider, dense_inputs, batch == 1, cuts,
        frozenset(spread), frozenset(learnt), series, hooked_parts(graph), settled_parts(graph), normed, step,
        bool(dense_inputs) and not series and steps is not None and batch is not None and steps * batch <= _FEW,
        None if graph.precision is None else graph.precision.products,
    )  # fmt: skip
    if (parts := graph.parts) != graph.memo.parts:
        for p in graph.projections.values():
            p.check_chain()
        graph.memo.plans, graph.memo.parts = {}, parts
    return graph.memo.plan(registry.generation(), asked, lambda: _made(graph, Request(*asked)))


def plan_asked(
    graph: Graph, gradient: bool, steps: int | None, batch: int | None, window: int | None, checkpoint: int | None,
    dense_inputs: Iterable[str], cuts: Cuts, shapes: Mapping[str, tuple[int, ...]] | None,
) -> Plan:  # fmt: skip
    """The plan that a user asks for; ``shapes`` are those of undeclared inputs."""
    known = {n: s for n, s in {**graph.inputs, **(shapes or {})}.items() if s is not None}
    spread = [n for n, s in shapes_known(graph, known).items() if len(s) != 1]
    return plan_for(
        graph, gradient=gradient, steps=check_length(steps), batch=check_batch(batch), cuts=cuts,
        window=check_period(window, "window"), checkpoint=check_period(checkpoint, "checkpoint"),
        dense_inputs=frozenset(dense_inputs), spread=spread, step=steps == 1 and not gradient and bool(graph.inputs),
    )  # fmt: skip


def settled_parts(graph: Graph) -> frozenset[str]:
    """Projections whose norms and dropouts are fixed maps now."""
    return frozenset(n for n, p in graph.projections.items() if p.chain.settled)


def plan_call(
    graph: Graph, inputs: Mapping[str, Tensor], state: State, gradient: bool, steps: int, batch: int, **how
) -> Plan:
    """The plan of a call with ``inputs`` [T, B, …] that begins in ``state``; ``how`` are further facts of the request."""
    spread = [n for n, x in inputs.items() if x.ndim != 3]
    for n, values in state.variables.items():
        some = next(iter(values.values()), None)
        if some is not None and some.ndim != 2:
            spread.append(n)
    learnt = [n for n, x in inputs.items() if x.requires_grad] if gradient else ()
    return plan_for(
        graph, gradient=gradient, steps=steps, batch=batch, dense_inputs=dense_among(inputs), spread=spread, learnt=learnt, **how
    )  # fmt: skip


def _made(graph: Graph, request: Request) -> Plan:
    """Emissions other than events count as dense."""
    check_dtype(graph)
    check_weights(graph)
    check_ends(graph)
    if request.gradient:
        check_learnable(graph)
    dense = {n for n, p in graph.populations.items() if p.cell.emit not in {e.name for e in p.cell.system.events}}
    spread = {n for n, p in graph.populations.items() if p.shape is not None and len(p.shape) != 1}
    full = replace(
        request, dense_inputs=request.dense_inputs | dense | set(graph.relays), spread=request.spread | spread
    )
    edges = [Edge(p.name, p.pre, p.post, p.shortest) for p in graph.projections.values()] + plastic_edges(graph)
    updates, drawn = update_of(graph), drawable(graph)
    scans = {n: ScanShape(n, graph.step(n, request.cuts.times)) for n in graph.populations}
    moving = (n for n, shape in scans.items() if shape.step.clock.outputs or shape.step.system.noises)
    known = Known(
        scans,
        {n: _carried(graph, p, updates.get(n), n in drawn) for n, p in graph.projections.items()},
        arrange(graph.nodes, edges),
        frozenset((*graph.inputs, *graph.sources)),
        frozenset(graph.sources),
        frozenset(moving),
        {n: why for n in (*graph.populations, *graph.relays) if (why := not_looped(graph, n)) is not None},
        partial(not_fusible, graph),
        partial(joins, graph),
    )
    plan = make_plan(known, full, registry.providers(request.provider))
    check_shared(graph, plan)
    if plan.elsewhere:
        sentence = f"{'; '.join(plan.elsewhere)}. Name that provider (provider=…) to ask for it without this warning."
        warn(sentence)
    return plan


def _carried(graph: Graph, p: Projection, update: str | None, drawable: bool) -> Carried:
    first = p.transform
    own, source = first.follows if p.per_synapse else None, graph.sources.get(p.pre)
    single = source is not None and len(source.shape) == 1 and source.fires_once(graph.dt)
    numbers = p.pre in graph.populations and graph.populations[p.pre].emits_numbers
    stacks = update is None and first.differentiable and not numbers
    return Carried(
        p.pre, p.post, p.not_by_event(), is_plain(p), own, update, p.shortest, p.depth, drawable,
        (is_plain(p) or is_single(p)) and p.depth == p.shortest, p.matrix_shape, p.storage, not_wired(graph, p),
        single, stacks, p.has_products,
    )  # fmt: skip
