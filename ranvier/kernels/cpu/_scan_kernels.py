"""Kernels of a scan over time: the forward pass and its adjoint, written from one program.

Time is the outer loop, neurons the inner one, in whole vectors. A stream is (pointer, stride per step, stride per
neuron); a coefficient (pointer, stride per neuron). Stride 0 per neuron points at one vector of equal numbers, so that
a scalar and an array run through the same code.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import sympy as sp
from llvmlite import ir

from ranvier.dynamics import WHOLE, ByStructure, Cuts, Program, Step, adjoint, choose_saved, tidy
from ranvier.kernels.cpu._emit import emit
from ranvier.kernels.cpu._jit import Kernel, compile_kernel, has_feature
from ranvier.kernels.cpu._lanes import Lanes
from ranvier.kernels.cpu._loops import counted, flushed, function

__all__ = ["Backward", "Forward", "backward_kernel", "forward_kernel", "saved_values"]

#: relative price of reading a stream that exists anyway, against 1000 for one that must be written
_STREAM_COST = 400


@dataclass(frozen=True)
class Forward:
    """Argument order of a forward kernel: states (in place), streams, coefficients, outputs, saved values."""

    kernel: Kernel
    states: tuple[str, ...]
    streams: tuple[str, ...]
    coefficients: tuple[str, ...]
    outputs: tuple[str, ...]
    saved: tuple[str, ...]


@dataclass(frozen=True)
class Backward:
    """Argument order: state gradients (in place), incoming streams, kept streams, coefficients, outgoing, sums."""

    kernel: Kernel
    states: tuple[str, ...]
    seeds: tuple[str, ...]
    kept: tuple[str, ...]
    coefficients: tuple[str, ...]
    streams: tuple[str, ...]
    sums: tuple[str, ...]


class _Key(ByStructure):
    """A step hashed by its structure, so that equal structures share kernels."""

    def __init__(self, step: Step, cuts: Cuts) -> None:
        self.step, self.cuts, self.key = step, cuts, (step.key, cuts)


def forward_kernel(step: Step, dtype: str, outputs: tuple[str, ...], saved: tuple[str, ...]) -> Forward:
    """The kernel that advances the states over T steps and writes outputs and saved values."""
    return _forward(_Key(step, WHOLE), dtype, outputs, saved)


@lru_cache(maxsize=1024)
def _forward(key: _Key, dtype: str, outputs: tuple[str, ...], saved: tuple[str, ...]) -> Forward:
    step = key.step
    states = (*step.states, *step.counters)
    program = step.program
    keep = {f"save:{n}": sp.Symbol(n) for n in saved}
    program = Program(program.statements, {**program.outputs, **keep}).only((*states, *outputs, *keep))
    reads = set(program.reads)
    streams = tuple(n for n in step.streams if n in reads)
    coefficients = tuple(n for n in step.coefficients if n in reads)
    frame = _Frame(dtype, "ranvier_forward")
    in_state = frame.arrays(len(states))
    in_stream = frame.streams(len(streams))
    in_coefficient = frame.steady(len(coefficients))
    out = frame.streams(len(outputs) + len(saved), wide=False)
    with frame.time() as t, frame.neurons() as i:
        places = dict(zip(states, in_state, strict=True))
        placed = dict(zip(streams, in_stream, strict=True)) | dict(zip(coefficients, in_coefficient, strict=True))

        def read(name: str) -> ir.Value:
            return frame.lanes.load(places[name], i) if name in places else placed[name].load(t, i)

        values = emit(frame.lanes, program, read)
        for name, place in places.items():
            frame.lanes.store(place, i, values[name])
        for name, stream in zip((*outputs, *keep), out, strict=True):
            stream.store(t, i, values[name], frame.streaming)
    return Forward(frame.compile(), states, streams, coefficients, outputs, saved)


@lru_cache(maxsize=1024)
def _saved(key: _Key, seeds: tuple[str, ...], wanted: tuple[str, ...], passing: frozenset[str]) -> tuple[str, ...]:
    step = key.step
    needed = _adjoint(key, seeds, wanted).values
    program = step.program
    emitted = {str(program.outputs[s]): s for s in seeds if program.outputs[s].is_Symbol}
    cost = {value: _STREAM_COST for value, name in emitted.items() if name not in passing}
    cost |= {n: _STREAM_COST for n in step.streams if n not in passing} | dict.fromkeys(step.coefficients, 0)
    return choose_saved(program, needed, cost)


def saved_values(
    step: Step, cuts: Cuts, seeds: tuple[str, ...], wanted: tuple[str, ...], passing: frozenset[str] = frozenset()
) -> tuple[str, ...]:
    """The fewest streams to keep so that the adjoint can be run: names of values, states at the step's start or streams.

    ``passing`` names streams and outputs that would not exist as a whole unless they are kept.
    """
    return _saved(_Key(step, cuts), seeds, wanted, passing)


@lru_cache(maxsize=1024)
def _adjoint(key: _Key, seeds: tuple[str, ...], wanted: tuple[str, ...]):
    step = key.step
    states = _carried(key)
    program = key.cuts.apply(step).only((*states, *seeds))
    names = {n: f"_lam_{n}" for n in states} | {n: f"_seed_{k}" for k, n in enumerate(seeds)}
    return adjoint(program, names, (*states, *wanted), step.surrogate)


def _carried(key: _Key) -> tuple[str, ...]:
    """The states through which the gradient runs back in time."""
    return key.step.states if key.cuts.carry_to_weights else ()


def backward_kernel(
    step: Step, dtype: str, cuts: Cuts, seeds: tuple[str, ...], wanted: tuple[str, ...], kept: tuple[str, ...],
    same: tuple[str, ...] = (),
) -> Backward:  # fmt: skip
    """The kernel that runs the adjoint from the last step to the first.

    ``seeds`` are the outputs with an incoming gradient, ``wanted`` streams and coefficients whose gradient is asked for,
    ``kept`` the values the forward pass saved; of streams that are the ``same`` at all steps the gradient is summed, too.
    """
    return _backward(_Key(step, cuts), dtype, seeds, wanted, kept, same)


@lru_cache(maxsize=1024)
def _backward(
    key: _Key, dtype: str, seeds: tuple[str, ...], wanted: tuple[str, ...], kept: tuple[str, ...], same: tuple[str, ...]
) -> Backward:
    step = key.step
    reverse = _adjoint(key, seeds, wanted)
    again = [s for s in step.program.statements if str(s.target) not in kept]
    program = tidy([*again, *reverse.program.statements], reverse.program.outputs, "_b")
    reads = set(program.reads)
    kept = tuple(n for n in kept if n in reads)
    coefficients = tuple(n for n in step.coefficients if n in reads)
    live_seeds = tuple(n for k, n in enumerate(seeds) if f"_seed_{k}" in reads)
    streams = tuple(n for n in wanted if n in step.streams)
    sums = tuple(n for n in wanted if n in step.coefficients or n in same)
    frame = _Frame(dtype, "ranvier_backward")
    states = _carried(key)
    in_state = dict(zip((f"_lam_{n}" for n in states), frame.arrays(len(states)), strict=True))
    placed = dict(zip((f"_seed_{seeds.index(n)}" for n in live_seeds), frame.streams(len(live_seeds)), strict=True))
    placed |= dict(zip(kept, frame.streams(len(kept)), strict=True))
    placed |= dict(zip(coefficients, frame.steady(len(coefficients)), strict=True))
    out = frame.streams(len(streams), wide=False)
    totals = frame.arrays(len(sums))
    lanes = frame.lanes
    with frame.time(reverse=True) as t, frame.neurons() as i:

        def read(name: str) -> ir.Value:
            return lanes.load(in_state[name], i) if name in in_state else placed[name].load(t, i)

        values = emit(lanes, program, read)
        for name in states:
            lanes.store(in_state[f"_lam_{name}"], i, values[f"grad:{name}"])
        for name, stream in zip(streams, out, strict=True):
            stream.store(t, i, values[f"grad:{name}"], frame.streaming)
        for name, total in zip(sums, totals, strict=True):
            lanes.store(total, i, lanes.add(lanes.load(total, i), values[f"grad:{name}"]))
    return Backward(frame.compile(), states, live_seeds, kept, coefficients, streams, sums)


@dataclass(frozen=True)
class _Stream:
    """Numbers that change with time: element (t, i) at t*row + i*lane."""

    frame: _Frame
    pointer: ir.Value
    row: ir.Value | None
    lane: ir.Value | None

    def _at(self, t: ir.Value, i: ir.Value) -> ir.Value:
        b = self.frame.builder
        column = i if self.lane is None else b.mul(i, self.lane)
        return column if self.row is None else b.add(b.mul(t, self.row), column)

    def load(self, t: ir.Value, i: ir.Value) -> ir.Value:
        return self.frame.lanes.load(self.pointer, self._at(t, i))

    def store(self, t: ir.Value, i: ir.Value, value: ir.Value, streaming: ir.Value) -> None:
        self.frame.lanes.store(self.pointer, self._at(t, i), value, streaming)


class _Frame:
    """Arguments and loops common to all scans: integers are T, first neuron, last neuron, streaming, then strides."""

    def __init__(self, dtype: str, name: str) -> None:
        self.open = function(name)
        self.name = name
        self.builder = self.open.builder
        self.lanes = Lanes(self.builder, dtype, wide=has_feature("avx512f"))
        self.steps, self.start, self.stop, streaming = (self.open.integer(k) for k in range(4))
        self.streaming = self.builder.icmp_signed("!=", streaming, ir.Constant(ir.IntType(64), 0))
        self._pointers, self._integers = 0, 4

    def arrays(self, count: int) -> list[ir.Value]:
        out = [self.open.pointers(self._pointers + k, self.lanes.scalar) for k in range(count)]
        self._pointers += count
        return out

    def _integer(self) -> ir.Value:
        self._integers += 1
        return self.open.integer(self._integers - 1)

    def streams(self, count: int, wide: bool = True) -> list[_Stream]:
        return [_Stream(self, p, self._integer(), self._integer() if wide else None) for p in self.arrays(count)]

    def steady(self, count: int) -> list[_Stream]:
        return [_Stream(self, p, None, self._integer()) for p in self.arrays(count)]

    def time(self, reverse: bool = False):
        return _Time(self, reverse)

    def neurons(self):
        return counted(self.builder, self.start, self.stop, self.lanes.width)

    def compile(self) -> Kernel:
        return compile_kernel(self.name, self.open.text())


class _Time:
    """The loop over time, forwards or backwards."""

    def __init__(self, frame: _Frame, reverse: bool) -> None:
        self.frame, self.reverse = frame, reverse
        self._flush = flushed(frame.builder)
        self._loop = counted(frame.builder, 0, frame.steps)

    def __enter__(self) -> ir.Value:
        self._flush.__enter__()
        n = self._loop.__enter__()
        b = self.frame.builder
        return b.sub(b.sub(self.frame.steps, n), ir.Constant(ir.IntType(64), 1)) if self.reverse else n

    def __exit__(self, *error) -> None:
        self._loop.__exit__(*error)
        self._flush.__exit__(*error)
