"""A population over time, step by step in torch."""

from __future__ import annotations

import torch

from ranvier.kernels.eager import step_function
from ranvier.kernels.tasks import Scan, ScanResult

__all__ = ["run_scan"]


def run_scan(task: Scan) -> ScanResult:
    """Run the window; gradients come from torch's own autograd, an independent witness of every adjoint.

    Where the gradient of what arrives is split, each step is done twice: the states go on from the one that only the
    weights see, and emissions come from the one that the cells before see too.
    """
    step = task.step
    state_names = (*step.states, *step.counters)
    program = task.cuts.apply(step).only((*state_names, *task.wanted))
    function = step_function(program, step.surrogate)
    like = next(iter(task.states.values()), None)
    if like is None or not like.is_floating_point():
        like = torch.empty((), dtype=task.dtype)
    values = {n: v.to(task.dtype) for n, v in task.coefficients.items()}
    state = {n: task.states[n].to(task.dtype).expand(task.shape) for n in state_names}
    streams = {n: task.streams[n].expand(task.steps, *task.shape).unbind(0) for n in step.streams if n in task.streams}
    direct = {n: x.expand(task.steps, *task.shape).unbind(0) for n, x in task.direct.items() if n in streams}
    emitted: dict[str, list[torch.Tensor]] = {n: [] for n in task.wanted}
    for n in range(task.steps):
        if not task.cuts.carry_to_weights:
            state = {name: value.detach() for name, value in state.items()}
        now = {name: s[n] for name, s in streams.items()}
        out = function({**values, **state, **now}, like)
        if direct:
            now |= {name: now[name] + (x[n] - x[n].detach()) for name, x in direct.items()}
            seen = function({**values, **state, **now}, like)
            out = {**seen, **{name: out[name] for name in state_names}}
        state = {name: _full(out[name], task) for name in state_names}
        for name in task.wanted:
            emitted[name].append(_full(out[name], task))
    if not task.cuts.carry_to_weights:
        state = {name: value.detach() for name, value in state.items()}
    # two states may be one tensor, or that of a coefficient or of the state before: each gets memory of its own
    state = {name: value.clone(memory_format=torch.contiguous_format) for name, value in state.items()}
    none = like.new_empty(0, *task.shape, dtype=task.dtype)
    return ScanResult({n: torch.stack(v) if v else none for n, v in emitted.items()}, state)


def _full(value: torch.Tensor | float, task: Scan) -> torch.Tensor:
    return torch.as_tensor(value, dtype=task.dtype).expand(task.shape)
