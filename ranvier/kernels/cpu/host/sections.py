"""Lists of calls that a kernel walks, each for sections of one kind: populations, projections, ….

A *section* holds the arguments of one population or projection. A kernel of a kind takes any number of such sections
(:class:`OpenKind`), and a kernel that walks a list (:func:`walk`) knows nothing of what it calls. So kernels are compiled
for kinds, and lists may hold any number of each. :class:`Sections` packs the arguments of a section by name, for every
thread, and writes the lists. :class:`Section` reads them by name inside the kernel, and hands its tables to a function there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import torch
from llvmlite import ir

from ranvier.kernels.cpu.host.clock import Clock
from ranvier.kernels.cpu.host.packing import packing
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.signature import Opened, Reader, Signature
from ranvier.kernels.cpu.llvm.functions import F64, I8, I64, KERNEL, at, counted, local
from ranvier.kernels.cpu.llvm.inner import Inner

__all__ = ["TABLES", "Entry", "OpenKind", "Section", "Sections", "room", "walk"]

#: arguments by which a function inside a kernel reads a section
TABLES = {"pointers": I8.as_pointer().as_pointer(), "integers": I64.as_pointer()}
#: words before the sections of a call in a list: how many there are from call to call, the address of the kernel, and what the
#: kernel is told: how many sections there are, which of its parts is wanted, and where its clock is
_HEAD = ("words", "kernel", "count", "part", "clock")
_TOLD = _HEAD.index("count")
_ALIKE: Mapping[str, Sequence[Any]] = {}


class Entry(NamedTuple):
    """A section in a list: the kernel of its kind, its key, and the part of the kernel that is wanted."""

    routine: Routine
    key: Hashable
    part: int = 0


class Section(Reader):
    """Arguments of a section by name, where the builder stands; a function inside the kernel takes ``tables`` to read them."""

    def __init__(self, signature: Signature, builder: ir.IRBuilder, tables: Sequence[ir.Value], real: ir.Type) -> None:
        super().__init__(signature, builder, tables, real)
        self.tables = dict(zip(TABLES, tables, strict=True))

    @classmethod
    def inside(cls, function: Inner, signature: Signature, real: ir.Type) -> Section:
        """The section that was handed to a function with the arguments ``TABLES``."""
        return cls(signature, function.builder, [function[n] for n in TABLES], real)


class _Filled(NamedTuple):
    """A section as it was filled: arguments that all threads share, those of each, and what they point to."""

    signature: Signature
    given: dict[str, Any]
    each: dict[str, Sequence[Any]]
    keep: object


class Sections:
    """The sections of a circuit of calls in which some threads take part, for kernels whose own numbers are ``dtype``.

    Each has one of the ``clocks``. ``shared`` arguments are given to every section that declares them, and so is the clock.
    A section that is filled or changed after it was listed is replaced in every list.
    """

    def __init__(
        self, dtype: torch.dtype, clocks: Sequence[torch.Tensor], shared: Mapping[str, Any] = _ALIKE
    ) -> None:  # fmt: skip
        self.dtype, self._clocks = dtype, clocks
        self._common = [{**shared, "clock": clock} for clock in clocks]
        self._packed: list[dict[Hashable, tuple[list[int], list[int]]]] = [{} for _ in clocks]
        self._places: list[dict[Hashable, list[tuple[np.ndarray, int]]]] = [{} for _ in clocks]
        self._filled: dict[Hashable, _Filled] = {}
        self._lists: list[torch.Tensor] = []

    def fill(
        self, key: Hashable, signature: Signature, given: Mapping[str, Any], each: Mapping[str, Sequence[Any]] = _ALIKE,
        keep: object = None,
    ) -> None:  # fmt: skip
        """The arguments of a section by name: those that all threads share, and those of each thread.

        Arrays live as long as the section stays as it is; so does ``keep``, to which others may point.

        Raises
        ------
        TypeError, ValueError
            A name is missing or unknown, or an array is of another type or shape, not contiguous, or not on the CPU; or the
            signature has reals.
        """
        if signature.reals:
            raise ValueError(f"section {key} has reals: {signature.reals}")
        pack, named = packing(signature, self.dtype), {**given}
        declared = self._common[0].keys() & signature.places.keys()
        for k, (common, packed) in enumerate(zip(self._common, self._packed, strict=True)):
            for n in declared:
                named[n] = common[n]
            for n, values in each.items():
                named[n] = values[k]
            pointers, integers = pack(named)
            packed[key] = [*pointers], [*integers]
            for words, place in self._places[k].get(key, ()):
                words[place : place + len(named)] = [*pointers, *integers]
        self._filled[key] = _Filled(signature, named, {**each}, keep)

    def change(
        self, key: Hashable, given: Mapping[str, Any], each: Mapping[str, Sequence[Any]] = _ALIKE
    ) -> None:  # fmt: skip
        """Other values of some arguments of a section that was filled; the others stay. Raises as :meth:`fill`."""
        filled = self._filled[key]
        checks, places, arrays = (
            filled.signature.checks(self.dtype),
            filled.signature.places,
            len(filled.signature.arrays),
        )
        filled.given.update(given)
        filled.each.update(each)
        for k, packed in enumerate(self._packed):
            own = {n: values[k] for n, values in each.items()}
            filled.given.update(own)
            for n, value in (*given.items(), *own.items()):
                table, place = places[n]
                word = value if table else checks[n].address(value, filled.given)
                packed[key][table][place] = word
                for words, begin in self._places[k].get(key, ()):
                    words[begin + place + table * arrays] = word

    def release(self, key: Hashable, names: Iterable[str] | None = None) -> None:
        """Let go of arrays of a section, or of all; they must be given anew before its kernel runs again."""
        if names is None:
            del self._filled[key]
            return
        filled = self._filled[key]
        for n in names:
            filled.given[n] = None
            filled.each.pop(n, None)

    def listed(self, entries: Iterable[Entry], rooms: Sequence[torch.Tensor] | None = None) -> list[torch.Tensor]:
        """A list for each thread, as :func:`walk` takes it: one call for neighbours of one kernel and part.

        Where ``rooms`` are given (:func:`room`, one for each thread), the lists are written there.
        """
        runs = [(*what, [e.key for e in run]) for what, run in groupby(entries, lambda e: (e.routine, e.part))]
        lists: list[torch.Tensor] = []
        for k, (tables, clock) in enumerate(zip(self._packed, self._clocks, strict=True)):
            words, begins = [len(runs)], []
            for routine, part, keys in runs:
                lengths = [sum(map(len, tables[key])) for key in keys]
                words += (len(_HEAD) + sum(lengths), routine.kernel.address, len(keys), part, clock.data_ptr())
                for key in keys:
                    begins.append((key, len(words)))
                    words += [word for table in tables[key] for word in table]
            made = torch.empty(len(words), dtype=torch.int64) if rooms is None else rooms[k]
            made[: len(words)] = torch.tensor(words, dtype=torch.int64)
            for key, begin in begins:
                self._places[k].setdefault(key, []).append((made.numpy(), begin))
            lists.append(made)
        self._lists += lists
        return lists

    def run(self, routine: Routine, key: Hashable) -> None:
        """A kernel on all threads at once, this one among them; they wait for one another, so each needs a thread of its own."""
        kernel, tables = routine.kernel, [packed[key] for packed in self._packed]
        others = [threading.Thread(target=kernel, args=own) for own in tables[1:]]
        for other in others:
            other.start()
        kernel(*tables[0])
        for other in others:
            other.join()


def room(signatures: Iterable[Signature]) -> torch.Tensor:
    """An empty list with room for a call of a section of each."""
    return torch.zeros(1 + sum(len(_HEAD) + len(s.arrays) + len(s.integers) for s in signatures), dtype=torch.int64)


def walk(b: ir.IRBuilder, calls: ir.Value) -> None:
    """Make the calls of a list, one after another."""
    place = local(b, at(b, calls, 1))
    with counted(b, 0, b.load(calls)):
        head = b.load(place)
        words, address = (b.load(at(b, head, _HEAD.index(n))) for n in ("words", "kernel"))
        tables = [b.bitcast(at(b, head, len(_HEAD)), TABLES["pointers"]), at(b, head, _TOLD)]
        b.call(b.inttoptr(address, KERNEL.as_pointer()), [*tables, ir.Constant(F64.as_pointer(), None)])
        b.store(at(b, head, words), place)


class OpenKind(Opened):
    """An open kernel for any number of sections with one signature; ``clock`` is that of the thread."""

    def __init__(self, name: str, signature: Signature, dtype: torch.dtype | None = None) -> None:
        super().__init__(signature, name, dtype)
        b, told = self.builder, self.builder.function.args[1]
        self._count, self._part, clock = (b.load(at(b, told, k)) for k in range(len(_HEAD) - _TOLD))
        self.clock = Clock(b, b.inttoptr(clock, I64.as_pointer()))

    @contextmanager
    def sections(self) -> Iterator[Section]:
        """Loop over the sections of a call."""
        b, signature = self.builder, self.signature
        first, arrays = b.function.args[0], len(signature.arrays)
        with counted(b, 0, self._count) as k:
            pointers = at(b, first, b.mul(k, I64(arrays + len(signature.integers))))
            integers = b.bitcast(at(b, pointers, arrays), TABLES["integers"])
            yield Section(signature, b, [pointers, integers], self.real or ir.FloatType())

    def parts(self, codes: Sequence[Callable[[], None]]) -> None:
        """Do the part that is wanted; each of ``codes`` writes one."""
        b = self.builder
        after = b.append_basic_block("after_part")
        switch = b.switch(self._part, after)
        for k, write in enumerate(codes):
            block = b.append_basic_block("part")
            switch.add_case(I64(k), block)
            b.position_at_end(block)
            write()
            b.branch(after)
        b.position_at_end(after)
