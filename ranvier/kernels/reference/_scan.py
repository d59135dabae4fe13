"""A population over time, step by step in torch."""

from __future__ import annotations

import torch

from ranvier.kernels._task import Scan, ScanResult
from ranvier.kernels.reference._step import step_function

__all__ = ["scan"]


def scan(task: Scan) -> ScanResult:
    """Run the window; gradients come from torch's own autograd, an independent witness of every adjoint."""
    step = task.step
    state_names = (*step.states, *step.counters)
    program = step.program.only((*state_names, *task.wanted))
    if task.cut_reset:
        program = program.cut_resets()
    function = step_function(program, step.surrogate)
    like = next(iter(task.states.values()), None)
    if like is None or not like.is_floating_point():
        like = torch.empty((), dtype=task.dtype)
    values = {n: v.to(task.dtype) for n, v in task.coefficients.items()}
    state = {n: task.states[n].to(task.dtype).expand(task.shape) for n in state_names}
    streams = {n: task.streams[n].expand(task.steps, *task.shape).unbind(0) for n in step.streams if n in task.streams}
    emitted: dict[str, list[torch.Tensor]] = {n: [] for n in task.wanted}
    for n in range(task.steps):
        out = function({**values, **state, **{name: s[n] for name, s in streams.items()}}, like)
        state = {name: _full(out[name], task) for name in state_names}
        for name in task.wanted:
            emitted[name].append(_full(out[name], task))
    none = like.new_empty(0, *task.shape, dtype=task.dtype)
    return ScanResult({n: torch.stack(v) if v else none for n, v in emitted.items()}, state)


def _full(value: torch.Tensor | float, task: Scan) -> torch.Tensor:
    return torch.as_tensor(value, dtype=task.dtype).expand(task.shape)
