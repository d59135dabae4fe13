"""A scan of few numbers: what its kernels read is found once for all tasks of one kind, so that a call costs little more than they do.

Kernels, order and bits are those of :mod:`.run`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.functional import pad

from ranvier.kernels.cpu.host.derivatives import refuse_second_derivative
from ranvier.kernels.cpu.llvm.jit import packer
from ranvier.kernels.cpu.scan import kernels
from ranvier.kernels.cpu.scan.exact import emitted_as
from ranvier.kernels.cpu.scan.frame import ScanRoutine
from ranvier.kernels.tasks import Scan, ScanResult

__all__ = ["SmallScan", "small_scan"]

Tensor = torch.Tensor
#: bytes of a stream, and cells, above which the work outweighs what surrounds it
_BYTES, _CELLS = 1 << 19, 1 << 15
#: kinds of tasks that are kept
_MOST = 256
_NONE = packer(0, "d")()
_known: dict[tuple[Any, ...], SmallScan] = {}


def small_scan(task: Scan) -> SmallScan | None:
    """What runs such tasks; None where there is more to do than to run all cells once."""
    count, step = math.prod(task.shape), task.step
    size = task.dtype.itemsize
    if task.direct or step.exact or not task.steps or not count or count > _CELLS:
        return None
    if task.steps * count * size > _BYTES:
        return None
    whole, asked, kinds = (task.steps, *task.shape), torch.is_grad_enabled(), []
    for n in step.streams:
        t = task.streams.get(n)
        if t is None or t.dtype != task.dtype or not t.is_cpu:
            return None
        learnt = asked and t.requires_grad
        if t.shape == whole and t.is_contiguous():
            kinds.append((True, learnt))
        elif t.numel() == 1 and not learnt:
            kinds.append((False, False))
        else:
            return None
    for n in (*step.states, *step.counters):
        t = task.states[n]
        if t.dtype != task.dtype or t.shape != task.shape or not t.is_contiguous() or not t.is_cpu:
            return None
        kinds.append((True, asked and t.requires_grad))
    learnt = tuple(n for n in step.coefficients if asked and task.coefficients[n].requires_grad)
    each = tuple(n for n in step.coefficients if task.coefficients[n].numel() != 1)
    key = id(step), whole, task.dtype, task.wanted, task.cuts, tuple(kinds), learnt, each
    found = _known.get(key)
    if found is None or found.step is not step:
        for old in [*_known][: max(0, len(_known) - _MOST + 1)]:  # a list at once: other threads may add kinds
            _known.pop(old, None)
        found = _known[key] = SmallScan(task, kinds, learnt, each)
    return found


class SmallScan:
    """The forward kernel for tasks like ``task``, the arrays that it takes in order, and the ways back.

    ``kinds`` say of streams and then states whether they have a number for every cell and step, and a gradient; ``learnt`` are
    the coefficients with one, ``each`` those with a number for each cell.
    """

    def __init__(
        self, task: Scan, kinds: Sequence[tuple[bool, bool]], learnt: tuple[str, ...], each: tuple[str, ...]
    ) -> None:
        step = self.step = task.step
        self.streams, self.states = step.streams, (*step.states, *step.counters)
        self.learnt, self.wanted, self.cuts = learnt, task.wanted, task.cuts
        self.dtype, self.shape, self.whole = task.dtype, task.shape, (task.steps, *task.shape)
        self.count, self.width = math.prod(task.shape), 64 // task.dtype.itemsize
        self._results = [self.whole] * len(self.wanted) + [self.shape] * len(self.states)
        #: cells in whole vectors; arrays of so many hold the numbers where there are fewer cells
        self.padded = -(-self.count // self.width) * self.width
        self._pads = self.padded != self.count
        self.full = {n: full for n, (full, _) in zip(self.streams, kinds, strict=False)}
        names = (*self.streams, *self.states)
        self.needs = tuple(n for n, (_, needs) in zip(names, kinds, strict=True) if needs)
        self.asked = tuple(n for n in (*self.streams, *step.coefficients) if n in self.needs or n in learnt)
        self.learns = bool(self.needs or learnt)
        saved = kernels.saved_values(step, self.cuts, self.wanted, self.asked) if self.learns else ()
        shown = emitted_as(step, self.wanted) if saved else {}
        self.saved, self.shown = saved, {n: self.wanted.index(shown[n]) for n in saved if n in shown}
        self.write = tuple(n for n in saved if n not in self.streams and n not in shown)
        made = kernels.forward_kernel(step, str(task.dtype).removeprefix("torch."), self.wanted, self.write)
        self._last: tuple[list[float] | None, list[Tensor]] = None, []
        self._lane = {n: int(n in each) for n in step.coefficients}
        self._each = bool(each or learnt)
        self._plain = all(self.full.values()) and not self._pads
        labels = [("stream", n) for n in self.streams] + [("state", n) for n in self.states]
        labels += [("coefficient", n) for n in step.coefficients] + [("output", n) for n in self.wanted]
        self.table = _Table(self, made.kernel, labels + [("saved", n) for n in self.write])
        self._ways: dict[tuple[bool, ...], _Back] = {}

    def __call__(self, task: Scan) -> ScanResult:
        """Run a task of this kind."""
        given = [*map(task.streams.__getitem__, self.streams), *map(task.states.__getitem__, self.states)]
        steady = self._steady(task)
        if self.learns:
            out = _Function.apply(self, steady, *given, *map(task.coefficient, self.learnt))
        else:
            out = self.shaped(self.run(given, steady))
        emitted = dict(zip(self.wanted, out, strict=False))
        return ScanResult(emitted, dict(zip(self.states, out[len(self.wanted) :], strict=False)))

    def _steady(self, task: Scan) -> list[Tensor]:
        """The coefficients as kernels read them, kept as long as all numbers are the same; placeholders for learnt ones."""
        found = [*map(task.coefficients.__getitem__, self.step.coefficients)]
        numbers = None if self._each else [t.item() for t in found]
        before, spread = self._last
        if numbers is None or numbers != before:
            spread = [
                t if n in self.learnt else self.spread(n, task.coefficient(n))
                for n, t in zip(self.step.coefficients, found, strict=True)
            ]
            self._last = numbers, spread
        return spread

    def spread(self, name: str, value: Tensor) -> Tensor:
        """A coefficient as kernels read it."""
        if not self._lane[name]:
            return value.detach().reshape(1).expand(self.width).contiguous()
        return self.wide(value.detach().expand(self.shape).reshape(self.count).contiguous())

    def wide(self, t: Tensor) -> Tensor:
        """Numbers of all cells, [*shape] or [T, *shape], in whole vectors."""
        if not self._pads:
            return t
        flat = t.reshape(*t.shape[: t.shape == self.whole], self.count)
        return pad(flat, (0, self.padded - self.count))

    def narrow(self, t: Tensor, shape: tuple[int, ...]) -> Tensor:
        """Those of the cells alone, without gaps: products of torch give other last bits for rows with gaps."""
        return t.narrow(-1, 0, self.count).contiguous().view(shape) if self._pads else t

    def new(self, count: int) -> list[Tensor]:
        """Arrays for a number of each cell and step."""
        size = (self.whole[0], self.padded) if self._pads else self.whole
        return [torch.empty(size, dtype=self.dtype) for _ in range(count)]

    def strides(self, label: str, name: str) -> tuple[int, int]:
        """From one step of an array to the next, and from one cell to the next."""
        if label == "coefficient":
            return 0, self._lane[name]
        return (self.padded, 1) if self.full.get(name, True) else (0, 0)

    def laid(self, name: str, t: Tensor) -> Tensor:
        """A stream as kernels read it."""
        return self.wide(t) if self.full[name] else t.detach().reshape(1).expand(self.width).contiguous()

    def run(self, given: Sequence[Tensor], steady: Sequence[Tensor]) -> list[Tensor]:
        """What is emitted, the states after, and what the way back reads."""
        split = len(self.streams)
        finals = [self.wide(t) if self._pads else t.clone() for t in given[split:]]
        outputs = self.new(len(self.wanted) + len(self.write))
        streams = given[:split] if self._plain else [*map(self.laid, self.streams, given)]
        self.table.run((*streams, *finals, *steady, *outputs))
        return [*outputs[: len(self.wanted)], *finals, *outputs[len(self.wanted) :]]

    def shaped(self, made: Sequence[Tensor]) -> list[Tensor]:
        """What is emitted and the states after, as the task has them."""
        return [*map(self.narrow, made, self._results)]

    def way(self, given: tuple[bool, ...]) -> _Back:
        """The way back from those of the results that have a gradient."""
        if given not in self._ways:
            self._ways[given] = _Back(self, given)
        return self._ways[given]


class _Table:
    """A call of a kernel, of which only addresses change; ``labels`` say which arrays are given, in order."""

    def __init__(self, small: SmallScan, kernel: ScanRoutine, labels: Sequence[tuple[str, str]]) -> None:
        order = [(label, n) for label, group in kernel.groups.items() for n in group.names]
        integers = [small.whole[0], 0, small.padded, 0]
        for label, n in order:
            group, (row, lane) = kernel.groups[label], small.strides(label, n)
            integers += [row] * group.row + [lane] * group.lane
        self._integers, self._pointers = packer(len(integers), "q")(*integers), packer(len(order), "q")
        self._places, self._run = [labels.index(key) for key in order], kernel.routine.kernel.run

    def run(self, arrays: Sequence[Tensor]) -> None:
        """Run it to the end."""
        self._run(self._pointers(*[arrays[k].data_ptr() for k in self._places]), self._integers, _NONE)


class _Back:
    """The backward kernel for gradients of those results that are ``given``."""

    def __init__(self, small: SmallScan, given: Sequence[bool]) -> None:
        self.small = small
        self.seeds = [k for k in range(len(small.wanted)) if given[k]]
        seeds = tuple(small.wanted[k] for k in self.seeds)
        name = str(small.dtype).removeprefix("torch.")
        made = kernels.backward_kernel(small.step, name, small.cuts, seeds, small.asked, small.saved)
        self.streams, self.sums = len(made.streams), len(made.sums)
        #: the gradients that are asked for, by their places among those that the kernel writes
        every = [*made.streams, *made.states, *made.sums]
        self.asked = [(k, n) for k, n in enumerate(every) if n in small.needs or n in small.learnt]
        self._empty = (small.padded,) if small._pads else small.shape
        #: the states through which the gradient runs, by their places among the results
        self.states = [len(small.wanted) + small.states.index(n) for n in made.states]
        labels = [("seed", n) for n in seeds] + [("kept", n) for n in small.saved]
        labels += [("coefficient", n) for n in small.step.coefficients] + [("stream", n) for n in made.streams]
        labels += [("state", n) for n in made.states] + [("sum", n) for n in made.sums]
        self.table = _Table(small, made.kernel, labels)

    def run(
        self, kept: Sequence[Tensor], steady: Sequence[Tensor], grads: Sequence[Tensor | None]
    ) -> dict[str, Tensor]:
        """The gradients of streams, of states, and of coefficients for each cell."""
        small, dtype = self.small, self.small.dtype
        seeds = [small.wide(grads[k].to(dtype).contiguous()) for k in self.seeds]  # pyright: ignore[reportOptionalMemberAccess]
        made = small.new(self.streams)
        made += [self._first(grads[k]) for k in self.states]
        made += [torch.zeros(self._empty, dtype=dtype) for _ in range(self.sums)]
        self.table.run((*seeds, *kept, *steady, *made))
        return {n: small.narrow(made[k], small.whole if k < self.streams else small.shape) for k, n in self.asked}

    def _first(self, grad: Tensor | None) -> Tensor:
        """The gradient of a state after the last step, which the kernel changes."""
        out = torch.zeros(self._empty, dtype=self.small.dtype)
        if grad is not None:
            out.view(-1)[: self.small.count].copy_(grad.reshape(-1))
        return out


class _Function(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, small: SmallScan, steady: Sequence[Tensor], *tensors: Tensor) -> Any:
        split = len(small.streams) + len(small.states)
        learnt = dict(zip(small.learnt, tensors[split:], strict=True))
        ctx.sizes = [t.shape for t in learnt.values()]
        if learnt:
            steady = [
                small.spread(n, learnt[n]) if n in learnt else t
                for n, t in zip(small.step.coefficients, steady, strict=True)
            ]
        out = small.run(tensors[:split], steady)
        kept = dict(zip(small.write, out[len(small.wanted) + len(small.states) :], strict=True))
        kept |= {n: small.laid(n, t) for n, t in zip(small.streams, tensors, strict=False) if n in small.saved}
        kept |= {n: out[k] for n, k in small.shown.items()}
        ctx.small = small
        ctx.save_for_backward(*[kept[n] for n in small.saved], *steady)
        ctx.set_materialize_grads(False)
        out = small.shaped(out)
        ctx.mark_non_differentiable(*out[len(small.wanted) + len(small.step.states) :])
        return tuple(out)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Any:
        refuse_second_derivative()
        small, saved = ctx.small, ctx.saved_tensors
        count = len(small.saved)
        found = small.way(tuple(g is not None for g in grads)).run(saved[:count], saved[count:], grads)
        learnt = [
            found[n].to(torch.float64).sum_to_size(size).to(small.dtype) if n in found else None
            for n, size in zip(small.learnt, ctx.sizes, strict=True)
        ]
        return (None, None, *(found.get(n) for n in (*small.streams, *small.states)), *learnt)
