"""Draw the targets of compressed rows: with replacement, without, or each with a probability; ascending in every row.

Row r of a stream reads the counted numbers of step r alone, so rows may be drawn by any thread, or one by one later.

* *with replacement*: d sorted uniform numbers are the partial sums of d + 1 exponential ones over their total
  (L. Devroye, *Non-Uniform Random Variate Generation*, 1986, chapter V), so nothing is sorted.
* *without*: R. W. Floyd's sampling (Bentley and Floyd, *Commun. ACM* 30, 1987) into a bit per choice, read in order.
* *with probability p*: the gaps between targets are geometric, floor(log u / log(1 - p)) (Devroye, chapter X).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from llvmlite import ir

from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.signature import Array, Signature
from ranvier.kernels.cpu.llvm.functions import I32, I64, again, at, counted, local, when
from ranvier.kernels.cpu.llvm.lanes import Lanes
from ranvier.kernels.cpu.llvm.philox import Stream, uniform_lanes
from ranvier.kernels.pool import run_tiles
from ranvier.kernels.tasks import RowDraw

__all__ = [
    "bernoulli_kernel",
    "bernoulli_rows",
    "distinct_kernel",
    "distinct_rows",
    "numbers_of",
    "repeated_kernel",
    "repeated_rows",
    "row_uniforms",
]

_WIDTH = 8
_TILE = 1 << 18  # synapses that pay for a tile of their own
_LOW = 0xFFFFFFFF


def repeated_rows(draw: RowDraw, row_pointer: np.ndarray) -> np.ndarray:
    """Int32 targets ``[row_pointer[-1]]``, each any choice with equal probability, repetitions allowed."""
    target = np.empty(int(row_pointer[-1]), np.int32)
    longest = int(np.diff(row_pointer).max(initial=0))
    _run(repeated_kernel(), draw, row_pointer, target, lambda: np.empty(longest + 2 * _WIDTH, np.float64))
    return target


def distinct_rows(draw: RowDraw, row_pointer: np.ndarray) -> np.ndarray:
    """Int32 targets ``[row_pointer[-1]]``, all subsets of the choices of a row with equal probability."""
    target = np.empty(int(row_pointer[-1]), np.int32)
    words = draw.choices // 64 + 1
    _run(distinct_kernel(), draw, row_pointer, target, lambda: np.zeros(words, np.int64))
    return target


def bernoulli_rows(draw: RowDraw, rows: int, p: float) -> tuple[np.ndarray, np.ndarray]:
    """Row pointer (int64) and int32 targets where every choice of each of ``rows`` rows is taken with probability p.

    0 < p < 1. The rows are drawn twice, first to be counted.
    """
    pointer = np.zeros(rows + 1, np.int64)
    steady = np.arange(rows + 1, dtype=np.int64) * max(1, int(draw.choices * p))  # the split into tiles
    kernel, scale = bernoulli_kernel(), 1.0 / np.log1p(-p)
    _run(kernel, draw, pointer, None, None, steady, scale=scale)
    np.cumsum(pointer, out=pointer)
    target = np.empty(int(pointer[-1]), np.int32)
    _run(kernel, draw, pointer, target, None, pointer, scale=scale)
    return pointer, target


def row_uniforms(draw: RowDraw, row_pointer: np.ndarray) -> np.ndarray:
    """Float64 numbers strictly between 0 and 1, one per synapse: number j of the stream of its row for synapse j."""
    out = np.empty(int(row_pointer[-1]) + _WIDTH, np.float64)
    arrays = {"row_pointer": torch.from_numpy(row_pointer), "target": None, "scratch": torch.from_numpy(out)}
    _uniforms_kernel().run(**arrays, **numbers_of(draw), start=0, stop=len(row_pointer) - 1, write=True)
    return out[: out.size - _WIDTH]


def _run(
    kernel: Routine, draw: RowDraw, row_pointer: np.ndarray, target: np.ndarray | None,
    scratch: Callable[[], np.ndarray] | None, weights: np.ndarray | None = None, **reals: float,
) -> None:  # fmt: skip
    """Run a kernel over tiles of rows that hold about equally many synapses; tiles never depend on the threads."""
    weights = row_pointer if weights is None else weights
    rows = len(row_pointer) - 1
    pieces = max(1, min(rows, int(weights[-1]) // _TILE))
    borders = np.searchsorted(weights, np.linspace(0, int(weights[-1]), pieces + 1)[1:-1])
    borders = [0, *borders.tolist(), rows]
    written = None if target is None else torch.from_numpy(target)
    given = {"row_pointer": torch.from_numpy(row_pointer), "target": written, **numbers_of(draw), **reals}

    def task(i: int) -> None:
        space = None if scratch is None else torch.from_numpy(scratch())
        kernel.run(**given, scratch=space, start=borders[i], stop=borders[i + 1], write=written is not None)

    run_tiles(task, pieces)


def numbers_of(draw: RowDraw) -> dict[str, int]:
    """The arguments of a kernel that describe a draw; ``first`` is the number of the first row."""
    numbers = {"key0": draw.key[0], "key1": draw.key[1], "stream": draw.stream, "first": draw.first}
    return {**numbers, "choices": draw.choices, "barred": int(draw.barred)}


def _signature(scratch: ir.Type, *reals: str) -> Signature:
    arrays = {
        "row_pointer": Array(I64, None),
        "target": Array(I32, None, optional=True),
        "scratch": Array(scratch, None, optional=True),
    }
    return Signature(arrays, ("key0", "key1", "stream", "first", "start", "stop", "choices", "barred", "write"), reals)


class _Rows:
    """The frame of the four kernels: a loop over rows, its stream, and how a target is written."""

    def __init__(self, name: str, scratch: ir.Type, *reals: str) -> None:
        f = self.function = _signature(scratch, *reals).open(name)
        self.b = f.builder
        self.lanes = Lanes(self.b, "float64")
        self.pointer, self.target = f["row_pointer", "target"]
        k0, k1, self.stream, self.first, self.start, self.stop, self.choices, self.barred, self.write = f.integers()
        self.key = (k0, k1)

    def of(self, row: ir.Value) -> tuple[Stream, ir.Value]:
        """The stream of a row, and the target from which numbers move up by one."""
        number = self.b.add(self.first, row)
        none = self.choices
        edge = self.b.select(self.b.icmp_signed("!=", self.barred, I64(0)), number, none)
        return Stream(self.key, self.b.and_(number, I64(_LOW)), self.stream), edge

    def put(self, place: ir.Value, choice: ir.Value, edge: ir.Value) -> None:
        """Write one target."""
        b = self.b
        moved = b.add(choice, b.zext(b.icmp_signed(">=", choice, edge), I64))
        b.store(b.trunc(moved, I32), at(b, self.target, place))

    def row_bounds(self, row: ir.Value) -> tuple[ir.Value, ir.Value]:
        """Where the row's synapses start and stop."""
        b = self.b
        return b.load(at(b, self.pointer, row)), b.load(at(b, self.pointer, b.add(row, I64(1))))

    def at_most(self, choice: ir.Value) -> ir.Value:
        """A quotient rounded up to the number of choices is the last of them."""
        last = self.b.sub(self.choices, I64(1))
        return self.b.select(self.b.icmp_signed("<", choice, last), choice, last)


