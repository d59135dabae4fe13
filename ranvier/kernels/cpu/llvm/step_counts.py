"""Counts of spikes for cells in a step: the vector code of ``ranvier.values.counts``, bit for bit.

A *unit* is 64 cells, which share the counters of eight elements: half a word for each cell. The words of a chunk of 32 cells are drawn
only where the half of one of them leaves its count open.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from llvmlite import ir

from ranvier.kernels.cpu.host.signature import Array
from ranvier.kernels.cpu.llvm.functions import I32, I64, again, at, counted, local, splat, vector_at, when
from ranvier.kernels.cpu.llvm.philox import Stream
from ranvier.kernels.cpu.llvm.step_words import CHUNK, chunk_words, unit_halves

__all__ = ["LIMIT_ARRAYS", "LIMIT_NUMBERS", "UNIT", "Limits", "UnitCounts", "each_bit", "unit_counts"]

UNIT = 64
#: units whose halves are drawn ahead
_AHEAD = 16
_I16 = ir.IntType(16)
#: the arguments of a law: its thresholds, and three numbers
LIMIT_ARRAYS = {"coarse": Array(_I16, None), "fine": Array(I32, None)}
LIMIT_NUMBERS = ("per_step", "count", "padded")


class Limits(NamedTuple):
    """The thresholds of a law of counts in one step: ``count`` pairs, or with ``each`` rows of ``padded`` cells."""

    coarse: ir.Value
    fine: ir.Value
    count: ir.Value
    padded: ir.Value
    each: bool

    @classmethod
    def at_row(cls, b: ir.IRBuilder, values: Mapping[str, ir.Value], row: ir.Value, each: bool) -> Limits:
        """Those of row ``row`` of a law, whose arguments ``values`` holds by name."""
        first = b.mul(row, values["per_step"])
        coarse, fine = (at(b, values[n], first) for n in LIMIT_ARRAYS)
        return cls(coarse, fine, values["count"], values["padded"], each)

    def place(self, b: ir.IRBuilder, k: ir.Value, cell: ir.Value) -> ir.Value:
        """Where number ``k`` of a cell stands."""
        return b.add(b.mul(k, self.padded), cell) if self.each else k

    def of_unit(self, b: ir.IRBuilder, k: ir.Value, begin: ir.Value) -> ir.Value:
        """Number ``k`` for the halves of the cells of a unit: a vector of i16."""
        place = at(b, self.coarse, self.place(b, k, begin))
        return b.load(vector_at(b, place, 0, UNIT), align=2) if self.each else splat(b, b.load(place), UNIT)


class UnitCounts(NamedTuple):
    """The cells from ``begin`` on: ``tally`` points to their 64 counts (i16); a cell without a bit in ``some`` counts 0."""

    begin: ir.Value
    tally: ir.Value
    some: ir.Value

    def vector(self, b: ir.IRBuilder, first: int, width: int) -> ir.Value:
        """The counts of ``width`` cells from ``begin`` + ``first`` on."""
        return b.load(vector_at(b, self.tally, first, width), align=2)


@contextmanager
def unit_counts(
    b: ir.IRBuilder, span: tuple[ir.Value, ir.Value], sample: ir.Value, stream: Stream, limits: Limits
) -> Iterator[UnitCounts]:
    """Loop over the units of the cells [low, high); low is a multiple of 64.

    The halves of several units are drawn first, without a branch: a processor that guesses wrongly which unit holds a spike would throw
    away those that it has begun to draw.
    """
    halves, tally, words = _room(b, _I16, UNIT * _AHEAD), _room(b, _I16, UNIT), _room(b, I32, CHUNK)
    found = _room(b, I64, _AHEAD)
    low, high = span
    with counted(b, low, high, UNIT * _AHEAD) as first:
        end = b.add(first, I64(UNIT * _AHEAD))
        end = b.select(b.icmp_signed("<", end, high), end, high)
        with counted(b, first, end, UNIT) as begin:
            unit, ahead = unit_halves(b, begin, sample, stream), b.sub(begin, first)
            b.store(unit, b.bitcast(at(b, halves, ahead), unit.type.as_pointer()))
            reached = b.icmp_signed(">=", unit, limits.of_unit(b, I64(0), begin))
            b.store(b.bitcast(reached, I64), at(b, found, b.udiv(ahead, I64(UNIT))))
        with counted(b, first, end, UNIT) as begin:
            own = at(b, halves, b.sub(begin, first))
            some, left = local(b, I64(0)), local(b, I64(0))
            b.store(ir.Constant(ir.VectorType(_I16, UNIT), [0] * UNIT), vector_at(b, tally, 0, UNIT))
            any_ = b.load(at(b, found, b.udiv(b.sub(begin, first), I64(UNIT))))
            with when(b, b.icmp_unsigned("!=", any_, I64(0))):
                _sure(b, b.load(vector_at(b, own, 0, UNIT)), begin, tally, limits, some, left)
                with when(b, b.icmp_unsigned("!=", b.load(left), I64(0))), counted(b, 0, UNIT, CHUNK) as part:
                    few = b.and_(b.lshr(b.load(left), part), I64((1 << CHUNK) - 1))
                    with when(b, b.icmp_unsigned("!=", few, I64(0))):
                        for k, drawn in enumerate(chunk_words(b, b.add(begin, part), sample, stream)):
                            b.store(drawn, vector_at(b, words, k * drawn.type.count, drawn.type.count))
                        with each_bit(b, few) as lane:
                            place = b.add(part, lane)
                            half, word = b.load(at(b, own, place)), b.load(at(b, words, lane))
                            _refine(b, at(b, tally, place), half, word, b.add(begin, place), limits)
            yield UnitCounts(begin, tally, b.or_(b.load(some), b.load(left)))


@contextmanager
def each_bit(b: ir.IRBuilder, bits: ir.Value) -> Iterator[ir.Value]:
    """Loop over the places of the bits of an i64, from the lowest on."""
    left = local(b, bits)
    with again(b, lambda: b.icmp_unsigned("!=", b.load(left), I64(0))):
        now = b.load(left)
        yield b.cttz(now, ir.IntType(1)(1))
        b.store(b.and_(now, b.sub(now, I64(1))), left)


def _sure(
    b: ir.IRBuilder, unit: ir.Value, begin: ir.Value, tally: ir.Value, limits: Limits, some: ir.Value, left: ir.Value
) -> None:  # fmt: skip
    """Write the counts that the halves of a unit reach for sure; ``some`` and ``left``: the bits of cells above 0, and of those
    whose count is open."""
    counts, to, turn = unit.type, vector_at(b, tally, 0, UNIT), local(b, I64(0))
    body, after = b.append_basic_block("counting"), b.append_basic_block("counted")
    b.branch(body)
    b.position_at_end(body)
    k = b.load(turn)
    limit = limits.of_unit(b, k, begin)
    above, equal = b.icmp_signed(">", unit, limit), b.icmp_signed("==", unit, limit)
    reached, level = (b.bitcast(found, I64) for found in (above, equal))
    b.store(b.add(b.load(to), b.zext(above, counts)), to)
    b.store(b.or_(b.load(some), reached), some)
    b.store(b.or_(b.load(left), level), left)
    following = b.add(k, I64(1))
    b.store(following, turn)
    more = b.icmp_unsigned("!=", b.or_(reached, level), I64(0))
    b.cbranch(b.and_(more, b.icmp_signed("<", following, limits.count)), body, after)
    b.position_at_end(after)


def _refine(
    b: ir.IRBuilder, to: ir.Value, half: ir.Value, word: ir.Value, cell: ir.Value, limits: Limits
) -> None:  # fmt: skip
    """Go on with the count of a cell at ``to``: the thresholds of its half follow those that the half exceeds."""
    number, reached = b.ashr(word, I32(1)), local(b, b.zext(b.load(to), I64))
    head, test, body, after = (b.append_basic_block(n) for n in ("refine", "level", "reaches", "refined"))
    b.branch(head)
    b.position_at_end(head)
    k = b.load(reached)
    b.cbranch(b.icmp_signed("<", k, limits.count), test, after)
    b.position_at_end(test)
    place = limits.place(b, k, cell)
    level = b.icmp_signed("==", b.load(at(b, limits.coarse, place)), half)
    b.cbranch(b.and_(level, b.icmp_signed(">=", number, b.load(at(b, limits.fine, place)))), body, after)
    b.position_at_end(body)
    b.store(b.add(k, I64(1)), reached)
    b.branch(head)
    b.position_at_end(after)
    b.store(b.trunc(b.load(reached), _I16), to)


def _room(b: ir.IRBuilder, kind: ir.Type, count: int) -> ir.Value:
    """Room for a vector, on the stack."""
    with b.goto_entry_block():
        return b.bitcast(b.alloca(ir.VectorType(kind, count)), kind.as_pointer())
