"""Kernels of a scan over time: the forward pass and its adjoint, written from one program."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import sympy as sp
from llvmlite import ir

from ranvier.dynamics import WHOLE, ByStructure, Cuts, Program, Step, adjoint, choose_saved, tidy
from ranvier.kernels.cpu.scan.exact import all_if, emitted_as, exact_kept
from ranvier.kernels.cpu.scan.frame import Frame, Group, ScanRoutine
from ranvier.kernels.writer import emit

__all__ = [
    "Backward",
    "Forward",
    "backward_kernel",
    "forward_kernel",
    "saved_values",
]

#: relative price of reading a stream that exists anyway, against 1000 for one that must be written
_STREAM_COST = 400


@dataclass(frozen=True)
class Forward:
    """A forward kernel: a ``state`` is changed in place, each ``stream`` and ``coefficient`` is read, and each ``output`` and
    ``saved`` value is written."""

    kernel: ScanRoutine
    states: tuple[str, ...]
    streams: tuple[str, ...]
    coefficients: tuple[str, ...]
    outputs: tuple[str, ...]
    saved: tuple[str, ...]


@dataclass(frozen=True)
class Backward:
    """A backward kernel: the gradient of each ``state`` is changed in place, every ``seed`` (the gradient of an output),
    ``kept`` value and ``coefficient`` is read, the gradient of each ``stream`` is written, and each ``sum`` is added to."""

    kernel: ScanRoutine
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
    frame = Frame(
        dtype,
        "ranvier_forward",
        {
            "state": Group(states, exact=step.exact),
            "stream": Group(streams, row=True, lane=True, exact=step.exact),
            "coefficient": Group(coefficients, lane=True, exact=all_if(step.exact, coefficients)),
            "output": Group(outputs, row=True, exact=step.exact),
            "saved": Group(saved, row=True, exact=exact_kept(step, saved)),
        },
        exact=bool(step.exact),
    )
    (places,), (given,), (steady,) = frame.read("state"), frame.read("stream"), frame.read("coefficient")
    placed, (written, kept) = given | steady, frame.read("output", "saved")
    with frame.time() as t, frame.neurons() as i:

        def read(name: str) -> ir.Value:
            return frame.mixed.load(places[name].pointer, i) if name in places else placed[name].load(t, i)

        values = emit(frame.words, program, read)
        for name, place in places.items():
            frame.mixed.store(place.pointer, i, values[name])
        for name, stream in written.items():
            stream.store(t, i, values[name], frame.streaming)
        for name, stream in kept.items():
            stream.store(t, i, values[f"save:{name}"], frame.streaming)
    return Forward(frame.compile(), states, streams, coefficients, outputs, saved)


@lru_cache(maxsize=1024)
def _saved(key: _Key, seeds: tuple[str, ...], wanted: tuple[str, ...], passing: frozenset[str]) -> tuple[str, ...]:
    step = key.step
    needed = _adjoint(key, seeds, wanted).values
    program = step.program
    emitted = emitted_as(step, (n for n in seeds if program.outputs[n].is_Symbol))
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
    states = _carried(key)
    frame = Frame(
        dtype,
        "ranvier_backward",
        {
            "state": Group(states),
            "seed": Group(live_seeds, row=True, lane=True),
            "kept": Group(kept, row=True, lane=True, exact=exact_kept(step, kept)),
            "coefficient": Group(coefficients, lane=True, exact=all_if(step.exact, coefficients)),
            "stream": Group(streams, row=True),
            "sum": Group(sums),
        },
        exact=bool(step.exact),
    )
    (held,), (incoming,), (again_read,), (steady,), (out,), (totals,) = map(frame.read, frame.groups)
    in_state = {f"_lam_{n}": place.pointer for n, place in held.items()}
    placed = {f"_seed_{seeds.index(n)}": stream for n, stream in incoming.items()} | again_read | steady
    words, mixed = frame.words, frame.mixed
    with frame.time(reverse=True) as t, frame.neurons() as i:

        def read(name: str) -> ir.Value:
            return mixed.load(in_state[name], i) if name in in_state else placed[name].load(t, i)

        values = emit(words, program, read)
        for name in states:
            mixed.store(in_state[f"_lam_{name}"], i, values[f"grad:{name}"])
        for name, stream in out.items():
            stream.store(t, i, values[f"grad:{name}"], frame.streaming)
        for name, total in totals.items():
            mixed.store(total.pointer, i, words.add(mixed.load(total.pointer, i), values[f"grad:{name}"]))
    return Backward(frame.compile(), states, live_seeds, kept, coefficients, streams, sums)
