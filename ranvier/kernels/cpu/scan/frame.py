"""The loops around generated code that runs over time and neurons.

Time is the outer loop, neurons the inner one, in whole vectors. A stream is (pointer, stride per step, stride per
neuron); a coefficient (pointer, stride per neuron). Stride 0 per neuron points at one vector of equal numbers, so that
a scalar and an array run through the same code.
"""

from __future__ import annotations

from dataclasses import dataclass

from llvmlite import ir

from ranvier.kernels.cpu.llvm.functions import counted, flushed, function
from ranvier.kernels.cpu.llvm.jit import Kernel, compile_kernel, has_feature
from ranvier.kernels.cpu.llvm.lanes import Lanes

__all__ = ["Frame", "Stream"]


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
        return self.frame.lanes.load(self.pointer, self._at(t, i))

    def store(self, t: ir.Value, i: ir.Value, value: ir.Value, streaming: ir.Value) -> None:
        self.frame.lanes.store(self.pointer, self._at(t, i), value, streaming)


class Frame:
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

    def streams(self, count: int, wide: bool = True) -> list[Stream]:
        return [Stream(self, p, self._integer(), self._integer() if wide else None) for p in self.arrays(count)]

    def steady(self, count: int) -> list[Stream]:
        return [Stream(self, p, None, self._integer()) for p in self.arrays(count)]

    def time(self, reverse: bool = False):
        return _Time(self, reverse)

    def neurons(self):
        return counted(self.builder, self.start, self.stop, self.lanes.width)

    def compile(self) -> Kernel:
        return compile_kernel(self.name, self.open.text())


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
