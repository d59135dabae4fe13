"""Variables of rows and columns of plastic synapses: their own spikes and time move them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from llvmlite import ir

from ranvier.dynamics import Program
from ranvier.dynamics.symbols import end_name
from ranvier.kernels.cpu.host.sections import TABLES, Section
from ranvier.kernels.cpu.llvm.functions import I32, I64, at, counted, local, offset
from ranvier.kernels.cpu.llvm.inner import Inner
from ranvier.kernels.cpu.llvm.lanes import Lanes
from ranvier.kernels.cpu.llvm.mixed import Mixed
from ranvier.kernels.cpu.llvm.processor import has_feature
from ranvier.kernels.cpu.plastic.tables import PlasticTables, cells_of, plastic_signature
from ranvier.kernels.tasks import RowRule, Shared
from ranvier.kernels.writer import emit

__all__ = ["PlasticCells"]


class PlasticCells:
    """Writes functions into a module: ``note`` for postsynaptic spikes, ``forget`` after the step, and ``move``.

    All take the tables of the projection and ``now``; the first two also the ``spikes`` from ``start`` to ``stop``.
    """

    def __init__(self, module: ir.Module, name: str, rule: RowRule, dtype: str) -> None:
        self.module, self.rule, self.dtype = module, rule, dtype
        self.scalar = ir.FloatType() if dtype == "float32" else ir.DoubleType()
        spikes = {"spikes": I32.as_pointer(), "start": I64, "stop": I64}
        self.note = self._function(f"{name}_note", spikes, self._note)
        self.forget = self._function(f"{name}_forget", spikes, self._forget)
        self.move = self._function(f"{name}_move", {}, self._move)

    def _function(self, name: str, given: Mapping[str, ir.Type], write: Callable[..., None]) -> Inner:
        f = Inner(self.module, name, {**TABLES, **given, "now": I64})
        self.builder = f.builder
        self.lanes = Lanes(f.builder, self.dtype, wide=has_feature("avx512f"))
        self.mixed = Mixed(self.lanes, exact=self.rule.exact)
        self.words = self.mixed.words
        tables = PlasticTables(Section.inside(f, plastic_signature(self.rule), self.scalar))
        self.tables, self.array, self.number, self.now = tables, tables.array, tables.number, f["now"]
        told = tables.told(self.now)
        self.cells = {end_name(n, end): told(name, end) for name, (end, n) in cells_of(self.rule).items()}
        write(**{n: f[n] for n in given})
        f.close()
        return f

    def _note(self, spikes: ir.Value, start: ir.Value, stop: ir.Value) -> None:
        """on_post of the column, the sums of its block, and the mark that it fired."""
        b, mixed, rule = self.builder, self.mixed, self.rule
        slot = power = None
        if rule.additive is not None:
            block = self.number["block"]
            slot = b.mul(b.srem(b.sdiv(self.now, block), self.number["slots"]), self.number["padded"])
            power = b.load(at(b, self.array["powers"], b.add(b.srem(self.now, block), block)))
        with counted(b, start, stop) as k:
            cell = offset(b, b.load(at(b, spikes, k)))

            def one(pointer: ir.Value, cell: ir.Value = cell) -> ir.Value:
                return mixed.broadcast(pointer, cell)

            if rule.additive is not None:
                out = emit(self.words, rule.additive.amount, self._reader(one, rule.column))
                amount = b.extract_element(out["amount"], I32(0))
                place = at(b, self.array["sums"], b.add(slot, cell))
                b.store(b.fadd(b.load(place), b.fmul(amount, power)), place)
            if rule.column_on_post is not None:
                out = emit(self.words, rule.column_on_post, self._reader(one, rule.column))
                for n in rule.column_on_post.outputs:
                    mixed.store_first(self.array[f":{n}"], cell, out[n])
            if "fired" in self.array:
                b.store(self.scalar(1.0), at(b, self.array["fired"], cell))

    def _forget(self, spikes: ir.Value, start: ir.Value, stop: ir.Value) -> None:
        """Take the marks away."""
        b = self.builder
        if "fired" in self.array:
            with counted(b, start, stop) as k:
                b.store(self.scalar(0.0), at(b, self.array["fired"], offset(b, b.load(at(b, spikes, k)))))

    def _move(self) -> None:
        """One step of the variables of columns, of rows of an eager rule, and of members of domains."""
        b, rule, number = self.builder, self.rule, self.number
        for k, shared in enumerate(rule.shared):
            self._move_members(k, shared)
        if rule.column:
            self._move_all(rule.column, rule.column_advance, I64(0), (number["low"], number["high"]))
        if rule.eager and rule.row:
            with counted(b, 0, number["latencies"]) as k:
                first = b.mul(k, number["cells"])
                self._move_all(rule.row, rule.row_advance, first, (I64(0), number["cells"]))

    def _move_all(
        self, names: tuple[str, ...], code: Program | None, first: ir.Value, cells: tuple[ir.Value, ir.Value]
    ) -> None:
        """Those of the cells [low, high); the variables of cell i are at ``first`` + i."""
        b, lanes, mixed = self.builder, self.lanes, self.mixed
        low, high = cells
        with counted(b, low, high, lanes.width) as i:
            valid, place = lanes.first(b.sub(high, i)), b.add(first, i)
            held = {n: mixed.load(self.array[f":{n}"], place) for n in names}
            if code is not None:

                def read(pointer: ir.Value, i: ir.Value = i, valid: ir.Value = valid) -> ir.Value:
                    return mixed.load(pointer, i, mask=valid)

                held |= emit(self.words, code, self._reader(read, (), held))
            else:
                held = {n: self._moved(n, v) for n, v in held.items()}
            for n, value in held.items():
                mixed.store(self.array[f":{n}"], place, value, mask=valid)

    def _move_members(self, domain: int, shared: Shared) -> None:
        """Add the changes of this step, part by part, then advance the equations; clear the sums of the next step."""
        b, lanes, mixed, long = self.builder, self.lanes, self.mixed, self.lanes.double()
        count, parts = self.number[f"members:{domain}"], self.number[f"parts:{domain}"]
        sums = {n: self.tables.sums(n, domain, self.now) for n in shared.variables}
        with counted(b, 0, count, lanes.width) as i:
            valid, held = lanes.first(b.sub(count, i)), {}
            for n in shared.variables:
                before = mixed.load(self.array[f":{n}"], i)
                before = before if before.type == long.vector else b.fpext(before, long.vector)
                total = local(b, long.load(sums[n], i))
                with counted(b, 1, parts) as part:
                    b.store(long.add(b.load(total), long.load(sums[n], b.add(b.mul(part, count), i))), total)
                held[n] = mixed.down(long.add(before, b.load(total)), self.words.vector)

            def read(pointer: ir.Value, i: ir.Value = i) -> ir.Value:
                return mixed.load(pointer, i)

            held |= emit(self.words, shared.advance, self._reader(read, (), held))
            for n in shared.variables:
                mixed.store(self.array[f":{n}"], i, held[n], mask=valid)
        first, end = (b.mul(self.number[f"{word}:{domain}"], count) for word in ("first_part", "end_part"))
        for n in shared.variables:
            following = self.tables.sums(n, domain, b.add(self.now, I64(1)))
            with counted(b, first, end) as k:
                b.store(long.scalar(0.0), at(b, following, k))

    def _moved(self, name: str, value: ir.Value) -> ir.Value:
        """A variable of a lazy rule one step later."""
        words = self.words
        value = words.mul(value, words.broadcast(self.array[f"factor:{name}"], I64(1)))
        if name in self.rule.shifted:
            value = words.add(value, words.broadcast(self.array[f"shift:{name}"], I64(1)))
        return value

    def _reader(
        self, read: Callable[[ir.Value], ir.Value], column: tuple[str, ...], held: Mapping[str, ir.Value] | None = None
    ) -> Callable[[str], ir.Value]:
        def value(name: str) -> ir.Value:
            if held is not None and name in held:
                return held[name]
            if name in column:
                return read(self.array[f":{name}"])
            if name in self.cells:
                return read(self.cells[name])
            if name in self.rule.clock:
                return self.mixed.broadcast(self.array[f"@{name}"], self.now)
            return self.mixed.broadcast(self.array[f"={name}"], I64(0))

        return value
