"""A call of a network: an external input [T, B, …], differentiable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from ranvier._warn import warn
from ranvier.errors import ShapeError
from ranvier.network.checks import (
    check_batch,
    check_period,
    check_record,
    take_inputs,
)
from ranvier.network.plan.planning import plan_call
from ranvier.network.processes.refuse import refuse_call
from ranvier.network.run._kept_graph import attached
from ranvier.network.run.execute import Execution, execute
from ranvier.network.run.lengths import take_lengths
from ranvier.network.run.modes import refuse_modes, saving_hooked
from ranvier.network.run.one_step import bind_step
from ranvier.network.run.parameter_sets import parameter_sets
from ranvier.network.run.resets import cuts_of
from ranvier.network.run.same_call import bind_same, same_call
from ranvier.network.run.trials import trials
from ranvier.network.shapes import shapes_from
from ranvier.network.state.check import check_state
from ranvier.network.state.initial import initial_state
from ranvier.network.state.state import State
from ranvier.network.warnings.late_times import warn_of_late_times
from ranvier.network.warnings.starts import warn_of_starts
from ranvier.network.warnings.unsound import warn_of_unsound

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["call"]


def call(
    graph: Graph, x: Any, state: State | None, record: Mapping[str, Sequence[str]], window: Any = None,
    checkpoint: Any = None, reset: Any = "auto", lengths: Any = None, stream: int | None = None,
    duration: Any = None, batch: Any = None, values: Any = None,
) -> Execution:  # fmt: skip
    """Run ``graph`` over ``x``; ``record`` names what is wanted by population, ``stream`` what is drawn, ``values`` parameters of samples."""
    alike = not (torch.is_grad_enabled() and saving_hooked())
    if alike and not (window or checkpoint or duration or batch) and lengths is None and values is None:
        found = same_call(graph, x, state, record, reset, stream)
        if found is not None:
            return found
    refuse_modes()
    refuse_call(graph, "a call, or net.observe,")
    if x is not None and not (duration is None and batch is None):
        raise ShapeError(
            "duration= and batch= belong to calls without x, whose shape [T, B, …] says both: leave them out."
        )
    inputs, steps, batch, graph = _asked(graph, x, duration, batch, values)
    _warn_of_axes(graph, steps, batch)
    if state is None:
        state = initial_state(graph, batch, stream, shapes_from(graph, inputs))
        warn_of_starts(graph, state)
    else:
        state = check_state(graph, state, batch).with_stream(stream)
        if torch.is_grad_enabled():
            state = attached(state)
    check_record(graph, record)
    ends = None if lengths is None else take_lengths(lengths, steps, batch)
    inputs |= {n: s.emissions(state.step, steps, graph, state.stream, batch) for n, s in graph.sources.items()}
    periods = {"window": check_period(window, "window"), "checkpoint": check_period(checkpoint, "checkpoint")}
    cuts = cuts_of(graph, reset)
    step = steps == 1 and not torch.is_grad_enabled()
    plan = plan_call(graph, inputs, state, torch.is_grad_enabled(), steps, batch, cuts=cuts, step=step, **periods)
    warn_of_late_times(graph, state.step + steps)
    wanted = {n: tuple(v) for n, v in record.items()}
    run = execute(graph, plan, inputs, steps, state, wanted, ends)
    plain = alike and values is None and graph.precision is None
    if ends is None and not any(periods.values()) and plain:
        bind_same(graph, plan, inputs, wanted, reset)
    if steps == 1 and plain:
        alone = partial(plan_call, graph, inputs, state, False, steps, batch, step=True)
        bind_step(graph, (lambda: plan) if step else alone, inputs, state, batch)
    warn_of_unsound(graph, inputs, run.state)
    return run


def _asked(
    graph: Graph, x: Any, duration: Any, batch: Any, values: Any
) -> tuple[dict[str, torch.Tensor], int, int, Graph]:
    """The inputs, steps and batch of a call, and the graph with its parameters."""
    if values is None:
        return (*(trials(graph, duration, batch) if x is None else take_inputs(graph, x)), graph)
    if x is None:
        sets, batch = parameter_sets(graph, values, check_batch(batch))
        return (*trials(graph, duration, batch), replace(graph, values=sets))
    inputs, steps, batch = take_inputs(graph, x)
    return inputs, steps, batch, replace(graph, values=parameter_sets(graph, values, batch)[0])


def _warn_of_axes(graph: Graph, steps: int, batch: int) -> None:
    """Warn where an input has the two axes of the last one, in the other order."""
    reverse = graph.memo.swaps(steps, batch)
    graph.memo.shape = steps, batch
    if reverse:
        warn(
            f"the input has {steps} steps of {batch} samples, but the last one had {batch} steps of {steps} samples: "
            "the first axis is time, [T, B, …]. If this one is [B, T, …], pass x.transpose(0, 1)."
        )
