"""Cells that fire in a step, and cells that are free again after a spike: a bit for every cell.

The loop over cells writes its spikes as bits, without a branch; a second, short loop turns the bits into a list. Where a counter
(steps of refractoriness left) is set to one number by every spike, all that the first loop reads of it is one bit, too: cells
are freed from the list of those that fired that many steps ago.
"""

from __future__ import annotations

from functools import lru_cache

import sympy as sp
from llvmlite import ir

from ranvier.dynamics.functions import gt
from ranvier.kernels.cpu.circuit.form import Member
from ranvier.kernels.cpu.llvm.functions import I32, I64, at, counted, local, offset, splat, when
from ranvier.kernels.cpu.llvm.lanes import Lanes

__all__ = ["UNIT", "Bits", "fixed_counters", "list_fired", "release"]

#: cells that are looked at together; threads share cells in such units
UNIT = 64


@lru_cache(maxsize=256)
def fixed_counters(member: Member) -> dict[str, str]:
    """Counters of which a bit is enough, and the coefficient that each spike sets them to."""
    program, out = member.step.program, {}
    shared = set(member.step.coefficients) - set(member.varied)
    for name in member.step.counters:
        counter, rule = sp.Symbol(name), program.outputs[name]
        if name in member.recorded or rule.func.__name__ != "select" or rule.args[0] != sp.Symbol("spike"):
            continue
        read = [s.expression for s in program.statements]
        read += [e for n, e in program.outputs.items() if n != name]
        only_tested = all(counter not in e.xreplace({gt(1, counter): sp.Integer(0)}).free_symbols for e in read)
        if only_tested and str(rule.args[1]) in shared and rule.args[2].free_symbols == {counter}:
            out[name] = str(rule.args[1])
    return out


class Bits:
    """A bit for every cell at ``pointer`` (bytes), read and written a vector at a time."""

    def __init__(self, lanes: Lanes, pointer: ir.Value) -> None:
        self.lanes, self.pointer = lanes, pointer

    def place(self, i: ir.Value, kind: ir.Type) -> ir.Value:
        """Where the bits from cell ``i`` on are."""
        b = self.lanes.builder
        return b.bitcast(at(b, self.pointer, b.lshr(i, I64(3))), kind.as_pointer())

    def load(self, i: ir.Value) -> ir.Value:
        """Those of a vector, as one number."""
        return self.lanes.builder.load(self.place(i, ir.IntType(self.lanes.width)), align=1)

    def store(self, i: ir.Value, bits: ir.Value) -> None:
        """Those of a vector, as one number."""
        self.lanes.builder.store(bits, self.place(i, bits.type), align=1)

    def keep(self, i: ir.Value, mask: ir.Value) -> None:
        """Clear those of a vector that are not in the mask."""
        self.store(i, self.lanes.builder.and_(self.load(i), self.lanes.packed(mask)))

    def set(self, cell: ir.Value) -> None:
        """The bit of one cell."""
        b = self.lanes.builder
        place = self.place(cell, ir.IntType(8))
        bit = b.trunc(b.shl(I64(1), b.and_(cell, I64(7))), ir.IntType(8))
        b.store(b.or_(b.load(place), bit), place)


def list_fired(
    lanes: Lanes, group: dict, cells: tuple[ir.Value, ir.Value], n: ir.Value, holding: dict[str, ir.Value]
) -> None:
    """Append those of [low, high) whose bit is set to the list of step ``n``; ``holding``: steps for which counters hold."""
    b, bits = lanes.builder, Bits(lanes, group["fired"])
    low, high = cells
    _leave_spare(lanes, bits, group, cells)
    filled = at(b, group["bounds"], b.add(n, I64(1)))
    fill = local(b, b.load(filled))
    ends = {name: b.trunc(b.add(b.add(n, I64(1)), steps), I32) for name, steps in holding.items()}
    words, count = b.bitcast(group["fired"], I64.as_pointer()), local(b, I64(0))
    found = at(b, group["found"], b.udiv(low, I64(UNIT)))
    with counted(b, b.udiv(low, I64(UNIT)), b.udiv(b.add(high, I64(UNIT - 1)), I64(UNIT))) as k:
        some = b.icmp_unsigned("!=", b.load(at(b, words, k)), I64(0))
        b.store(b.trunc(k, I32), at(b, found, b.load(count)))  # without a branch, which the processor could not predict
        b.store(b.add(b.load(count), b.zext(some, I64)), count)
    with counted(b, 0, b.load(count)) as e:
        k = offset(b, b.load(at(b, found, e)))
        first, left = b.mul(k, I64(UNIT)), local(b, b.load(at(b, words, k)))
        head, after = b.append_basic_block("fired"), b.append_basic_block("none_left")
        b.branch(head)
        b.position_at_end(head)
        now = b.load(left)
        cell, where = b.add(first, b.cttz(now, ir.Constant(ir.IntType(1), 1))), b.load(fill)
        b.store(b.trunc(cell, I32), at(b, group["spikes"], where))
        for name, end in ends.items():
            b.store(end, at(b, group["counters"][name], cell))
        b.store(b.add(where, I64(1)), fill)
        rest = b.and_(now, b.sub(now, I64(1)))
        b.store(rest, left)
        b.cbranch(b.icmp_unsigned("!=", rest, I64(0)), head, after)
        b.position_at_end(after)
    b.store(b.load(fill), filled)


def _leave_spare(lanes: Lanes, bits: Bits, group: dict, cells: tuple[ir.Value, ir.Value]) -> None:
    """Clear the bits of spare lanes, which repeat the last cell; each sample has its own where there are several."""
    b, (low, high) = lanes.builder, cells
    if "apart" not in group:
        with when(b, b.icmp_signed(">", high, group["cells"])):
            last = b.sub(high, I64(lanes.width))
            bits.keep(last, lanes.first(b.sub(group["cells"], last)))
        return
    apart, width = group["apart"], I64(lanes.width)
    held = lanes.first(b.sub(group["cells"], b.sub(apart, width)))
    with (
        when(b, b.icmp_signed(">", apart, group["cells"])),
        counted(b, b.add(low, apart), b.add(high, I64(1)), apart) as end,
    ):
        last = b.sub(end, width)
        bits.keep(last, held)


def release(lanes: Lanes, group: dict, name: str, steps: ir.Value, n: ir.Value) -> None:
    """Before step ``n``: set the bits of the cells whose counter ``name`` has run out, ``steps`` after it was set.

    What was set before the call may run out at any time; while there is such a cell all are looked at.
    """
    b, ends = lanes.builder, group["counters"][name]
    free = Bits(lanes, group["free"][name])
    order = ir.VectorType(I32, lanes.width)
    with b.if_else(b.icmp_signed("<=", n, group["waiting"][name])) as (early, later):
        with early, counted(b, group["low"], group["high"], lanes.width) as i:
            end = b.load(b.bitcast(at(b, ends, i), order.as_pointer()), align=4)
            over = b.icmp_signed("<=", end, splat(b, b.trunc(n, I32), lanes.width))
            free.store(i, lanes.packed(over))
        with later:
            fired = b.sub(b.sub(n, I64(1)), steps)
            with when(b, b.icmp_signed(">=", fired, I64(0))):
                start, stop = (b.load(at(b, group["bounds"], b.add(fired, I64(k)))) for k in (0, 1))
                with counted(b, start, stop) as k:
                    cell = offset(b, b.load(at(b, group["spikes"], k)))
                    end = b.load(at(b, ends, cell))
                    with when(b, b.icmp_signed("<=", end, b.trunc(n, I32))):  # or it fired again
                        free.set(cell)
