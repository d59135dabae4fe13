"""One compiled loop for a whole circuit: arrive, advance, fire, reset and deliver, step after step.

A projection with one latency adds its weights in the step of their arrival, straight to the state where that is all the
cell does with them. Where synapses have latencies of their own, arrivals wait in a ring, one per population and port:
slot (step mod length) holds what arrives in that step. Either way the order of addition is that of steps, projections and
cells, whatever the cut of the run.

Threads share the cells: each advances its own range of every population and adds to the rings of that range only, so
nothing is written by two and the order of addition is that of one thread. Each waits for another before it reads what that one
fired, once per *slice*, as many steps as the shortest latency: a spike of the slice arrives after it.

A counter (steps of refractoriness left) is kept as the step at which it ends, which changes only when a cell fires; mostly
the loop over cells needs no more of it than a bit (:mod:`._fired`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from llvmlite import ir

from ranvier.dynamics import ByStructure, Step
from ranvier.kernels.cpu.circuit._advance import advance
from ranvier.kernels.cpu.circuit._deliver import deliver
from ranvier.kernels.cpu.circuit._drawn import deliver_drawn, drawn_arguments
from ranvier.kernels.cpu.circuit._drive import drive, drive_arguments
from ranvier.kernels.cpu.circuit.blocks import empty_bin, file_rows
from ranvier.kernels.cpu.circuit.fired import fixed_counters, release
from ranvier.kernels.cpu.host.arguments import TABLES, Arguments, entry, inner
from ranvier.kernels.cpu.host.barrier import Barrier
from ranvier.kernels.cpu.llvm.functions import I8, I32, I64, at, counted, flushed, function, local, when
from ranvier.kernels.cpu.llvm.jit import Kernel, compile_kernel, has_feature
from ranvier.kernels.cpu.llvm.lanes import Lanes
from ranvier.kernels.cpu.plastic.loop import PlasticLoop
from ranvier.kernels.tasks import RowRule

__all__ = ["Member", "Wire", "circuit_kernel"]


@dataclass(frozen=True, eq=False)
class Member(ByStructure):
    """A population as the loop sees it.

    ``rings`` are the streams fed by projections of the circuit, ``outside`` those given as arrays for the whole call
    (a stream may be both), ``recorded`` the variables written every ``every`` steps, ``varied`` the coefficients with a
    value per cell; the others stay in registers. ``direct`` are the rings that are the states themselves, ``drives``
    the streams of Poisson drives.
    """

    step: Step
    rings: tuple[str, ...]
    outside: tuple[str, ...]
    recorded: tuple[str, ...]
    varied: tuple[str, ...] = ()
    direct: tuple[str, ...] = ()
    drives: tuple[str, ...] = ()

    @property
    def key(self) -> tuple:
        """What the generated code depends on."""
        return (self.step.key, self.rings, self.outside, self.recorded, self.varied, self.direct, self.drives)


@dataclass(frozen=True)
class Wire:
    """A projection: indices of its populations and ring, and whether weight and latency are one number for all.

    ``latency_bits`` is the size of a stored latency: 8 (unsigned), 16 or 32; ``target_bits`` that of a stored target. ``drawn`` names the
    kernel that draws rows which are not stored; ``by_block`` says that spikes go to the bins of blocks of cells first.

    With a ``rule`` its weights are plastic; then ``pre`` may be -1 for spikes from outside the circuit. ``ascending`` says
    that targets ascend in each row, none twice. Plastic projections follow all others.
    """

    pre: int
    post: int
    ring: int
    one_weight: bool
    one_latency: bool
    rule: RowRule | None = None
    latency_bits: int = 32
    target_bits: int = 32
    drawn: str | None = None
    by_block: bool = False
    ascending: bool = False


@lru_cache(maxsize=256)
def circuit_kernel(members: tuple[Member, ...], wires: tuple[Wire, ...], dtype: str) -> Kernel:
    """The kernel; arguments in the order :class:`_Writer` reads them (``_circuit.run`` packs them)."""
    return compile_kernel("ranvier_circuit", _Writer(members, wires, dtype).text())


class _Writer:
    def __init__(self, members: tuple[Member, ...], wires: tuple[Wire, ...], dtype: str) -> None:
        self.open = function("ranvier_circuit")
        self.builder = self.open.builder
        self.dtype = dtype
        self.scalar = Lanes(self.builder, dtype).scalar
        pointers, integers, _ = self.builder.function.args
        self.arguments = Arguments(self.builder, pointers, integers, self.scalar)
        self.members, self.wires = members, wires
        self.functions: dict[tuple, ir.Function] = {}

    def text(self) -> str:
        b = self.builder
        arguments = self.arguments
        first, steps, every, depth, together = (arguments.integer() for _ in range(5))
        barrier = Barrier(b, arguments.pointer(I64), arguments.integer(), arguments.integer())
        tables = []
        groups = []
        for member in self.members:
            tables.append(arguments.rest())
            groups.append(self._group(member, arguments))
        plain = [(w, self._wire_arguments(w)) for w in self.wires if w.rule is None]
        steady = [(w, v) for w, v in plain if w.one_latency]
        varied = [(w, v) for w, v in plain if not w.one_latency]
        plastic = PlasticLoop(self.open.module, arguments, self.dtype, groups, [m.rings for m in self.members])
        for wire in self.wires:
            if wire.rule is not None:
                plastic.take(wire, wire.rule)
        # history first: spikes fired before this call whose arrivals lie within it
        with counted(b, 0, depth) as k:
            step = b.add(b.sub(first, depth), k)
            for wire, values in varied:
                past = groups[wire.pre]["past"], groups[wire.pre]["past_bounds"]
                self._spread(wire, values, groups, *past, k, step, least=b.sub(first, step))
        with flushed(b), counted(b, 0, steps, together) as begin:
            end = b.add(begin, together)
            end = b.select(b.icmp_signed("<", end, steps), end, steps)
            with counted(b, begin, end) as n:
                for wire, values in steady:
                    self._collect(wire, values, groups, barrier, n, b.add(first, n), depth)
                plastic.step(n, b.add(first, n), depth)
                for k, (member, where) in enumerate(zip(self.members, tables, strict=True)):
                    bins = [(w, v) for w, v in steady if w.by_block and w.post == k]
                    self._step_cells(member, where, groups[k], bins, (n, first, every))
            barrier.reach(end)
            if varied:
                with counted(b, begin, end) as n:
                    for wire, values in varied:
                        with barrier.each() as thread:
                            barrier.wait(thread, end)
                            fired = self._fired(groups[wire.pre], thread)
                            self._spread(wire, values, groups, *fired, n, b.add(first, n))
        with flushed(b):
            plastic.finish(steps)
        return self.open.text()

    def _group(self, member: Member, arguments: Arguments) -> dict:
        step = member.step
        group: dict = {name: arguments.integer() for name in ("cells", "padded", "low", "high", "block", "thread")}
        group["states"] = {n: arguments.pointer() for n in step.states}
        fixed = fixed_counters(member)
        group["counters"] = {n: arguments.pointer(I32 if n in fixed else None) for n in step.counters}
        group["fired"], group["found"] = arguments.pointer(I8), arguments.pointer(I32)
        group["free"] = {n: arguments.pointer(I8) for n in fixed}
        group["waiting"] = {n: arguments.integer() for n in fixed}
        group["steps"] = {n: arguments.integer() for n in fixed}
        group["coefficients"] = {n: arguments.pointer() for n in step.coefficients}
        group["rings"] = {n: (arguments.pointer(), arguments.integer()) for n in member.rings}
        group["outside"] = {n: (arguments.pointer(), arguments.integer(), arguments.integer()) for n in member.outside}
        group["recorded"] = {n: arguments.pointer() for n in member.recorded}
        group["lists"], group["borders"] = arguments.pointer(I64), arguments.pointer(I64)
        group["spikes"] = entry(arguments.b, group["lists"], group["thread"], I32)
        group["bounds"] = entry(arguments.b, group["borders"], group["thread"], I64)
        group["past"], group["past_bounds"] = arguments.pointer(I32), arguments.pointer(I64)
        group["log"], group["counts"] = arguments.pointer(I32), arguments.pointer(I32)
        group["capacity"] = arguments.integer()
        group["drives"] = [drive_arguments(arguments) for _ in member.drives]
        return group

    def _step_cells(
        self, member: Member, where: tuple, group: dict, bins: list[tuple[Wire, dict]], time: tuple
    ) -> None:
        """Advance this thread's cells of a population by a step: block by block where arrivals wait in bins."""
        b, (n, first, _) = self.builder, time
        b.store(b.load(at(b, group["bounds"], n)), at(b, group["bounds"], b.add(n, I64(1))))
        if group["free"]:
            b.call(self._of_member("release", member, 1, _release), [*where, n])
        passed = local(b, I64(0))
        with counted(b, group["low"], group["high"], group["block"]) as low:
            high = b.add(low, group["block"])
            high = b.select(b.icmp_signed("<", high, group["high"]), high, group["high"])
            for wire, values in bins:
                stream = member.rings[wire.ring]
                ring, length = group["rings"][stream]
                base = b.and_(low, I64(~0xFFFF))
                if stream not in member.direct:
                    base = b.add(base, b.mul(b.srem(b.add(first, n), length), group["padded"]))
                block = b.add(values["first"], b.load(passed))
                self._inside("empty", wire, values, [at(b, ring, base), block], empty_bin)
            if bins:
                b.store(b.add(b.load(passed), I64(1)), passed)
            b.call(self._of_member("advance", member, 5, _advance), [*where, *time, low, high])

    def _of_member(self, what: str, member: Member, numbers: int, write: Callable[..., None]) -> ir.Function:
        """A function of such a population, which takes its tables and ``numbers``; equal populations share it."""
        key = (what, member.key)
        if key not in self.functions:
            made, b = inner(self.open.module, f"{what}_{len(self.functions)}", [*TABLES, *[I64] * numbers])
            pointers, integers, *given = made.args
            lanes = Lanes(b, self.dtype, wide=has_feature("avx512f"))
            write(lanes, member, self._group(member, Arguments(b, pointers, integers, self.scalar)), *given)
            b.ret_void()
            self.functions[key] = made
        return self.functions[key]

    def _inside(self, what: str, wire: Wire, values: dict, given: list, write: Callable) -> None:
        """Call what ``write`` writes for a wire whose rows go to bins."""
        names = [n for n in values if n != "latency"]
        key = (what, wire.one_weight)
        if key not in self.functions:
            kinds = [values[n].type for n in names] + [v.type for v in given]
            made, b = inner(self.open.module, f"{what}_{len(self.functions)}", kinds)
            lanes = Lanes(b, self.dtype, wide=has_feature("avx512f"))
            write(lanes, wire, dict(zip(names, made.args, strict=False)), *made.args[len(names) :])
            b.ret_void()
            self.functions[key] = made
        self.builder.call(self.functions[key], [*(values[n] for n in names), *given])

    def _wire_arguments(self, wire: Wire) -> dict:
        arguments = self.arguments
        if wire.drawn is not None:
            return {**drawn_arguments(arguments), "latency": arguments.integer()}
        values = {"rows": arguments.pointer(I64), "stride": arguments.integer(), "reach": arguments.integer()}
        values |= {"target": arguments.pointer(ir.IntType(wire.target_bits)), "weight": arguments.pointer()}
        if wire.by_block:
            values |= {"counts": arguments.pointer(ir.IntType(8))}
            values |= {"bin_target": arguments.pointer(ir.IntType(16)), "bin_weight": arguments.pointer()}
            values |= {"start": arguments.pointer(I64), "top": arguments.pointer(I64)}
            values |= {name: arguments.integer() for name in ("blocks", "first", "end")}
        kind = ir.IntType(wire.latency_bits)
        values["latency"] = arguments.integer() if wire.one_latency else arguments.pointer(kind)
        return values

    def _fired(self, group: dict, thread: ir.Value) -> tuple[ir.Value, ir.Value]:
        """Cells that a thread listed in this call, and where each step begins."""
        return entry(self.builder, group["lists"], thread, I32), entry(self.builder, group["borders"], thread, I64)

    def _collect(
        self, wire: Wire, values: dict, groups: list, barrier: Barrier, n: ir.Value, step: ir.Value, depth: ir.Value
    ) -> None:
        """What arrives in step n of a projection with one latency: fired in this call, or before it."""
        b, pre = self.builder, groups[wire.pre]
        fired = b.sub(n, values["latency"])
        with b.if_else(b.icmp_signed("<", fired, I64(0))) as (before, within):
            with before:
                self._spread(wire, values, groups, pre["past"], pre["past_bounds"], b.add(depth, fired), step)
            with within, barrier.each() as thread:
                barrier.wait(thread, b.add(fired, I64(1)))
                self._spread(wire, values, groups, *self._fired(pre, thread), fired, step)

    def _spread(
        self, wire: Wire, values: dict, groups: list, spikes: ir.Value, bounds: ir.Value, k: ir.Value, step: ir.Value,
        least: ir.Value | None = None,
    ) -> None:  # fmt: skip
        """Add the weights of step k of a list of spikes to the ring, whose present slot is that of ``step``."""
        b, post = self.builder, groups[wire.post]
        ring, length = post["rings"][self.members[wire.post].rings[wire.ring]]
        start, stop = b.load(at(b, bounds, k)), b.load(at(b, bounds, b.add(k, I64(1))))
        with when(b, b.icmp_signed("<", start, stop)):
            self._carry(wire, values, post, (ring, length), spikes, start, stop, step, least)

    def _carry(
        self, wire: Wire, values: dict, post: dict, ring: tuple[ir.Value, ir.Value], spikes: ir.Value, start: ir.Value,
        stop: ir.Value, step: ir.Value, least: ir.Value | None,
    ) -> None:  # fmt: skip
        """Spikes [start, stop) of a list to the bins of their targets, or to the ring itself."""
        b = self.builder
        if wire.by_block:
            self._inside("file", wire, values, [spikes, start, stop], file_rows)
            return
        given = [v for n, v in values.items() if n != "latency" or not wire.one_latency]
        names = [n for n in values if n != "latency" or not wire.one_latency]
        given += [ring[0], post["padded"], spikes, start, stop, step, ring[1], *([] if least is None else [least])]
        key = (
            "deliver",
            least is None,
            wire.one_weight,
            wire.one_latency,
            wire.latency_bits,
            wire.target_bits,
            wire.drawn,
        )
        if key not in self.functions:
            made, inside = inner(self.open.module, f"deliver_{len(self.functions)}", [v.type for v in given])
            held, rest = dict(zip(names, made.args, strict=False)), made.args[len(names) :]
            if wire.drawn is None:
                deliver(inside, wire, held, *rest)
            else:
                deliver_drawn(inside, wire.drawn, held, *rest)
            inside.ret_void()
            self.functions[key] = made
        b.call(self.functions[key], given)


def _advance(
    lanes: Lanes, member: Member, group: dict, n: ir.Value, first: ir.Value, every: ir.Value, low: ir.Value, high: ir.Value
) -> None:  # fmt: skip
    """The cells [low, high) by a step, after what drives them was drawn."""
    for values in group["drives"]:
        drive(lanes, values, low, high, lanes.builder.add(first, n))
    advance(lanes, member, group, (low, high), n, first, every)


def _release(lanes: Lanes, member: Member, group: dict, n: ir.Value) -> None:
    """Free the cells whose counters have run out."""
    for name, steps in group["steps"].items():
        release(lanes, group, name, steps, n)
