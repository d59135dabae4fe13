"""A population over time on the CPU: one torch op forward, one backward, around the generated kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ranvier.kernels.cpu.host.buffers import empty
from ranvier.kernels.cpu.host.derivatives import keeps_graph, refuse_second_derivative
from ranvier.kernels.cpu.scan import kernels
from ranvier.kernels.pool import run_tiles
from ranvier.kernels.tasks import Scan, ScanResult

__all__ = ["run_scan"]

Tensor = torch.Tensor
_TILE = 4096
#: results above this many bytes are written past the caches
_STREAMING = 8 << 20


def run_scan(task: Scan) -> ScanResult:
    """Run the window; equal to the reference provider up to rounding, forward and gradient."""
    step = task.step
    streams = [n for n in step.streams if n in task.streams]
    states = [*step.states, *step.counters]
    direct = [n for n in task.direct if n in task.streams]
    names = _Names(tuple(streams), tuple(states), step.coefficients, tuple(direct))
    inputs = [task.streams[n] for n in streams] + [task.states[n] for n in states]
    inputs += [task.coefficients[n] for n in step.coefficients] + [task.direct[n] for n in direct]
    out = _ScanFunction.apply(task, names, *(t.to(task.dtype) for t in inputs))
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
        emitted_as = {str(step.program.outputs[n]): n for n in task.wanted} if saved else {}
        write = tuple(n for n in saved if n not in names.streams and n not in emitted_as)
        kernel = kernels.forward_kernel(step, _name(task.dtype), task.wanted, write)
        layout = _Layout(task)
        state = {n: layout.array(given[n]) for n in kernel.states}
        spent = [given[n] for n in names.streams if n in task.spent and n not in saved and layout.owns(given[n])]
        outputs = [layout.new() for _ in task.wanted]
        outputs += [spent.pop().view(task.steps, layout.count) if spent else layout.new() for _ in write]
        layout.run(
            kernel.kernel, [state[n] for n in kernel.states], [given[n] for n in kernel.streams],
            [given[n] for n in kernel.coefficients], outputs, [],
        )  # fmt: skip
        outputs = [t.view(task.steps, *task.shape) for t in outputs]
        emitted = outputs[: len(task.wanted)]
        if differentiable:
            ctx.task, ctx.names, ctx.wanted, ctx.kept, ctx.own = task, names, wanted, saved, write
            kept = dict(zip(write, outputs[len(task.wanted) :], strict=True))
            kept |= {n: given[n] for n in saved if n in names.streams}
            kept |= {n: emitted[task.wanted.index(emitted_as[n])] for n in saved if n in emitted_as}
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
        seeds = {n: g for n in task.wanted if (g := incoming[n]) is not None}
        kernel = kernels.backward_kernel(step, _name(task.dtype), task.cuts, tuple(seeds), ctx.wanted, ctx.kept)
        saved = ctx.saved_tensors  # read once: a checkpoint computes them anew for every reading
        kept = dict(zip(ctx.kept, saved, strict=False))
        coefficients = dict(zip(names.coefficients, saved[len(ctx.kept) :], strict=True))
        layout = _Layout(task)
        state = [layout.array(incoming[f"state:{n}"]) for n in kernel.states]
        spent = [] if keeps_graph() or names.direct else [kept[n] for n in ctx.own if n in kept]
        outgoing = [spent.pop().view(task.steps, layout.count) if spent else layout.new() for _ in kernel.streams]
        sums = [layout.zeros() for _ in kernel.sums]
        layout.run(
            kernel.kernel, state, [*(seeds[n] for n in kernel.seeds), *(kept[n] for n in kernel.kept)],
            [coefficients[n] for n in kernel.coefficients], outgoing, sums,
        )  # fmt: skip
        out = {
            n: g.view(task.steps, *task.shape).sum_to_size(ctx.shapes[n])
            for n, g in zip(kernel.streams, outgoing, strict=True)
        }
        out |= {n: g.view(task.shape).sum_to_size(ctx.shapes[n]) for n, g in zip(kernel.states, state, strict=True)}
        for n, g in zip(kernel.sums, sums, strict=True):
            out[n] = g.view(task.shape).to(torch.float64).sum_to_size(ctx.shapes[n]).to(task.dtype)
        split = _direct(task, seeds, kept, coefficients, names.direct, ctx.kept) if names.direct else ()
        return (None, None, *(out.get(n) for n in (*names.streams, *names.states, *names.coefficients)), *split)


def _direct(
    task: Scan, seeds: dict[str, Tensor], kept: dict[str, Tensor], coefficients: dict[str, Tensor],
    wanted: tuple[str, ...], stored: tuple[str, ...],
) -> tuple[Tensor | None, ...]:  # fmt: skip
    """What the arrivals of each step do within that step."""
    kernel = kernels.backward_kernel(task.step, _name(task.dtype), task.cuts.instant, tuple(seeds), wanted, stored)
    layout = _Layout(task)
    outgoing = [layout.new() for _ in kernel.streams]
    layout.run(
        kernel.kernel, [], [*(seeds[n] for n in kernel.seeds), *(kept[n] for n in kernel.kept)],
        [coefficients[n] for n in kernel.coefficients], outgoing, [],
    )  # fmt: skip
    out = dict(zip(kernel.streams, outgoing, strict=True))
    return tuple(out[n].view(task.steps, *task.shape) if n in out else None for n in wanted)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


class _Layout:
    """Tensors as the kernels see them: whole vectors of neurons, and a padded copy of the few left over."""

    def __init__(self, task: Scan) -> None:
        self.steps, self.shape, self.dtype = task.steps, task.shape, task.dtype
        self.count = 1
        for n in task.shape:
            self.count *= n
        self.width = 64 // task.dtype.itemsize
        self.whole = self.count - self.count % self.width

    def array(self, tensor: Tensor | None) -> Tensor:
        """A fresh [count] copy that the kernel may write."""
        out = empty((self.count,), self.dtype)
        if tensor is None:
            return out.zero_()
        out.view(self.shape).copy_(tensor.expand(self.shape))
        return out

    def zeros(self) -> Tensor:
        return torch.zeros(self.count, dtype=self.dtype)

    def new(self) -> Tensor:
        return empty((self.steps, self.count), self.dtype)

    def owns(self, tensor: Tensor) -> bool:
        """Whether a stream has a number of its own for every neuron and step, so that others can take their place."""
        return tensor.shape == (self.steps, *self.shape) and tensor.is_contiguous() and tensor.dtype == self.dtype

    def stream(self, tensor: Tensor) -> tuple[Tensor, int, int]:
        """A stream as (tensor that owns the numbers, stride per step, stride per neuron)."""
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

    def steady(self, tensor: Tensor) -> tuple[Tensor, int]:
        """A coefficient as (tensor that owns the numbers, stride per neuron)."""
        if tensor.numel() == 1:
            return tensor.reshape(1).expand(self.width).contiguous(), 0
        return tensor.expand(self.shape).reshape(self.count).contiguous(), 1

    def run(
        self, kernel, arrays: Sequence[Tensor], streams: Sequence[Tensor], steady: Sequence[Tensor], out: Sequence[Tensor],
        sums: Sequence[Tensor],
    ) -> None:  # fmt: skip
        """Call the kernel on every tile, and once more on the left-over neurons in padded copies."""
        if self.steps == 0 or self.count == 0:
            return
        flat = [self.stream(s) for s in streams]
        still = [self.steady(s) for s in steady]
        strides = (
            [n for _, row, lane in flat for n in (row, lane)] + [lane for _, lane in still] + [self.count] * len(out)
        )
        owners = [*arrays, *(t for t, *_ in flat), *(t for t, _ in still), *out, *sums]
        pointers = [t.data_ptr() for t in owners]
        big = sum(t.numel() for t in out) * self.dtype.itemsize > _STREAMING
        streaming = int(big and self.whole == self.count and all(t.data_ptr() % 64 == 0 for t in out))
        tiles = -(-self.whole // _TILE)

        def tile(k: int) -> None:
            kernel(pointers, [self.steps, k * _TILE, min(self.whole, (k + 1) * _TILE), streaming, *strides])

        run_tiles(tile, tiles)
        if self.whole < self.count:
            self._rest(kernel, arrays, flat, still, out, sums)

    def _rest(self, kernel, arrays, flat, still, out, sums) -> None:
        left, w = self.count - self.whole, self.width

        def padded(t: Tensor) -> Tensor:
            small = t.new_zeros((*t.shape[:-1], w))
            small[..., :left] = t[..., self.whole :]
            return small

        small_arrays = [padded(t) for t in (*arrays, *sums)]
        small_streams = [
            (t, row, 0) if lane == 0 else (padded(t.reshape(t.shape[0], -1)), (0 if row == 0 else w), 1)
            for t, row, lane in flat
        ]
        small_still = [(t, 0) if lane == 0 else (padded(t), 1) for t, lane in still]
        small_out = [t.new_empty(self.steps, w) for t in out]
        first, last = small_arrays[: len(arrays)], small_arrays[len(arrays) :]
        owners = [*first, *(t for t, *_ in small_streams), *(t for t, _ in small_still), *small_out, *last]
        strides = (
            [n for _, row, lane in small_streams for n in (row, lane)]
            + [lane for _, lane in small_still]
            + [w] * len(out)
        )
        kernel([t.data_ptr() for t in owners], [self.steps, 0, w, 0, *strides])
        for whole, part in zip((*arrays, *sums, *out), (*first, *last, *small_out), strict=True):
            whole[..., self.whole :] = part[..., :left]
