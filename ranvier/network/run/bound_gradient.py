"""A bound step with a gradient: values at once, and the way back by the same step run again, the long way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.autograd import Function

from ranvier.errors import StateError
from ranvier.kernels.provider import MADE
from ranvier.network.parts.population import signal_of
from ranvier.network.run._kept_graph import attached
from ranvier.network.run.execute import execute
from ranvier.network.run.modes import own_precision
from ranvier.network.state.state import State

if TYPE_CHECKING:
    from ranvier.network.run.bound import Bound

__all__ = ["step_with_gradient"]

Tensor = torch.Tensor


def step_with_gradient(bound: Bound, x: Any, state: State) -> tuple[Any, State] | None:
    """(output, state after) with a gradient; None where the step must be run the long way."""
    sources, given = bound.sources(x), bound.given(state)
    if sources is None or given is None:
        return None
    if any(t.grad_fn is not None for t in given):
        state = attached(state)
        given = bound.given(state) or given
    learnt = [t for _, _, t, _ in bound.tensors if t is not None and t.requires_grad]
    found, *made = _Step.apply(bound, state.step, state.stream, len(sources), len(given), *sources, *given, *learnt)
    if found & ~MADE:
        return None
    count = len(bound.steps.kept)
    after = bound.state(made[:count], state.step + 1, state.stream)
    if found:
        bound.warn(after)
    return bound.named(made[count:]), after


class _Step(Function):
    @staticmethod
    def forward(ctx: Any, bound: Bound, step: int, stream: int, sources: int, given: int, *tensors: Tensor) -> Any:
        found, made, out = bound.take(tensors[:sources], tensors[sources : sources + given])
        ctx.bound, ctx.at, ctx.sizes = bound, (step, stream), (sources, given)
        ctx.set_materialize_grads(False)
        if not found & ~MADE:
            out = bound.chosen(out)
            ctx.save_for_backward(*tensors, *made, *out)
            ctx.mark_non_differentiable(*[t for t in made if not t.is_floating_point()])
        return found, *made, *out

    @staticmethod
    def backward(ctx: Any, _: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        bound, (sources, given) = ctx.bound, ctx.sizes
        saved: Sequence[Tensor] = ctx.saved_tensors
        needed = ctx.needs_input_grad[5:]
        tensors, made = saved[: len(needed)], saved[len(needed) :]
        own = [
            t.detach().requires_grad_(needs) if k < sources + given else t
            for k, (t, needs) in enumerate(zip(tensors, needed, strict=True))
        ]
        with torch.enable_grad(), own_precision():
            again = _again(bound, own[:sources], own[sources : sources + given], *ctx.at)
        if not all(torch.equal(a, b) for a, b in zip(again, made, strict=True)):
            raise StateError(
                "numbers of the network changed between a step and its backward pass: call backward before they change, as before "
                "an optimizer's step."
            )
        pairs = [(a, g) for a, g in zip(again, grads, strict=True) if g is not None and a.requires_grad]
        wanted = [t for t, needs in zip(own, needed, strict=True) if needs]
        found = iter(
            torch.autograd.grad([a for a, _ in pairs], wanted, [g for _, g in pairs], allow_unused=True)
            if pairs and wanted
            else [None] * len(wanted)
        )
        return (None,) * 5 + tuple(next(found) if needs else None for needs in needed)


def _again(bound: Bound, sources: Sequence[Tensor], given: Sequence[Tensor], step: int, stream: int) -> list[Tensor]:
    """The values kept and the outputs of the step, with a graph."""
    graph = bound.graph
    inputs = {n: t.unsqueeze(0) for n, t in zip(bound.inputs, sources, strict=True)}
    record = {n: (signal_of(graph.populations[n]),) for n in graph.outputs}
    run = execute(graph, bound.plan, inputs, 1, bound.state(given, step, stream), record)
    return [*(bound.given(run.state) or ()), *(run.recorded[n, v].squeeze(0) for n, (v,) in record.items())]