@cache
def repeated_kernel() -> Routine:
    """Targets with replacement; scratch holds the partial sums of the longest row."""
    k = _Rows("repeated_rows", ir.DoubleType())
    b, lanes, double = k.b, k.lanes, k.lanes.scalar
    sums = k.function["scratch"]
    with counted(b, k.start, k.stop) as row:
        low, high = k.row_bounds(row)
        stream, edge = k.of(row)
        degree = b.sub(high, low)
        with counted(b, I64(0), b.add(degree, I64(1)), _WIDTH) as j:
            lanes.store(sums, j, lanes.neg(lanes.log(uniform_lanes(lanes, j, stream))))
        total = local(b, double(0.0))
        with counted(b, I64(0), b.add(degree, I64(1))) as j:
            value = b.fadd(b.load(total), b.load(at(b, sums, j)))
            b.store(value, total)
            b.store(value, at(b, sums, j))
        scale = b.fdiv(b.sitofp(k.choices, double), b.load(total))
        with counted(b, I64(0), degree) as j:
            choice = b.fptosi(b.fmul(b.load(at(b, sums, j)), scale), I64)
            k.put(b.add(low, j), k.at_most(choice), edge)
    return k.function.compile()


@cache
def distinct_kernel() -> Routine:
    """Targets without replacement; scratch holds a bit per choice, all 0 before and after."""
    k = _Rows("distinct_rows", I64)
    b, lanes, double = k.b, k.lanes, k.lanes.scalar
    bits = k.function["scratch"]
    with b.goto_entry_block():
        block = b.alloca(double, size=I64(_WIDTH))
    with counted(b, k.start, k.stop) as row:
        low, high = k.row_bounds(row)
        stream, edge = k.of(row)
        degree = b.sub(high, low)
        base = b.sub(k.choices, degree)
        with counted(b, I64(0), degree, _WIDTH) as j:
            lanes.store(block, I64(0), uniform_lanes(lanes, j, stream))
            left = b.sub(degree, j)
            here = b.select(b.icmp_signed("<", left, I64(_WIDTH)), left, I64(_WIDTH))
            with counted(b, I64(0), here) as i:
                newest = b.add(base, b.add(j, i))
                drawn = b.fmul(b.load(at(b, block, i)), b.sitofp(b.add(newest, I64(1)), double))
                chosen = b.fptosi(drawn, I64)
                taken = b.and_(b.load(at(b, bits, b.lshr(chosen, I64(6)))), b.shl(I64(1), b.and_(chosen, I64(63))))
                chosen = b.select(b.icmp_unsigned("!=", taken, I64(0)), newest, chosen)
                word = at(b, bits, b.lshr(chosen, I64(6)))
                b.store(b.or_(b.load(word), b.shl(I64(1), b.and_(chosen, I64(63)))), word)
        place = local(b, low)
        with counted(b, I64(0), b.add(b.lshr(k.choices, I64(6)), I64(1))) as w:
            left = local(b, b.load(at(b, bits, w)))
            b.store(I64(0), at(b, bits, w))
            with again(b, lambda left=left: b.icmp_unsigned("!=", b.load(left), I64(0))):
                word = b.load(left)
                choice = b.add(b.shl(w, I64(6)), b.cttz(word, ir.Constant(ir.IntType(1), 1)))
                b.store(b.and_(word, b.sub(word, I64(1))), left)
                where = b.load(place)
                k.put(where, choice, edge)
                b.store(b.add(where, I64(1)), place)
    return k.function.compile()


