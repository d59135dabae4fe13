"""Populations joined by projections as one differentiable operation: step by step inside, one node of torch outside.

Forward, every step gathers what arrives by event and runs the populations' kernels. Backward, steps run in reverse: the
incoming gradient of a population is what was asked of its spikes plus what its targets hand back through the weights.
The weights' own gradient is one product over all steps at the end. Single synapses of few rows are driven by lists
(:mod:`._synapses`). All of it is a schedule that one kernel walks through; only matrices with a delay per entry, and
large batches with one per synapse, return to Python, in windows of the shortest delay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from ranvier.kernels.cpu.fused import _backward, _forward
from ranvier.kernels.cpu.fused._forward import Given
from ranvier.kernels.cpu.fused._kept import Kept
from ranvier.kernels.cpu.host.derivatives import refuse_second_derivative
from ranvier.kernels.cpu.host.tuning import TUNING, Tuning
from ranvier.kernels.tasks import Feed, Feedback, Fused, ScanResult
from ranvier.storages import Stored

__all__ = ["fixed", "run_fused", "slots_of"]

Tensor = torch.Tensor


def run_fused(task: Fused, tuning: Tuning = TUNING) -> dict[str, ScanResult]:
    """Run the operation; equal to the windows of the executor up to rounding, forward and gradient."""
    slots = slots_of(task)
    flat = _FusedFunction.apply(task, tuning, slots, *(s.number(task) for s in slots))
    out, position = {}, 0
    for name, scan in task.members.items():
        states = (*scan.step.states, *scan.step.counters)
        emitted = dict(zip(scan.wanted, flat[position:], strict=False))
        position += len(scan.wanted)
        out[name] = ScanResult(emitted, dict(zip(states, flat[position:], strict=False)))
        position += len(states)
    return out


def slots_of(task: Fused) -> tuple[_Slot, ...]:
    """Every tensor of a fused operation, but for stored numbers."""
    slots: list[_Slot] = [_OfProjection("feedback", k, "weight") for k, f in enumerate(task.feedback) if _floats(f)]
    slots += [_OfProjection("feedback", k, "history") for k, f in enumerate(task.feedback) if f.history is not None]
    slots += [_OfProjection("feeds", k, "source") for k in range(len(task.feeds))]
    slots += [_OfProjection("feeds", k, "weight") for k, f in enumerate(task.feeds) if _floats(f)]
    for name, scan in task.members.items():
        slots += [_OfMember("streams", name, s) for s in scan.step.streams if s in scan.streams]
        slots += [_OfMember("states", name, s) for s in (*scan.step.states, *scan.step.counters)]
        slots += [_OfMember("coefficients", name, s) for s in scan.step.coefficients]
    return tuple(slots)


def _floats(link: Feedback | Feed) -> bool:
    return not isinstance(link.weight, Stored)


def fixed(task: Fused) -> dict[tuple[str, str], bool]:
    """False for each weight that has no gradient, because only stored numbers exist."""
    links = (
        *((f"feedback:{k}", f) for k, f in enumerate(task.feedback)),
        *((f"feeds:{k}", f) for k, f in enumerate(task.feeds)),
    )
    return {(key, "weight"): False for key, link in links if not _floats(link)}


@dataclass(frozen=True)
class _OfProjection:
    """A tensor of a numbered projection."""

    kind: str
    place: int
    name: str

    def of(self, task: Fused) -> Tensor:
        return getattr(getattr(task, self.kind)[self.place], self.name)

    def number(self, task: Fused) -> Tensor:
        return self.of(task).to(next(iter(task.members.values())).dtype)

    @property
    def key(self) -> tuple[str, str]:
        return f"{self.kind}:{self.place}", self.name


@dataclass(frozen=True)
class _OfMember:
    """A tensor of a population."""

    kind: str
    owner: str
    name: str

    def of(self, task: Fused) -> Tensor:
        return getattr(task.members[self.owner], self.kind)[self.name]

    def number(self, task: Fused) -> Tensor:
        scan = task.members[self.owner]
        return scan.coefficient(self.name) if self.kind == "coefficients" else scan.number(self.name, self.of(task))

    @property
    def key(self) -> tuple[str, str]:
        return self.owner, self.name


#: where a tensor stands in a task (``of``; ``number`` in the dtype in which kernels read it), and the name by which it is known (``key``)
_Slot = _OfProjection | _OfMember


class _FusedFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, task: Fused, tuning: Tuning, slots: tuple[_Slot, ...], *tensors: Tensor):
        needs = {s.key: needed for s, needed in zip(slots, ctx.needs_input_grad[3:], strict=True)} | fixed(task)
        given: Given = {s.key: t.detach() for s, t in zip(slots, tensors, strict=True)}
        made = _forward.run(task, given, needs, tuning)
        result: list[Tensor] = []
        for name, scan in task.members.items():
            member = made.members[name]
            result += [member.shaped(member.out[n].tensor, scan.steps) for n in scan.wanted]
            finals = [member.unpadded(member.state[n]) for n in (*scan.step.states, *scan.step.counters)]
            ctx.mark_non_differentiable(*finals[len(scan.step.states) :])
            result += finals
        if any(needs.values()):
            ctx.kept, ctx.slots, ctx.needs = Kept(task, made), slots, needs
            ctx.save_for_backward(*ctx.kept.release())
            ctx.shapes = {s.key: t.shape for s, t in zip(slots, tensors, strict=True)}
            ctx.set_materialize_grads(False)
        return tuple(result)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None):
        refuse_second_derivative()
        incoming: dict[str, Mapping[str, Tensor | None]] = {}
        position = 0
        task = ctx.kept.task
        for name, scan in task.members.items():
            names = (*scan.wanted, *(f"state:{n}" for n in (*scan.step.states, *scan.step.counters)))
            incoming[name] = dict(zip(names, grads[position : position + len(names)], strict=True))
            position += len(names)
        ctx.kept.restore(ctx.saved_tensors)
        found = _backward.run(task, ctx.kept.made, incoming, ctx.needs)
        ctx.kept.forget()
        dtype = next(iter(task.members.values())).dtype
        out = {k: g if g.shape == ctx.shapes[k] else g.sum_to_size(ctx.shapes[k]) for k, g in found.items()}
        return (None, None, None, *(out[s.key].to(dtype) if s.key in out else None for s in ctx.slots))
