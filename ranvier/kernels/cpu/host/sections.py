"""Arguments of a kernel that is made of sections, each with a signature of its own: a population, a projection, ….

Only :class:`Sections` knows where in the tables of the kernel a section begins. Inside the kernel :class:`Section` reads the
arguments of one by name, and hands its tables to a function inside the kernel, which equal sections share. From outside
a :class:`Call` takes the arguments of each section by name, for every thread.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from llvmlite import ir

from ranvier.kernels.cpu.host.operands import scalar
from ranvier.kernels.cpu.host.packing import Packed, packing
from ranvier.kernels.cpu.host.signature import Reader, Signature
from ranvier.kernels.cpu.llvm.functions import I8, I64, at, function
from ranvier.kernels.cpu.llvm.inner import Inner
from ranvier.kernels.cpu.llvm.jit import Kernel, compile_kernel

__all__ = ["TABLES", "Call", "OpenSections", "Section", "SectionKernel", "Sections"]

#: arguments by which a function inside the kernel reads a section
TABLES = {"pointers": I8.as_pointer().as_pointer(), "integers": I64.as_pointer()}
_ALIKE: Mapping[str, Sequence[Any]] = {}


class Sections:
    """Signatures by key, one after another; they have arrays and integers, no reals."""

    def __init__(self, signatures: Mapping[Hashable, Signature]) -> None:
        self.signatures = dict(signatures)
        #: key -> places before it in the tables of pointers and of integers
        self.begins: dict[Hashable, tuple[int, int]] = {}
        pointers = integers = 0
        for key, signature in self.signatures.items():
            if signature.reals:
                raise ValueError(f"section {key} has reals: {signature.reals}")
            self.begins[key] = pointers, integers
            pointers, integers = pointers + len(signature.arrays), integers + len(signature.integers)

    def open(self, name: str, dtype: torch.dtype) -> OpenSections:
        """Begin a kernel called ``name`` whose own numbers are ``dtype``."""
        return OpenSections(self, name, dtype)


class Section(Reader):
    """Arguments of one section by name; a function inside the kernel takes ``tables`` to read them."""

    def __init__(
        self, signature: Signature, builder: ir.IRBuilder, tables: Mapping[str, ir.Value], real: ir.Type
    ) -> None:
        super().__init__(signature, builder, [tables[n] for n in TABLES], real)
        self.tables = {n: tables[n] for n in TABLES}

    @classmethod
    def inside(cls, function: Inner, signature: Signature, real: ir.Type) -> Section:
        """The section that was handed to a function with the arguments ``TABLES``."""
        return cls(signature, function.builder, {n: function[n] for n in TABLES}, real)


class OpenSections:
    """An open kernel: where code goes (``builder``), its module, and its sections by key."""

    def __init__(self, sections: Sections, name: str, dtype: torch.dtype) -> None:
        self.sections, self.name, self.dtype = sections, name, dtype
        self.function = function(name)
        self.module, self.builder = self.function

    def __getitem__(self, key: Hashable) -> Section:
        b, begins = self.builder, self.sections.begins[key]
        tables = {n: at(b, t, k) for n, t, k in zip(TABLES, b.function.args, begins, strict=False)}
        return Section(self.sections.signatures[key], b, tables, scalar(self.dtype))

    def compile(self) -> SectionKernel:
        """Close the function and compile it."""
        return SectionKernel(compile_kernel(self.name, self.function.text()), self.sections, self.dtype)


class SectionKernel:
    """A compiled kernel with its sections; ``dtype`` is that of its own numbers."""

    def __init__(self, kernel: Kernel, sections: Sections, dtype: torch.dtype) -> None:
        self.kernel, self.sections, self.dtype = kernel, sections, dtype

    def call(self, threads: int) -> Call:
        """Begin a call in which so many threads take part."""
        return Call(self, threads)


class Call:
    """One call of a kernel whose own numbers are ``dtype``: the arguments of all sections, for each thread."""

    def __init__(self, kernel: SectionKernel, threads: int) -> None:
        self._kernel, self.dtype = kernel, kernel.dtype
        self._filled: list[dict[Hashable, Packed]] = [{} for _ in range(threads)]
        self._kept: list[object] = []

    def fill(
        self, key: Hashable, given: Mapping[str, Any], each: Mapping[str, Sequence[Any]] = _ALIKE, keep: object = None
    ) -> None:
        """The arguments of a section by name: those that all threads share, and those of each thread.

        Arrays live as long as the call; so does ``keep``, to which others may point.

        Raises
        ------
        TypeError, ValueError
            A name is missing or unknown, or an array is of another type or shape, not contiguous, or not on the CPU.
        """
        pack = packing(self._kernel.sections.signatures[key], self.dtype)
        for k, filled in enumerate(self._filled):
            own = {**given, **{n: values[k] for n, values in each.items()}}
            filled[key] = pack(own)
            self._kept.append(own)
        self._kept.append(keep)

    def run(self) -> None:
        """All threads at once, this one among them; they wait for one another, so each needs a thread of its own."""
        kernel, order = self._kernel.kernel, self._kernel.sections.signatures
        tables = [
            ([p for key in order for p in filled[key][0]], [i for key in order for i in filled[key][1]])
            for filled in self._filled
        ]
        others = [threading.Thread(target=kernel, args=own) for own in tables[1:]]
        for other in others:
            other.start()
        kernel(*tables[0])
        for other in others:
            other.join()
