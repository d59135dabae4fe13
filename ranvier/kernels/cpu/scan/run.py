"""A population over time on the CPU: one torch op forward, one backward, around the generated kernels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from ranvier.kernels.cpu.host.buffers import empty
from ranvier.kernels.cpu.host.derivatives import keeps_graph, refuse_second_derivative
from ranvier.kernels.cpu.host.routine import run_over
from ranvier.kernels.cpu.scan import kernels
from ranvier.kernels.cpu.scan.exact import emitted_as
from ranvier.kernels.cpu.scan.frame import Group, Numbers, ScanRoutine
from ranvier.kernels.cpu.scan.small import small_scan
from ranvier.kernels.tasks import Scan, ScanResult

__all__ = ["run_scan"]

Tensor = torch.Tensor
_TILE = 4096
#: results above this many bytes are written past the caches
_STREAMING = 8 << 20
#: steps that neurons beside the whole vectors are advanced at a time
_STEPS = 8192


def run_scan(task: Scan) -> ScanResult:
    """Run the window; equal to the reference provider up to rounding, forward and gradient."""
    small = small_scan(task)
    if small is not None:
        return small(task)
    step = task.step
    streams = [n for n in step.streams if n in task.streams]
    states = [*step.states, *step.counters]
    direct = [n for n in task.direct if n in task.streams]
    names = _Names(tuple(streams), tuple(states), step.coefficients, tuple(direct))
    inputs = [task.number(n, task.streams[n]) for n in streams] + [task.number(n, task.states[n]) for n in states]
    inputs += [task.coefficient(n) for n in step.coefficients] + [task.direct[n].to(task.dtype) for n in direct]
    out = _ScanFunction.apply(task, names, *inputs)
    emitted = dict(zip(task.wanted, out, strict=False))
    return ScanResult(emitted, dict(zip(states, out[len(task.wanted) :], strict=True)))


@dataclass(frozen=True)
class _Names:
    streams: tuple[str, ...]
    states: tuple[str, ...]
    coefficients: tuple[str, ...]
    direct: tuple[str, ...]


class _ScanFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx, task: Scan, names: _Names, *tensors: Tensor):
        step = task.step
        every = (*names.streams, *names.states, *names.coefficients)
        given = dict(zip(every, (t.detach() for t in tensors), strict=False))
        needs = dict(zip(every, ctx.needs_input_grad[2:], strict=False))
        differentiable = any(ctx.needs_input_grad)
        wanted = tuple(n for n in (*names.streams, *names.coefficients) if needs[n])
        saved: tuple[str, ...] = ()
        if differentiable:
            saved = kernels.saved_values(step, task.cuts, task.wanted, wanted)
            if names.direct:
                more = kernels.saved_values(step, task.cuts.instant, task.wanted, names.direct)
                saved = tuple(dict.fromkeys((*saved, *more)))
        shown = emitted_as(step, task.wanted) if saved else {}
        write = tuple(n for n in saved if n not in names.streams and n not in shown)
        kernel = kernels.forward_kernel(step, _name(task.dtype), task.wanted, write)
        layout, saving = _Layout(task), kernel.kernel.groups["saved"]
        state = {n: layout.array(given[n], task.dtype_of(n)) for n in kernel.states}
        spent = [given[n] for n in names.streams if n in task.spent and n not in saved and layout.owns(given[n])]
        outputs = [layout.new(task.dtype_of(n)) for n in task.wanted]
        for n in write:
            own = spent.pop() if spent and n not in saving.exact else layout.new(saving.dtype(n, task.dtype))
            outputs.append(own.view(task.steps, layout.count))
        layout.run(
            kernel.kernel, state=state, stream=given, coefficient=given,
            output=dict(zip(task.wanted, outputs, strict=False)),
            saved=dict(zip(write, outputs[len(task.wanted) :], strict=True)),
        )  # fmt: skip
        outputs = [t.view(task.steps, *task.shape) for t in outputs]
        emitted = outputs[: len(task.wanted)]
        if differentiable:
            ctx.task = replace(task, streams={}, states={}, coefficients={}, direct={})  # autograd alone keeps tensors
            ctx.names, ctx.wanted, ctx.kept, ctx.own = names, wanted, saved, write
            kept = dict(zip(write, outputs[len(task.wanted) :], strict=True))
            kept |= {n: given[n] for n in saved if n in names.streams}
            kept |= {n: emitted[task.wanted.index(shown[n])] for n in saved if n in shown}
            ctx.shapes = {n: given[n].shape for n in every}
            ctx.save_for_backward(*(kept[n] for n in saved), *(given[n] for n in names.coefficients))
            ctx.set_materialize_grads(False)
        finals = [state[n].view(task.shape) for n in kernel.states]
        ctx.mark_non_differentiable(*finals[len(step.states) :])
        return (*emitted, *finals)

    @staticmethod
    def backward(ctx, *grads: Tensor | None):
        refuse_second_derivative()
        task, names = ctx.task, ctx.names
        step = task.step
        incoming = dict(zip((*task.wanted, *(f"state:{n}" for n in names.states)), grads, strict=True))
        seeds = {n: g.to(task.dtype) for n in task.wanted if (g := incoming[n]) is not None}
        kernel = kernels.backward_kernel(step, _name(task.dtype), task.cuts, tuple(seeds), ctx.wanted, ctx.kept)
        saved = ctx.saved_tensors  # read once: a checkpoint computes them anew for every reading
        kept = dict(zip(ctx.kept, saved, strict=False))
        coefficients = dict(zip(names.coefficients, saved[len(ctx.kept) :], strict=True))
        layout = _Layout(task)
        state = {n: layout.array(incoming[f"state:{n}"], task.dtype) for n in kernel.states}
        spent = [] if keeps_graph() or names.direct else [kept[n] for n in ctx.own if n in kept]
        spent = [t for t in spent if t.dtype == task.dtype]
        outgoing = {
            n: spent.pop().view(task.steps, layout.count) if spent else layout.new(task.dtype) for n in kernel.streams
        }
        sums = {n: layout.zeros() for n in kernel.sums}
        layout.run(
            kernel.kernel, state=state, seed=seeds, kept=kept, coefficient=coefficients, stream=outgoing, sum=sums
        )
        out = {n: g.view(task.steps, *task.shape).sum_to_size(ctx.shapes[n]) for n, g in outgoing.items()}
        out |= {n: g.view(task.shape).sum_to_size(ctx.shapes[n]) for n, g in state.items()}
        for n, g in sums.items():
            out[n] = g.view(task.shape).to(torch.float64).sum_to_size(ctx.shapes[n]).to(task.dtype)
        split = _direct(task, seeds, kept, coefficients, names.direct, ctx.kept) if names.direct else ()
        return (None, None, *(out.get(n) for n in (*names.streams, *names.states, *names.coefficients)), *split)


def _direct(
    task: Scan, seeds: dict[str, Tensor], kept: dict[str, Tensor], coefficients: dict[str, Tensor],
    wanted: tuple[str, ...], stored: tuple[str, ...],
) -> tuple[Tensor | None, ...]:  # fmt: skip
    """The effect of each step's arrivals within that step."""
    kernel = kernels.backward_kernel(task.step, _name(task.dtype), task.cuts.instant, tuple(seeds), wanted, stored)
    layout = _Layout(task)
    out = {n: layout.new(task.dtype) for n in kernel.streams}
    layout.run(kernel.kernel, seed=seeds, kept=kept, coefficient=coefficients, stream=out)
    return tuple(out[n].view(task.steps, *task.shape) if n in out else None for n in wanted)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


