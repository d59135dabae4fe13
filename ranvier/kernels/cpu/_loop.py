"""A cycle of populations as one differentiable operation: short windows inside, one node of torch's graph outside.

Forward, every window gathers what arrives from inside the cycle by event and runs the populations' kernels. Backward,
windows run in reverse: a population's incoming gradient is what was asked of its spikes plus what its targets hand
back through the weights. The weights' own gradient is one product over all steps at the end.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ranvier.errors import StateError
from ranvier.kernels._task import Feedback, Loop, Scan, ScanResult
from ranvier.kernels.cpu import _scan_kernels as kernels
from ranvier.kernels.cpu._buffers import empty
from ranvier.kernels.cpu._delay_loop import DelayedFeedback, Flight
from ranvier.kernels.cpu._derivatives import refuse_second_derivative
from ranvier.kernels.cpu._direct import add_product
from ranvier.kernels.cpu._events import events
from ranvier.kernels.cpu._pool import run_tiles
from ranvier.kernels.cpu._products import input_gradient
from ranvier.kernels.cpu._sparse import scatter, sparse_input_gradient, value_gradient
from ranvier.kernels.cpu._weight_gradient import weight_gradient

__all__ = ["loop"]

Tensor = torch.Tensor
_TILE = 4096


def loop(task: Loop) -> dict[str, ScanResult]:
    """Run the cycle; equal to the windows of the executor up to rounding, forward and gradient."""
    slots = [_Slot("feedback", k, "weight") for k in range(len(task.feedback))]
    slots += [_Slot("feedback", k, "history") for k, f in enumerate(task.feedback) if f.history is not None]
    for name, scan in task.members.items():
        slots += [_Slot("streams", name, s) for s in scan.step.streams if s in scan.streams]
        slots += [_Slot("states", name, s) for s in (*scan.step.states, *scan.step.counters)]
        slots += [_Slot("coefficients", name, s) for s in scan.step.coefficients]
    dtype = next(iter(task.members.values())).dtype
    flat = _LoopFunction.apply(task, tuple(slots), *(s.of(task).to(dtype) for s in slots))
    out, position = {}, 0
    for name, scan in task.members.items():
        states = (*scan.step.states, *scan.step.counters)
        emitted = dict(zip(scan.wanted, flat[position:], strict=False))
        position += len(scan.wanted)
        out[name] = ScanResult(emitted, dict(zip(states, flat[position:], strict=False)))
        position += len(states)
    return out


@dataclass(frozen=True)
class _Slot:
    """One tensor of a loop: where it stands in the task."""

    kind: str
    owner: str | int
    name: str

    def of(self, task: Loop) -> Tensor:
        if self.kind == "feedback":
            return getattr(task.feedback[int(self.owner)], self.name)
        return getattr(task.members[str(self.owner)], self.kind)[self.name]


class _Member:
    """One population's kernels and buffers; rows are padded to whole vectors, so no step has left-over neurons."""

    def __init__(self, scan: Scan, fed: frozenset[str], given: dict[str, Tensor]) -> None:
        self.scan, self.given = scan, given
        self.count = 1
        for n in scan.shape:
            self.count *= n
        self.width = 64 // scan.dtype.itemsize
        self.padded = -(-self.count // self.width) * self.width
        self.fed = fed
        self.streams: dict[str, Tensor] = {}
        self.state: dict[str, Tensor] = {}
        self.out: dict[str, Tensor] = {}

    def padded_copy(self, t: Tensor, apart: int = 0) -> Tensor:
        """[T, *shape] or [*shape] numbers as own rows of whole vectors, ``apart`` vectors between; spare lanes repeat the last neuron."""
        rows = t.shape[0] if t.ndim == len(self.scan.shape) + 1 else None
        flat = t.expand(*(() if rows is None else (rows,)), *self.scan.shape).reshape(
            *(() if rows is None else (rows,)), self.count
        )
        out = empty((*flat.shape[:-1], self.padded + apart * self.width), self.scan.dtype)[..., : self.padded]
        out[..., : self.count] = flat
        if self.padded > self.count:
            out[..., self.count :] = flat[..., -1:]
        return out

    def rows(self, t: Tensor, start: int, stop: int) -> Tensor:
        """Steps [start, stop) of a buffer as [steps * B, N]."""
        batch = self.scan.shape[0]
        if self.padded == self.count and t.is_contiguous():
            return t.view(-1, self.count // batch)[start * batch : stop * batch]
        return t[start:stop, : self.count].reshape(-1, self.count // batch)

    def add(self, t: Tensor, start: int, stop: int, value: Tensor) -> None:
        """Add rows [steps * B, N] to steps [start, stop) of a buffer."""
        t[start:stop, : self.count] += value.reshape(stop - start, self.count)

    def steady(self, name: str) -> tuple[Tensor, int]:
        c = self.given[name]
        if c.numel() == 1:
            return c.reshape(1).expand(self.width).contiguous(), 0
        return self.padded_copy(c.expand(self.scan.shape)), 1

    def run(
        self,
        kernel,
        arrays: list[Tensor],
        timed: list[Tensor],
        steady: list[tuple[Tensor, int]],
        out: list[Tensor],
        sums: list[Tensor],
    ):
        """A call for any window: pointers advance by rows, everything else is fixed."""
        fixed = [t.data_ptr() for t in arrays]
        moving = [(t.data_ptr(), t.element_size() * (t.stride(0) if t.shape[0] > 1 else 0)) for t in timed]
        still = [t.data_ptr() for t, _ in steady]
        written = [(t.data_ptr(), t.element_size() * t.stride(0)) for t in out]
        totals = [t.data_ptr() for t in sums]
        strides = (
            [n for t in timed for n in ((t.stride(0) if t.shape[0] > 1 else 0), 1)]
            + [lane for _, lane in steady]
            + [self.padded] * len(out)
        )
        size = self.padded if torch.get_num_threads() == 1 else _TILE  # a neuron's result does not depend on its tile
        tiles = -(-self.padded // size)
        keep = (arrays, timed, steady, out, sums)

        def call(start: int, stop: int) -> None:
            pointers = [
                *fixed,
                *(p + start * s for p, s in moving),
                *still,
                *(p + start * s for p, s in written),
                *totals,
            ]

            def tile(k: int) -> None:
                kernel(pointers, [stop - start, k * size, min(self.padded, (k + 1) * size), 0, *strides])

            run_tiles(tile, tiles)

        call.keep = keep  # type: ignore[attr-defined]
        return call


class _LoopFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx, task: Loop, slots: tuple[_Slot, ...], *tensors: Tensor):
        needs = dict(zip(slots, ctx.needs_input_grad[2:], strict=True))
        values = dict(zip(slots, (t.detach() for t in tensors), strict=True))
        weights = [values[_Slot("feedback", k, "weight")] for k in range(len(task.feedback))]
        transposed = [
            w.t().contiguous() if f.pattern is None and w.ndim == 2 else w
            for w, f in zip(weights, task.feedback, strict=True)
        ]
        steps = next(iter(task.members.values())).steps
        members, calls, kept = {}, {}, {}
        differentiable = any(needs.values())
        for name, scan in task.members.items():
            fed = frozenset(f.stream for f in task.feedback if f.post == name)
            late = {f.stream for f in task.feedback if f.post == name and isinstance(f, DelayedFeedback)}
            given = {s.name: v for s, v in values.items() if s.owner == name}
            member = members[name] = _Member(scan, fed, given)
            wanted = tuple(
                n for n in (*scan.step.streams, *scan.step.coefficients) if n in fed or _needed(needs, name, n)
            )
            outputs = tuple(dict.fromkeys((task.emission, *scan.wanted)))
            saved = kernels.saved_values(scan.step, scan.cut_reset, outputs, wanted) if differentiable else ()
            emitted_as = {str(scan.step.program.outputs[n]): n for n in outputs}
            write = tuple(n for n in saved if n not in scan.step.streams and n not in emitted_as)
            kernel = kernels.forward_kernel(scan.step, _name(scan.dtype), outputs, write)
            member.state = {n: member.padded_copy(given[n]) for n in kernel.states}
            for s in scan.step.streams:
                x = given[s]
                x = x.expand(steps, *scan.shape) if s in fed else x
                member.streams[s] = member.padded_copy(x, apart=int(s in late))
            out = [empty((steps, member.padded), scan.dtype) for _ in (*outputs, *write)]
            member.out = dict(zip((*outputs, *write), out, strict=True))
            calls[name] = member.run(
                kernel.kernel, [member.state[n] for n in kernel.states], [member.streams[n] for n in kernel.streams],
                [member.steady(n) for n in kernel.coefficients], out, [],
            )  # fmt: skip
            kept[name] = (saved, wanted, outputs, emitted_as)
        histories = {k: values.get(_Slot("feedback", k, "history")) for k in range(len(task.feedback))}
        flights = {
            k: Flight(f, weights[k], histories[k], members, task.emission)
            for k, f in enumerate(task.feedback)
            if isinstance(f, DelayedFeedback)
        }
        for flight in flights.values():
            flight.begin()
        for start in range(0, steps, task.window):
            stop = min(start + task.window, steps)
            for name in members:
                for k, f in enumerate(task.feedback):
                    if f.post == name and k not in flights:
                        _arrive(f, members, transposed[k], histories[k], task.emission, start, stop)
                calls[name](start, stop)
                for flight in flights.values():
                    if flight.feedback.pre == name:
                        flight.depart(start, stop)
        result: list[Tensor] = []
        for name, scan in task.members.items():
            member = members[name]
            shape = (steps, *scan.shape)
            result += [_unpadded(member.out[n], member.count, shape) for n in scan.wanted]
            finals = [
                _unpadded(member.state[n], member.count, scan.shape) for n in (*scan.step.states, *scan.step.counters)
            ]
            ctx.mark_non_differentiable(*finals[len(scan.step.states) :])
            result += finals
        if differentiable:
            ctx.task, ctx.slots, ctx.members, ctx.kept, ctx.weights, ctx.needs = (
                task,
                slots,
                members,
                kept,
                weights,
                needs,
            )
            ctx.histories, ctx.flights = histories, flights
            ctx.shapes = {s: v.shape for s, v in values.items()}
            ctx.set_materialize_grads(False)
        return tuple(result)

    @staticmethod
    def backward(ctx, *grads: Tensor | None):
        refuse_second_derivative()
        task, members, needs = ctx.task, ctx.members, ctx.needs
        steps = next(iter(task.members.values())).steps
        incoming, position = {}, 0
        for name, scan in task.members.items():
            names = (*scan.wanted, *(f"state:{n}" for n in (*scan.step.states, *scan.step.counters)))
            incoming[name] = dict(zip(names, grads[position : position + len(names)], strict=True))
            position += len(names)
        calls, asked, gradient, lam, sums = {}, {}, {}, {}, {}
        for name, scan in task.members.items():
            member: _Member = members[name]
            saved, wanted, outputs, emitted_as = ctx.kept[name]
            seeds = tuple(n for n in outputs if n == task.emission or incoming[name].get(n) is not None)
            kernel = kernels.backward_kernel(scan.step, _name(scan.dtype), scan.cut_reset, seeds, wanted, saved)
            seeded = {}
            for n in seeds:
                g = incoming[name].get(n)
                seeded[n] = (
                    torch.zeros(steps, member.padded, dtype=scan.dtype) if g is None else _zero_padded(member, g)
                )
            asked[name] = seeded[task.emission]
            lam[name] = {n: _zero_padded(member, incoming[name][f"state:{n}"]) for n in kernel.states}
            buffers = {n: member.streams[n] if n in member.streams else member.out[emitted_as.get(n, n)] for n in saved}
            gradient[name] = {n: empty((steps, member.padded), scan.dtype) for n in kernel.streams}
            sums[name] = {n: torch.zeros(member.padded, dtype=scan.dtype) for n in kernel.sums}
            calls[name] = member.run(
                kernel.kernel, [lam[name][n] for n in kernel.states], [*(seeded[n] for n in kernel.seeds), *(buffers[n] for n in kernel.kept)],
                [member.steady(n) for n in kernel.coefficients], list(gradient[name].values()), list(sums[name].values()),
            )  # fmt: skip
        for flight in ctx.flights.values():
            flight.listen(gradient[flight.feedback.post][flight.feedback.stream])
        borders = list(range(0, steps, task.window))
        for start in reversed(borders):
            stop = min(start + task.window, steps)
            for name in reversed(list(members)):
                for k, f in enumerate(task.feedback):
                    if f.pre == name and start + f.latency < steps:
                        last = min(stop, steps - f.latency)
                        if k in ctx.flights:
                            members[name].add(asked[name], start, last, ctx.flights[k].hand_back(start, last))
                        else:
                            given = members[f.post].rows(
                                gradient[f.post][f.stream], start + f.latency, last + f.latency
                            )
                            _hand_back_into(members[name], asked[name], start, last, f, ctx.weights[k], given)
                calls[name](start, stop)
                for flight in ctx.flights.values():
                    if flight.feedback.post == name:
                        flight.land(start, stop)
        out: dict[_Slot, Tensor] = {}
        for k, f in enumerate(task.feedback):
            _feedback_gradients(k, f, ctx, members, gradient, out, needs, steps)
        for slot in ctx.slots:
            if slot.kind == "feedback" or not needs[slot]:
                continue
            name = str(slot.owner)
            scan, member = task.members[name], members[name]
            if slot.kind == "streams":
                value = _unpadded(gradient[name][slot.name], member.count, (steps, *scan.shape))
            elif slot.kind == "states":
                if slot.name not in lam[name]:
                    continue
                value = _unpadded(lam[name][slot.name], member.count, scan.shape)
            else:
                value = _unpadded(sums[name][slot.name], member.count, scan.shape).to(torch.float64)
            out[slot] = value.sum_to_size(ctx.shapes[slot]).to(scan.dtype)
        return (None, None, *(out.get(s) for s in ctx.slots))


def _needed(needs: dict[_Slot, bool], name: str, tensor: str) -> bool:
    """Whether a tensor of the population ``name`` needs a gradient."""
    return next((needed for s, needed in needs.items() if s.owner == name and s.name == tensor), False)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _unpadded(t: Tensor, count: int, shape: tuple[int, ...]) -> Tensor:
    return t[..., :count].reshape(shape)


def _zero_padded(member: _Member, g: Tensor | None) -> Tensor:
    if g is None:
        return torch.zeros(member.padded, dtype=member.scan.dtype)
    lead = g.shape[: g.ndim - len(member.scan.shape)]
    out = torch.zeros(*lead, member.padded, dtype=member.scan.dtype)
    out[..., : member.count] = g.reshape(*lead, member.count)
    return out


def _spikes(
    f: Feedback, members: dict[str, _Member], history: Tensor | None, emission: str, start: int, stop: int
) -> Tensor:
    """Emissions of ``f.pre`` in steps [start, stop) as rows [(stop - start) * B, K]; negative steps read the history."""
    pre = members[f.pre]
    batch = pre.scan.shape[0]
    pieces = []
    if start < 0:
        if history is None:
            raise StateError(
                f"{f.pre!r} has no history, but its spikes take {f.latency} steps: pass the last {f.latency}."
            )
        past = history.shape[0]
        pieces.append(history[past + start : past + min(stop, 0)].reshape(-1, pre.count // batch))
    if stop > 0:
        pieces.append(pre.rows(pre.out[emission], max(start, 0), stop))
    return (pieces[0] if len(pieces) == 1 else torch.cat(pieces)).contiguous()


def _arrive(
    f: Feedback,
    members: dict[str, _Member],
    weight: Tensor,
    history: Tensor | None,
    emission: str,
    start: int,
    stop: int,
) -> None:
    post = members[f.post]
    fired = _spikes(f, members, history, emission, start - f.latency, stop - f.latency)
    target = post.streams[f.stream]
    exact = post.padded == post.count
    rows = post.rows(target, start, stop) if exact else post.rows(target, start, stop).clone()
    if f.pattern is None:
        add_product(fired, weight, rows)
    else:
        scatter(events(fired), f.pattern, weight, rows)
    if not exact:
        target[start:stop, : post.count] = rows.reshape(stop - start, post.count)


def _hand_back(f: Feedback, weight: Tensor, grad: Tensor) -> Tensor:
    grad = grad.contiguous()
    return input_gradient(grad, weight) if f.pattern is None else sparse_input_gradient(f.pattern, weight, grad)


def _hand_back_into(
    member: _Member, t: Tensor, start: int, stop: int, f: Feedback, weight: Tensor, grad: Tensor
) -> None:
    """Add what targets hand back through the weights to steps [start, stop) of ``t``."""
    if f.pattern is None and member.padded == member.count and t.is_contiguous():
        rows = member.rows(t, start, stop)
        torch.addmm(rows, grad, weight, out=rows)
    else:
        member.add(t, start, stop, _hand_back(f, weight, grad))


def _feedback_gradients(k: int, f: Feedback, ctx, members, gradient, out, needs, steps: int) -> None:
    slot, history = _Slot("feedback", k, "weight"), ctx.histories[k]
    if k in ctx.flights:
        if needs[slot]:
            out[slot] = ctx.flights[k].tap_gradient()
        slot = _Slot("feedback", k, "history")
        if needs.get(slot):
            out[slot] = ctx.flights[k].history_gradient()
        return
    grad = members[f.post].rows(gradient[f.post][f.stream], 0, steps).contiguous()
    if needs[slot]:
        fired = events(_spikes(f, members, history, ctx.task.emission, -f.latency, steps - f.latency))
        out[slot] = weight_gradient(fired, grad).t() if f.pattern is None else value_gradient(fired, f.pattern, grad)
    slot = _Slot("feedback", k, "history")
    if needs.get(slot):
        batch = members[f.pre].scan.shape[0]
        count = min(f.latency, steps)
        back = _hand_back(f, ctx.weights[k], grad[: count * batch])
        whole = torch.zeros_like(history)
        first = history.shape[0] - f.latency
        whole[first : first + count] = back.reshape(count, *history.shape[1:])
        out[slot] = whole
