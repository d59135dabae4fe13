"""The loops around generated code that runs over time and neurons.

Time is the outer loop, neurons the inner one, in whole vectors. A stream is (pointer, stride per step, stride per
neuron); a coefficient (pointer, stride per neuron). Stride 0 per neuron points at one vector of equal numbers, so that
a scalar and an array run through the same code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import torch
from llvmlite import ir

from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.signature import REAL, Array, Signature
from ranvier.kernels.cpu.llvm.functions import F64, counted, flushed
from ranvier.kernels.cpu.llvm.lanes import Lanes
from ranvier.kernels.cpu.llvm.mixed import Mixed
from ranvier.kernels.cpu.llvm.processor import has_feature

__all__ = ["Frame", "Group", "Numbers", "ScanRoutine", "Stream"]

_HEAD = ("steps", "start", "stop", "streaming")


class Group(NamedTuple):
    """Arrays of one kind: whether they have a row for each step (``row``), and a stride from neuron to neuron (``lane``).

    Those in ``exact`` are float64 in kernels of any dtype.
    """

    names: tuple[str, ...]
    row: bool = False
    lane: bool = False
    exact: frozenset[str] = frozenset()

    def dtype(self, name: str, dtype: torch.dtype) -> torch.dtype:
        """That of an array in a kernel whose own numbers are ``dtype``."""
        return torch.float64 if name in self.exact else dtype


#: an array as a scan reads it: elements from one step to the next, and from one neuron to the next
Numbers = tuple[Any, int, int]  # a tensor or a place in one; row; lane


class ScanRoutine:
    """A compiled scan and the groups of its arrays by label; ``reverse`` if it goes from the last step to the first."""

    def __init__(self, routine: Routine, groups: Mapping[str, Group], reverse: bool) -> None:
        self.routine, self.groups, self.reverse = routine, groups, reverse

    @cached_property
    def pack(self) -> Callable[..., tuple[list[int], list[int], list[int]]]:
        """``pack(given, steps, start=0, stop=0, streaming=False)``: pointers, bytes by which they move per step, and integers,
        in the order of the frame's signature; ``given[label][name]`` are :data:`Numbers`.

        Raises
        ------
        TypeError, ValueError
            As :attr:`.routine.Routine.run`.
        """
        known: dict[str, Any] = {}
        lines, integers, count = (
            ["def pack(given, steps, start=0, stop=0, streaming=False):"],
            [*_HEAD[:3], "int(streaming)"],
            0,
        )
        for label, group in self.groups.items():
            for n in group.names:
                k, check = str(count), self.routine.checks[f"{label} {n}"]
                own, used = check.located(k, (), {check.name: f"x_{k}"}, "given")
                lines += [f"    x_{k}, r_{k}, l_{k} = given[{label!r}][{n!r}]", *own]
                known |= used
                integers += [f"r_{k}"] * group.row + [f"l_{k}"] * group.lane
                count += 1
        tables = [", ".join(f"{word}_{k}" for k in range(count)) for word in "ps"]
        exec("\n".join([*lines, f"    return [{tables[0]}], [{tables[1]}], [{', '.join(integers)}]"]), known)
        return known["pack"]


@dataclass(frozen=True)
class Stream:
    """Numbers that change with time: element (t, i) at t*row + i*lane."""

    frame: Frame
    pointer: ir.Value
    row: ir.Value | None
    lane: ir.Value | None

    def _at(self, t: ir.Value, i: ir.Value) -> ir.Value:
        b = self.frame.builder
        column = i if self.lane is None else b.mul(i, self.lane)
        return column if self.row is None else b.add(b.mul(t, self.row), column)

    def load(self, t: ir.Value, i: ir.Value) -> ir.Value:
        return self.frame.mixed.load(self.pointer, self._at(t, i))

    def store(self, t: ir.Value, i: ir.Value, value: ir.Value, streaming: ir.Value) -> None:
        self.frame.mixed.store(self.pointer, self._at(t, i), value, streaming)


class Frame:
    """Arguments and loops common to all scans: T, the neurons ``start`` to ``stop``, ``streaming``, and groups of arrays.

    Code computes in ``words``: vectors of ``dtype``, or with ``exact`` as many lanes of float64.
    """

    def __init__(self, dtype: str, name: str, groups: Mapping[str, Group], *, exact: bool) -> None:
        self.groups = dict(groups)
        labelled = [(f"{label} {n}", group) for label, group in groups.items() for n in group.names]
        strides = [f"{stride} of {n}" for n, group in labelled for stride in ("row", "lane") if getattr(group, stride)]
        kinds = {
            f"{label} {n}": F64 if n in group.exact else REAL for label, group in groups.items() for n in group.names
        }
        signature = Signature({n: Array(kind, ..., apart=True) for n, kind in kinds.items()}, (*_HEAD, *strides))
        self.open = signature.open(name, getattr(torch, dtype))
        self.builder = self.open.builder
        self.mixed = Mixed(Lanes(self.builder, dtype, wide=has_feature("avx512f")), exact=exact)
        self.words = self.mixed.words
        self.steps, self.start, self.stop, streaming = self.open[_HEAD]
        self.streaming = self.builder.icmp_signed("!=", streaming, ir.Constant(ir.IntType(64), 0))
        self.reverse = False

    def read(self, *labels: str) -> list[dict[str, Stream]]:
        """The arrays of some groups by name, loaded where the builder stands."""
        pointers = {label: {n: self.open[f"{label} {n}"] for n in self.groups[label].names} for label in labels}
        return [{n: self._stream(label, n, pointer) for n, pointer in pointers[label].items()} for label in labels]

    def _stream(self, label: str, name: str, pointer: ir.Value) -> Stream:
        group = self.groups[label]
        row = self.open[f"row of {label} {name}"] if group.row else None
        return Stream(self, pointer, row, self.open[f"lane of {label} {name}"] if group.lane else None)

    def time(self, reverse: bool = False):
        self.reverse = reverse
        return _Time(self, reverse)

    def neurons(self):
        return counted(self.builder, self.start, self.stop, self.words.width)

    def compile(self) -> ScanRoutine:
        return ScanRoutine(self.open.compile(), self.groups, self.reverse)


class _Time:
    """The loop over time, forwards or backwards."""

    def __init__(self, frame: Frame, reverse: bool) -> None:
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
