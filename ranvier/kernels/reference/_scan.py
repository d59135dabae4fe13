"""A population over time, step by step in torch."""

from __future__ import annotations

import torch

from ranvier.kernels.eager import step_function
from ranvier.kernels.tasks import Scan, ScanResult

__all__ = ["run_scan"]


def run_scan(task: Scan) -> ScanResult:
    """Run the window; gradients come from torch's own autograd, an independent witness of every adjoint.

    Where the gradient of what arrives is split, each step is done twice: the states go on from the one that only the
    weights see, and emissions come from the one that the cells before see too. An exact step is computed in float64, and
    rounded to the dtype of each state and emission.
    """
    step = task.step
    state_names = (*step.states, *step.counters)
    program = task.cuts.apply(step).only((*state_names, *task.wanted))
    function = step_function(program, step.surrogate)
    some = next(iter(task.states.values()), None)
    like = torch.empty((), dtype=task.arithmetic, device=None if some is None else some.device)
    values = {n: task.coefficient(n) for n in task.coefficients}
    state = {n: task.number(n, task.states[n]).expand(task.shape) for n in state_names}
    given = {n: task.streams[n].to(task.arithmetic) for n in step.streams if n in task.streams}
    streams = {n: x.expand(task.steps, *task.shape).unbind(0) for n, x in given.items()}
    direct = {n: x.expand(task.steps, *task.shape).unbind(0) for n, x in task.direct.items() if n in streams}
    emitted: dict[str, list[torch.Tensor]] = {n: [] for n in task.wanted}
    for n in range(task.steps):
        if not task.cuts.carry_to_weights:
            state = {name: value.detach() for name, value in state.items()}
        now = {name: s[n] for name, s in streams.items()}
        before = {name: value.to(task.arithmetic) for name, value in state.items()} if step.exact else state
        out = function({**values, **before, **now}, like)
        if direct:
            now |= {name: now[name] + (x[n] - x[n].detach()) for name, x in direct.items()}
            seen = function({**values, **before, **now}, like)
            out = {**seen, **{name: out[name] for name in state_names}}
        state = {name: _full(out[name], name, task) for name in state_names}
        for name in task.wanted:
            emitted[name].append(_full(out[name], name, task))
    if not task.cuts.carry_to_weights:
        state = {name: value.detach() for name, value in state.items()}
    # a state may share the tensor of another state, a coefficient or the state before: each gets memory of its own
    state = {name: value.clone(memory_format=torch.contiguous_format) for name, value in state.items()}
    none = {n: like.new_empty(0, *task.shape, dtype=task.dtype_of(n)) for n in task.wanted}
    return ScanResult({n: torch.stack(v) if v else none[n] for n, v in emitted.items()}, state)


def _full(value: torch.Tensor | float, name: str, task: Scan) -> torch.Tensor:
    return torch.as_tensor(value, dtype=task.dtype_of(name)).expand(task.shape)