@cache
def bernoulli_kernel() -> Routine:
    """Every choice with a probability. Counts go to ``row pointer[row + 1]``, or targets from ``row pointer[row]`` on.

    ``scale`` is 1 / log(1 - p).
    """
    k = _Rows("bernoulli_rows", I64, "scale")
    b, lanes, double = k.b, k.lanes, k.lanes.scalar
    scale = lanes.splat(k.function["scale"])
    far = lanes.splat(b.sitofp(k.choices, double))
    with b.goto_entry_block():
        block = b.alloca(I64, size=I64(_WIDTH))
    wide = ir.VectorType(I64, _WIDTH)
    writing = b.icmp_signed("!=", k.write, I64(0))
    with counted(b, k.start, k.stop) as row:
        stream, edge = k.of(row)
        low = b.load(at(b, k.pointer, row))
        count, last, element = (local(b, I64(n)) for n in (0, -1, 0))
        with again(b, lambda last=last: b.icmp_signed("<", b.load(last), k.choices)):
            first = b.load(element)
            gap = lanes.minimum(lanes.mul(lanes.log(uniform_lanes(lanes, first, stream)), scale), far)
            store = b.store(b.fptosi(gap, wide), b.bitcast(block, wide.as_pointer()))
            store.align = 8
            b.store(b.add(first, I64(_WIDTH)), element)
            with counted(b, I64(0), I64(_WIDTH)) as i:
                choice = b.add(b.add(b.load(last), I64(1)), b.load(at(b, block, i)))
                b.store(choice, last)
                with when(b, b.icmp_signed("<", choice, k.choices)):
                    number = b.load(count)
                    with when(b, writing):
                        k.put(b.add(low, number), choice, edge)
                    b.store(b.add(number, I64(1)), count)
        with when(b, b.not_(writing)):
            b.store(b.load(count), at(b, k.pointer, b.add(row, I64(1))))
    return k.function.compile()


@cache
def _uniforms_kernel() -> Routine:
    """A number per synapse, to scratch; a row's last vector runs into the next row, which is written after it."""
    k = _Rows("row_uniforms", ir.DoubleType())
    b, lanes = k.b, k.lanes
    out = k.function["scratch"]
    with counted(b, k.start, k.stop) as row:
        low, high = k.row_bounds(row)
        stream, _ = k.of(row)
        with counted(b, I64(0), b.sub(high, low), _WIDTH) as j:
            lanes.store(out, b.add(low, j), uniform_lanes(lanes, j, stream))
    return k.function.compile()