class _Layout:
    """Tensors as the kernels see them: whole vectors of neurons, and a padded copy of the few left over."""

    def __init__(self, task: Scan) -> None:
        self.steps, self.shape, self.dtype = task.steps, task.shape, task.dtype
        self._whole = (task.steps, *task.shape)
        self.count = math.prod(task.shape)
        self.width = 64 // task.dtype.itemsize
        self.whole = self.count - self.count % self.width

    def array(self, tensor: Tensor | None, dtype: torch.dtype) -> Tensor:
        """A fresh [count] copy that the kernel may write."""
        out = empty((self.count,), dtype)
        if tensor is None:
            return out.zero_()
        out.view(self.shape).copy_(tensor.expand(self.shape))
        return out

    def zeros(self) -> Tensor:
        return torch.zeros(self.count, dtype=self.dtype)

    def new(self, dtype: torch.dtype) -> Tensor:
        return empty((self.steps, self.count), dtype)

    def owns(self, tensor: Tensor) -> bool:
        """Whether a stream has a number of its own for every neuron and step, so that others can take their place."""
        return tensor.shape == self._whole and tensor.is_contiguous() and tensor.dtype == self.dtype

    def numbers(self, group: Group, tensor: Tensor) -> Numbers:
        """A tensor as the kernel reads it."""
        if group.row and group.lane:
            return self._stream(tensor)
        if group.row:
            return tensor, self.count, 1
        return self._steady(tensor) if group.lane else (tensor, 0, 1)

    def _stream(self, tensor: Tensor) -> Numbers:
        if tensor.shape == self._whole and tensor.is_contiguous():
            return tensor, self.count, 1
        full = tensor.expand(self.steps, *self.shape)
        inner = full.stride()[1:]
        if all(s == 0 or n == 1 for s, n in zip(inner, self.shape, strict=True)) and self.count > 1:
            row = (
                full.reshape(self.steps, -1)[: 1 if full.stride(0) == 0 else None, :1]
                if self.steps
                else full.new_zeros(0, 1)
            )
            return row.expand(-1, self.width).contiguous(), (0 if full.stride(0) == 0 else self.width), 0
        if full.stride(0) and self.steps > 1 and full[0].is_contiguous():
            return full, full.stride(0), 1
        full = full[:1].contiguous() if self.steps and full.stride(0) == 0 else full.contiguous()
        return full, (0 if full.shape[0] == 1 and self.steps > 1 else self.count), 1

    def _steady(self, tensor: Tensor) -> Numbers:
        if tensor.numel() == 1:
            return tensor.reshape(1).expand(self.width).contiguous(), 0, 0
        return tensor.expand(self.shape).reshape(self.count).contiguous(), 0, 1

    def run(self, scan: ScanRoutine, **given: Mapping[str, Tensor]) -> None:
        """Run the kernel on every tile, and once more on the left-over neurons in padded copies."""
        if self.steps == 0 or self.count == 0:
            return
        numbers = {
            label: {n: self.numbers(group, given[label][n]) for n in group.names}
            for label, group in scan.groups.items()
        }
        written = [given[label][n] for label, g in scan.groups.items() if g.row and not g.lane for n in g.names]
        big = sum(t.numel() for t in written) * self.dtype.itemsize > _STREAMING
        streaming = big and self.whole == self.count and all(t.data_ptr() % 64 == 0 for t in written)
        pointers, _, integers = scan.pack(numbers, self.steps, streaming=streaming)
        tiles = [(first, min(self.whole, first + _TILE)) for first in range(0, self.whole, _TILE)]
        run_over(scan.routine, tiles, (pointers, integers, ()))
        if self.whole < self.count:
            self._rest(scan, numbers)

    def _rest(self, scan: ScanRoutine, numbers: Mapping[str, Mapping[str, Numbers]]) -> None:
        """The left-over neurons in copies as wide as a vector, of some steps at a time, so that copies stay in the cache."""
        left, width, most = self.count - self.whole, self.width, min(self.steps, _STEPS)
        small: dict[str, dict[str, Numbers]] = {}
        moving: list[tuple[Tensor, Tensor, bool]] = []
        back: list[tuple[Tensor, Tensor]] = []
        common: list[tuple[str, str, Tensor]] = []
        for label, group in scan.groups.items():
            small[label] = {}
            for n, (t, row, lane) in numbers[label].items():
                if group.lane and not lane:  # one number for all neurons
                    small[label][n] = t, row, 0
                    common += [(label, n, t)] if row else []
                    continue
                rows = (t.reshape(t.shape[0], -1) if group.row else t)[..., self.whole :]
                part = t.new_zeros((most, width) if row else (*rows.shape[:-1], width))
                small[label][n] = part, (width if row else 0), 1
                if row:
                    moving.append((rows, part[:, :left], group.lane))
                    continue
                part[..., :left] = rows
                if not group.lane:
                    back.append((rows, part[..., :left]))
        firsts = range(0, self.steps, most)
        for first in reversed(firsts) if scan.reverse else firsts:
            count = min(most, self.steps - first)
            for rows, part, read in moving:
                if read:
                    part[:count] = rows[first : first + count]
            for label, n, t in common:
                small[label][n] = t[first:], width, 0
            pointers, _, integers = scan.pack(small, count, 0, width)
            scan.routine.kernel(pointers, integers)
            for rows, part, read in moving:
                if not read:
                    rows[first : first + count] = part[:count]
        for rows, part in back:
            rows.copy_(part)
