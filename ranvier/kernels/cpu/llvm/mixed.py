"""Arrays of float32 and float64 side by side, for arithmetic in one of both."""

from __future__ import annotations

from llvmlite import ir

from ranvier.kernels.cpu.llvm.functions import I32, at
from ranvier.kernels.cpu.llvm.int_lanes import IntLanes
from ranvier.kernels.cpu.llvm.lanes import Lanes

__all__ = ["Mixed"]


class Mixed:
    """Reads numbers for the arithmetic of ``words``, and writes its results in the type of their array.

    ``words`` are the ``lanes`` of the kernel, or with ``exact`` as many lanes of float64. Each result is rounded when it is
    written, so that nothing depends on how long a value stays in a register.
    """

    def __init__(self, lanes: Lanes, *, exact: bool) -> None:
        self.lanes, self.words = lanes, lanes.double() if exact else lanes
        self._ints, self._b = IntLanes(lanes), lanes.builder

    def load(self, pointer: ir.Value, index: ir.Value, mask: ir.Value | None = None) -> ir.Value:
        """The lanes at ``pointer[index : index + width]``."""
        return self.up(self._stored(pointer).load(pointer, index, mask=mask))

    def gather(self, pointer: ir.Value, index: ir.Value, mask: ir.Value) -> ir.Value:
        """Elements named by a vector of i32, for the lanes of the mask; 0 elsewhere."""
        return self.up(self._ints.gather(pointer, index, mask))

    def broadcast(self, pointer: ir.Value, index: ir.Value) -> ir.Value:
        """The one number ``pointer[index]`` in every lane."""
        return self.words.broadcast(pointer, index)

    def store(
        self, pointer: ir.Value, index: ir.Value, value: ir.Value, streaming: ir.Value | None = None,
        mask: ir.Value | None = None,
    ) -> None:  # fmt: skip
        """Write the lanes (those of the mask) to ``pointer[index : index + width]``; ``streaming`` as :meth:`Lanes.store`."""
        stored = self._stored(pointer)
        stored.store(pointer, index, self.down(value, stored.vector), streaming, mask)

    def store_first(self, pointer: ir.Value, index: ir.Value, value: ir.Value) -> None:
        """Write lane 0 to ``pointer[index]``."""
        value = self.down(value, self._stored(pointer).vector)
        self._b.store(self._b.extract_element(value, I32(0)), at(self._b, pointer, index))

    def up(self, value: ir.Value) -> ir.Value:
        """A vector of either type as the arithmetic takes it."""
        return value if value.type == self.words.vector else self._b.fpext(value, self.words.vector)

    def down(self, value: ir.Value, kind: ir.Type | None = None) -> ir.Value:
        """A result of the arithmetic, rounded to ``kind``: that of the kernel unless another is named."""
        kind = kind or self.lanes.vector
        return value if value.type == kind else self._b.fptrunc(value, kind)

    def _stored(self, pointer: ir.Value) -> Lanes:
        return self.lanes if pointer.type.pointee == self.lanes.scalar else self.words
