"""Plastic synapses inside a circuit, row by row.

Nothing reads a synapse of a lazy rule between two arrivals of its presynaptic cell, so postsynaptic updates are applied when
the row is next read. The rule decides between three ways:

- *summed*: with w += x*c (or another variable that stays as it is), x of the row, the c of every cell are summed as they come, each divided by what x loses until
  then; the row multiplies the sums by its x. A row takes off what was summed before it was read, so no
  earlier sums are stored; sums start again in every block of steps, which keeps their numbers near 1.
- *walked*: any other code runs event by event, from a log per postsynaptic cell.
- The rows of an eager rule are all read in every step, and move on by one.

Variables that all synapses of a row or column share are held once, by the row or the column.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from llvmlite import ir

from ranvier.dynamics import Program
from ranvier.dynamics.symbols import end_name
from ranvier.kernels.cpu.host.sections import TABLES, Section
from ranvier.kernels.cpu.llvm.functions import I32, I64, at, counted, local, splat, when
from ranvier.kernels.cpu.llvm.inner import Inner
from ranvier.kernels.cpu.llvm.int_lanes import IntLanes
from ranvier.kernels.cpu.llvm.lanes import Lanes
from ranvier.kernels.cpu.llvm.mixed import Mixed
from ranvier.kernels.cpu.llvm.philox import Stream, uniform_at
from ranvier.kernels.cpu.llvm.processor import has_feature
from ranvier.kernels.cpu.plastic.tables import PART, SLOTS, PlasticTables, cells_of, plastic_signature
from ranvier.kernels.tasks import Additive, RowRule
from ranvier.kernels.writer import emit

__all__ = ["PlasticRow"]

Values = dict[str, ir.Value]


class PlasticRow:
    """Writes a function for one row into a module; its arguments are the tables of the projection and these.

    ``cell`` is the presynaptic one of ``row``, and ``ring`` where deliveries go. With
    ``arrive`` the row's presynaptic spike arrives; without, a lazy row is caught up and an eager one moves by one step.
    ``now`` counts steps of the call, ``step`` from the beginning. Where targets are ``ascending`` in each row, a row
    without gaps is read and written without looking at them.
    """

    def __init__(
        self, module: ir.Module, name: str, rule: RowRule, dtype: str, *, arrive: bool, ascending: bool
    ) -> None:
        self.rule, self.dtype, self.arrive, self.ascending = rule, dtype, arrive, ascending
        self.scalar = ir.FloatType() if dtype == "float32" else ir.DoubleType()
        given = {**TABLES, **dict.fromkeys(("row", "cell", "now", "step"), I64), "ring": self.scalar.as_pointer()}
        self.function = Inner(module, name, given)
        self._write()

    def _write(self) -> None:
        f, rule = self.function, self.rule
        self.builder = b = f.builder
        lanes = self.lanes = Lanes(b, self.dtype, wide=has_feature("avx512f"))
        self.ints, self.mixed = IntLanes(lanes), Mixed(lanes, exact=rule.exact)
        self.words, self.moment = self.mixed.words, None
        self.ring, self.row, self.cell, self.now, self.step = (f[n] for n in ("ring", "row", "cell", "now", "step"))
        self.tables = PlasticTables(Section.inside(f, plastic_signature(rule), self.scalar))
        self.array = self.tables.array
        self.log, self.counts = self.array["log"], self.array["counts"]
        told = self.tables.told(self.now)
        self.cells = {end_name(n, end): (end, told(name, end)) for name, (end, n) in cells_of(rule).items()}
        self.capacity = b.trunc(self.tables.number["capacity"], I32)
        self.buffer = b.alloca(lanes.scalar, lanes.width)
        own = (n for n in rule.parameters if n not in rule.varied)
        self.shared = {n: self.mixed.broadcast(self.array[f"={n}"], I64(0)) for n in own}
        self.low = b.load(at(b, self.array["row_pointer"], self.row))
        self.high = b.load(at(b, self.array["row_pointer"], b.add(self.row, I64(1))))
        with when(b, b.icmp_signed("<", self.low, self.high)):
            self._take_row()
            self._all_synapses()
            self._leave_row()
        f.close()

    def _take_row(self) -> None:
        """Values of the row: ``raw`` when it was read last, ``held`` now, ``after`` its presynaptic spike."""
        b, rule = self.builder, self.rule
        self.raw = {n: self.mixed.broadcast(self.array[f":{n}"], self.row) for n in rule.row}
        self.held = self.raw
        if not rule.eager:
            self.then = b.sext(b.load(at(b, self.array["last"], self.row)), I64)
            self.elapsed = b.sub(self.now, self.then)
            self.held = {n: self._moved(n, v) for n, v in self.raw.items()}
        self.after = dict(self.held)
        if self.arrive and rule.row_on_pre is not None:
            self.after |= emit(self.words, rule.row_on_pre, self._reader({}, self.held))
        if rule.additive is not None:
            self._weigh_blocks(self.raw[rule.additive.variable], self.after[rule.additive.variable])

    def _moved(self, name: str, value: ir.Value) -> ir.Value:
        """A variable of a lazy rule after the steps since the row was read."""
        words = self.words
        moved = words.mul(value, words.broadcast(self.array[f"factor:{name}"], self.elapsed))
        if name in self.rule.shifted:
            moved = words.add(moved, words.broadcast(self.array[f"shift:{name}"], self.elapsed))
        return moved

    def _weigh_blocks(self, raw: ir.Value, after: ir.Value) -> None:
        """Factors of the sums of each block since the row was read; ``owed`` is that of earlier sums of the present block."""
        b, lanes, number = self.builder, self.lanes, self.tables.number
        block, slots = number["block"], number["slots"]
        start = b.extract_element(raw, I32(0))
        first, final = b.sdiv(self.then, block), b.sdiv(self.now, block)
        self.blocks = b.add(b.sub(final, first), I64(1))
        with b.goto_entry_block():
            self.weights, self.places = b.alloca(lanes.scalar, SLOTS), b.alloca(I64, SLOTS)

        def power(n: ir.Value) -> ir.Value:
            return b.load(at(b, self.array["powers"], b.add(n, block)))

        with counted(b, 0, self.blocks) as k:
            number_ = b.add(first, k)
            b.store(b.fmul(start, power(b.sub(b.mul(number_, block), self.then))), at(b, self.weights, k))
            b.store(b.mul(b.srem(number_, slots), number["padded"]), at(b, self.places, k))
        self.present = b.mul(b.srem(final, slots), number["padded"])
        self.owed = lanes.mul(after, lanes.splat(power(b.sub(b.mul(final, block), self.now))))

    def _leave_row(self) -> None:
        """Store the values of the row."""
        b, rule = self.builder, self.rule
        if not rule.eager or self.arrive:
            for n in rule.row:
                self.mixed.store_first(self.array[f":{n}"], self.row, self.after[n])
        if not rule.eager:
            b.store(b.trunc(self.now, I32), at(b, self.array["last"], self.row))

    def _all_synapses(self) -> None:
        """Without looking at targets where they follow one another."""
        b = self.builder
        if not self.ascending:
            self._synapses(None)
            return
        first, final = (b.load(at(b, self.array["target"], k)) for k in (self.low, b.sub(self.high, I64(1))))
        gapless = b.icmp_signed("==", b.sext(b.sub(final, first), I64), b.sub(b.sub(self.high, self.low), I64(1)))
        with b.if_else(gapless) as (straight, scattered):
            with straight:
                self._synapses(b.sub(b.sext(first, I64), self.low))
            with scattered:
                self._synapses(None)

    def _synapses(self, straight: ir.Value | None) -> None:
        """All synapses of the row; where target = place + ``straight`` nothing is gathered."""
        b, lanes, rule = self.builder, self.lanes, self.rule
        with counted(b, self.low, self.high, lanes.width) as s:
            self.s, self.valid = s, lanes.first(b.sub(self.high, s))
            self.to = self.ints.load(self.array["target"], s) if straight is None else None
            self.straight = None if straight is None else b.add(s, straight)
            own = ("w", *rule.variables)
            self.state = {n: self._local(f":{n}", s) for n in own}
            if rule.additive is not None:
                self._add_sums(rule.additive)
            elif rule.walks:
                self._walk()
            elif not rule.eager:
                for n in rule.variables:
                    self._put(n, self._moved(n, self._get(n)))
            if self.arrive:
                self._on_pre()
            elif rule.eager:
                self._one_step()
            if rule.additive is not None and self.arrive:
                owed = lanes.mul(self.owed, self._of_cell(at(b, self.array["sums"], self.present)))
                target = self.state[rule.additive.target]
                b.store(lanes.sub(b.load(target), owed), target)
            for n in own:
                self.mixed.store(self.array[f":{n}"], s, self._get(n), mask=self.valid)

    def _local(self, name: str, place: ir.Value) -> ir.Value:
        """A local copy of part of an array, in the array's type."""
        value = self.mixed.load(self.array[name], place)
        kind = ir.VectorType(self.array[name].type.pointee, self.lanes.width)
        return local(self.builder, self.mixed.down(value, kind))

    def _get(self, name: str) -> ir.Value:
        """A variable of the synapses of this vector."""
        return self.mixed.up(self.builder.load(self.state[name]))

    def _put(self, name: str, value: ir.Value) -> None:
        """Its new value, rounded as its array is."""
        place = self.state[name]
        self.builder.store(self.mixed.down(value, place.type.pointee), place)

    def _on_pre(self) -> None:
        """A presynaptic spike arrives: run the code, then deliver its ``sent`` or the weight before it."""
        rule, before = self.rule, self._get("w")
        out = self._run(rule.on_pre, self.valid, self.held) if rule.on_pre is not None else {}
        if "sent" in out or not rule.sends_always:
            self._deliver(out.get("sent", before))

    def _one_step(self) -> None:
        """A step of an eager rule: on_post where the cell has fired, every_step, and the variables move on."""
        b, words, rule = self.builder, self.words, self.rule
        if rule.on_post is not None:
            fired = words.both(self.valid, words.nonzero(self._of_cell(self.array["fired"])))
            with when(b, words.any(fired)):
                self._run(rule.on_post, fired, self.held)
        if rule.every_step is not None:
            out = self._run(rule.every_step, self.valid, self.held)
            if "sent" in out:
                self._deliver(out["sent"])
        if rule.advance is not None:
            self._run(rule.advance, self.valid, self.held)

    def _add_sums(self, added: Additive) -> None:
        """Apply the postsynaptic updates of the synapses."""
        b, lanes, target = self.builder, self.lanes, self.state[added.target]
        with counted(b, 0, self.blocks) as k:
            sums = at(b, self.array["sums"], b.load(at(b, self.places, k)))
            change = lanes.mul(lanes.broadcast(self.weights, k), self._of_cell(sums))
            b.store(lanes.add(b.load(target), change), target)
        for n in self.rule.variables:
            if n != added.target:
                self._put(n, self._moved(n, self._get(n)))
        if added.bound is not None:
            self._run(added.bound, self.valid, self.held)

    def _walk(self) -> None:
        """Run on_post for every logged spike of each target that this row has not seen."""
        b, lanes, ints = self.builder, self.lanes, self.ints
        place = b.mul(self._target(), splat(b, self.capacity, lanes.width))
        total = ints.gather(self.counts, self._target(), self.valid)
        then = splat(b, b.trunc(self.then, I32), lanes.width)
        moved, seen = local(b, then), local(b, ints.load(self.array["cursor"], self.s))
        head, body, after = (b.append_basic_block(n) for n in ("look", "replay", "done"))
        b.branch(head)
        b.position_at_end(head)
        missed = b.and_(self.valid, b.icmp_signed("<", b.load(seen), total))
        b.cbranch(lanes.any(missed), body, after)
        b.position_at_end(body)
        self.moment = moment = ints.gather(self.log, b.add(place, b.load(seen)), missed)
        self._decay(moved, moment, missed)
        since = b.sub(b.select(missed, moment, then), then)
        held = {n: self._later(n, v, since, missed) for n, v in self.raw.items()}
        if self.rule.on_post is not None:
            self._run(self.rule.on_post, missed, held)
        self.moment = None
        b.store(b.add(b.load(seen), b.zext(missed, ints.vector)), seen)
        b.branch(head)
        b.position_at_end(after)
        self._decay(moved, splat(b, b.trunc(self.now, I32), lanes.width), self.valid)
        ints.store(self.array["cursor"], self.s, b.load(seen), self.valid)

    def _decay(self, moved: ir.Value, moment: ir.Value, chosen: ir.Value) -> None:
        """Move the variables of the chosen synapses from step ``moved`` to step ``moment``."""
        b, words = self.builder, self.words
        before = b.load(moved)
        after = b.select(chosen, moment, before)
        for n in self.rule.variables:
            value = self._get(n)
            self._put(n, words.select(chosen, self._later(n, value, b.sub(after, before), chosen), value))
        b.store(after, moved)

    def _later(self, name: str, value: ir.Value, steps: ir.Value, chosen: ir.Value) -> ir.Value:
        """A variable after so many steps, for each lane."""
        words, mixed = self.words, self.mixed
        value = words.mul(value, mixed.gather(self.array[f"factor:{name}"], steps, chosen))
        if name in self.rule.shifted:
            value = words.add(value, mixed.gather(self.array[f"shift:{name}"], steps, chosen))
        return value

    def _run(self, code: Program, chosen: ir.Value, held: Mapping[str, ir.Value]) -> Values:
        """Run code for the chosen synapses; returns all outputs, for every lane."""
        out = dict(emit(self.words, code, self._reader(self.state, held)))
        for name in self.state.keys() & out.keys():
            self._put(name, self.words.select(chosen, out[name], self._get(name)))
        for name in self.rule.domain_of.keys() & out.keys():
            self._add(name, out[name], chosen)
        return out

    def _add(self, name: str, more: ir.Value, chosen: ir.Value) -> None:
        """Add the changes by the chosen synapses to shared variables, one by one, as two may belong to one member."""
        b, lanes = self.builder, self.lanes
        lanes.store(self.buffer, I64(0), self.mixed.down(self.words.select(chosen, more, self.words.constant(0.0))))
        domain = self.rule.domain_of[name]
        member, target, part = self.array[f"#{domain}"], self.array["target"], self.tables.number[f"part:{domain}"]
        sums = self.tables.sums(name, domain, self.now)

        def place(k: ir.Value) -> ir.Value:
            synapse = b.add(self.s, k)
            own = b.mul(b.udiv(b.zext(b.load(at(b, target, synapse)), I64), I64(PART)), part)
            return at(b, sums, b.add(own, b.zext(b.load(at(b, member, synapse)), I64)))

        self._each_lane(place)

    def _reader(self, state: Values, held: Mapping[str, ir.Value]) -> Callable[[str], ir.Value]:
        mixed, rule, moment = self.mixed, self.rule, self.moment
        ends = self.cells

        def read(name: str) -> ir.Value:
            if name in state:
                return self._get(name)
            if name in held:
                return held[name]
            if name in rule.column:
                return self._of_cell(self.array[f":{name}"])
            if name in rule.domain_of:
                return mixed.gather(self.array[f":{name}"], self._member(rule.domain_of[name]), self.valid)
            if name in rule.varied:
                return mixed.load(self.array[f"={name}"], self.s)
            if name in self.shared:
                return self.shared[name]
            if name in ends:
                end, pointer = ends[name]
                return mixed.broadcast(pointer, self.cell) if end == "pre" else self._of_cell(pointer)
            if name in rule.clock:
                numbers = self.array[f"@{name}"]
                if moment is None:
                    return mixed.broadcast(numbers, self.now)
                return mixed.gather(numbers, moment, self.valid)
            return self._draw()

        return read

    def _target(self) -> ir.Value:
        """Targets of this vector (i32)."""
        return self.ints.load(self.array["target"], self.s) if self.to is None else self.to

    def _member(self, domain: int) -> ir.Value:
        """Members of this vector (i32)."""
        return self.ints.load(self.array[f"#{domain}"], self.s)

    def _of_cell(self, pointer: ir.Value) -> ir.Value:
        """The element of an array for the postsynaptic cell of each synapse."""
        if self.to is None:
            return self.mixed.load(pointer, self.straight, mask=self.valid)
        return self.mixed.gather(pointer, self.to, self.valid)

    def _draw(self) -> ir.Value:
        """A number between 0 and 1 for each synapse of this vector in this step."""
        b, double = self.builder, self.lanes.double()
        words = [b.load(at(b, self.array["key"], k)) for k in range(3)]
        element = b.zext(self.ints.load(self.array["number"], self.s), ir.VectorType(I64, self.lanes.width))
        step = b.and_(self.step, I64(0xFFFFFFFF))
        number = uniform_at(double, element, Stream((words[0], words[1]), step, words[2]))
        return self.mixed.up(number if self.dtype == "float64" else b.fptrunc(number, self.lanes.vector))

    def _deliver(self, sent: ir.Value) -> None:
        """Deliver: at once where targets follow one another, else one by one, as two may be the same.

        Either way ``sent`` is rounded before it is added, so that no result depends on where the gaps of a row are.
        """
        b, lanes = self.builder, self.lanes
        sent = self.mixed.down(sent)
        if self.to is None:
            # rounded once, as one by one: which rows have gaps must not show in the sums
            total = b.fadd(lanes.load(self.ring, self.straight, mask=self.valid), sent)
            lanes.store(self.ring, self.straight, total, mask=self.valid)
            return
        lanes.store(self.buffer, I64(0), sent)
        target = self.array["target"]
        self._each_lane(lambda k: at(b, self.ring, b.zext(b.load(at(b, target, b.add(self.s, k))), I64)))

    def _each_lane(self, place: Callable[[ir.Value], ir.Value]) -> None:
        """Add every lane of the buffer that is a synapse to the number at its place."""
        b, width = self.builder, self.lanes.width
        left = b.sub(self.high, self.s)
        stop = b.select(b.icmp_signed("<", left, I64(width)), left, I64(width))
        with counted(b, 0, stop) as k:
            to = place(k)
            before, more = b.load(to), b.load(at(b, self.buffer, k))
            b.store(b.fadd(before, more if more.type == before.type else b.fpext(more, before.type)), to)
