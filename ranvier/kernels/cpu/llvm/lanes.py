"""One 64-byte vector of floats, as the code writer sees it: sixteen float32 or eight float64 neurons side by side.

Every arithmetic instruction carries the flags ``contract``, ``nsz`` and ``arcp`` and no others: a product and a sum may
fuse, the sign of zero is free, a quotient may become a product with a reciprocal. Nothing is reordered and NaN and
infinity keep their meaning, so a diverging model stays visible.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar

import numpy as np
from llvmlite import ir

from ranvier.errors import ProviderError
from ranvier.kernels.cpu.llvm._far_angles import far_lanes
from ranvier.kernels.cpu.llvm.functions import splat
from ranvier.kernels.cpu.llvm.memory import declared, masked_load, masked_store
from ranvier.kernels.cpu.llvm.outlined import CALLABLE, MOST_COPIES, called
from ranvier.kernels.cpu.llvm.processor import has_feature
from ranvier.kernels.elementary import Elementary

__all__ = ["Lanes"]

_BYTES = 64
_FLAGS = ("contract", "nsz", "arcp")
_I32, _I64 = ir.IntType(32), ir.IntType(64)


class Lanes(Elementary):
    """Arithmetic on vectors of one float type, written through an IR builder.

    Parameters
    ----------
    builder
        Where instructions go. ``store`` with a ``streaming`` value leaves it at the end of a new block.
    dtype
        ``"float32"`` (16 lanes) or ``"float64"`` (8 lanes).
    width
        Another number of lanes; 64 bytes' worth by default.
    wide
        Whether the target has registers of masks and multiplies such a vector by powers of two in one instruction (AVX-512F); by
        default what this processor supports.
    rounded
        Every operation is rounded once, as NumPy does: no flags.

    Raises
    ------
    ProviderError
        For another dtype.
    """

    _SCALARS: ClassVar[dict[str, tuple[ir.Type, int, str]]] = {
        "float32": (ir.FloatType(), 4, "f32"),
        "float64": (ir.DoubleType(), 8, "f64"),
    }

    def __init__(
        self, builder: ir.IRBuilder, dtype: str, width: int | None = None, *, wide: bool | None = None,
        rounded: bool = False,
    ) -> None:  # fmt: skip
        if dtype not in self._SCALARS:
            raise ProviderError(f"the cpu provider has no vectors of {dtype!r}; use 'float32' or 'float64'")
        self.builder, self._flags = builder, () if rounded else _FLAGS
        self.dtype = dtype
        self.scalar, self.itemsize, self._suffix = self._SCALARS[dtype]
        self.width = width or _BYTES // self.itemsize
        wide = has_feature("avx512f") if wide is None else wide
        self.wide = wide and self.width * self.itemsize == _BYTES
        self._masks_in_vectors = has_feature("avx2") and not wide
        self.vector = ir.VectorType(self.scalar, self.width)
        self.mask = ir.VectorType(ir.IntType(1), self.width)
        self.integer = ir.VectorType(ir.IntType(8 * self.itemsize), self.width)
        self._roots: set[ir.Value] = set()

    def double(self) -> Lanes:
        """The same number of lanes in float64, for intermediate results."""
        return Lanes(self.builder, "float64", self.width, rounded=not self._flags)

    # ---- constants ---------------------------------------------------------------------------------------------------

    def constant(self, x: float) -> ir.Constant:
        """The number ``x``, rounded once to the dtype, in every lane.

        Raises
        ------
        ProviderError
            When a finite ``x`` overflows the dtype.
        """
        with np.errstate(over="ignore"):
            value = float(np.dtype(self.dtype).type(x))
        if math.isinf(value) and not math.isinf(x):
            raise ProviderError(f"the constant {x!r} does not fit in {self.dtype}; use dtype='float64' or other units")
        return ir.Constant(self.vector, [value] * self.width)

    def integers(self, n: int) -> ir.Constant:
        """The whole number ``n`` in every lane of the integer vector with the same bits as ``vector``."""
        return ir.Constant(self.integer, [n] * self.width)

    def splat(self, value: ir.Value) -> ir.Value:
        """One scalar float in every lane; the other float type is converted."""
        if value.type != self.scalar:
            narrow = isinstance(self.scalar, ir.FloatType)
            value = (self.builder.fptrunc if narrow else self.builder.fpext)(value, self.scalar)
        empty = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(empty, value, _I32(0))
        return self.builder.shuffle_vector(first, empty, ir.Constant(ir.VectorType(_I32, self.width), [0] * self.width))

    # ---- arithmetic --------------------------------------------------------------------------------------------------

    def add(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """a + b."""
        return self.builder.fadd(a, b, flags=self._flags)

    def sub(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """a - b."""
        return self.builder.fsub(a, b, flags=self._flags)

    def mul(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """a b."""
        return self.builder.fmul(a, b, flags=self._flags)

    def div(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """a / b; by a square root without ``arcp``, with which LLVM estimates 1/sqrt(b), and that is NaN at 0."""
        kept = [f for f in self._flags if f != "arcp" or b not in self._roots]
        return self.builder.fdiv(a, b, flags=tuple(kept))

    def neg(self, a: ir.Value) -> ir.Value:
        """-a."""
        return self.builder.fneg(a, flags=self._flags)

    def fma(self, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
        """a b + c, rounded once (a slow library call on processors without the instruction)."""
        return self.intrinsic("fma", a, b, c)

    def minimum(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """The smaller of both; ``a`` where either is NaN, so a NaN in ``a`` stays."""
        return self.select(self.lt(b, a), b, a)

    def maximum(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """The larger of both; ``a`` where either is NaN, so a NaN in ``a`` stays."""
        return self.select(self.gt(b, a), b, a)

    def absolute(self, a: ir.Value) -> ir.Value:
        """|a|."""
        return self.intrinsic("fabs", a)

    def floor(self, a: ir.Value) -> ir.Value:
        """The largest whole number not above a."""
        return self.intrinsic("floor", a)

    def round(self, a: ir.Value) -> ir.Value:
        """The nearest whole number, ties to even."""
        return self.intrinsic("rint", a)

    def sqrt(self, a: ir.Value) -> ir.Value:
        """The square root; NaN below zero."""
        root = self.intrinsic("sqrt", a)
        self._roots.add(root)
        return root

    # ---- the float format as integers ---------------------------------------------------------------------------------

    def as_integer(self, x: ir.Value) -> ir.Value:
        """The bits of each float as an integer."""
        return self.builder.bitcast(x, self.integer)

    def as_float(self, n: ir.Value) -> ir.Value:
        """The floats of which the integers are the bits."""
        return self.builder.bitcast(n, self.vector)

    def from_integer(self, n: ir.Value) -> ir.Value:
        """The floats of integers."""
        return self.builder.sitofp(n, self.vector)

    def int_add(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """a + b of integers, modulo their size."""
        return self.builder.add(a, b)

    def int_sub(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """a - b of integers, modulo their size."""
        return self.builder.sub(a, b)

    def int_and(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """The bits set in both."""
        return self.builder.and_(a, b)

    def int_xor(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """The bits set in one of both."""
        return self.builder.xor(a, b)

    def int_shl(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """a shifted left by b bits."""
        return self.builder.shl(a, b)

    def int_ashr(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """a shifted right by b bits, its sign kept."""
        return self.builder.ashr(a, b)

    def int_ne(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """The mask of lanes whose integers differ."""
        return self.builder.icmp_unsigned("!=", a, b)

    def widen(self, x: ir.Value) -> ir.Value:
        """The lanes in float64, for :meth:`double`."""
        return self.builder.fpext(x, self.double().vector)

    def narrow(self, x: ir.Value) -> ir.Value:
        """Lanes of :meth:`double`, rounded to the dtype."""
        return self.builder.fptrunc(x, self.vector)

    def function(self, name: str, x: ir.Value, uses: int) -> ir.Value:
        """The function ``name`` of x; called where the program uses it very often, and copied elsewhere."""
        return called(self, name, x) if uses > MOST_COPIES and name in CALLABLE else super().function(name, x, uses)

    def scale(self, x: ir.Value, nearest: ir.Value, n: ir.Value) -> ir.Value:
        """x 2^n for |n| below twice the bias, n given as a float and as an integer; the power itself may not be normal."""
        if not self.wide:
            return super().scale(x, nearest, n)
        bits = ir.IntType(self.width)
        kind = ir.FunctionType(self.vector, [self.vector, self.vector, self.vector, bits, _I32])
        name = "llvm.x86.avx512.mask.scalef." + ("ps" if self.itemsize == 4 else "pd") + ".512"
        current_rounding = _I32(4)
        return self.builder.call(self.declare(name, kind), [x, nearest, x, bits(-1), current_rounding])

    def unless(self, mask: ir.Value, calm: ir.Value, full: Callable[[], ir.Value]) -> ir.Value:
        """``calm``, or the value that ``full`` writes where any lane of the mask is set; leaves the builder in a new block."""
        return self._where_any(mask, (calm,), lambda: (full(),))[0]

    def far_angles(self, x: ir.Value, far: float, r: ir.Value, n: ir.Value) -> tuple[ir.Value, ir.Value]:
        """r and n, and where |x| >= ``far`` those with x = r + n pi/2 (n modulo 4); r is NaN at infinity."""
        beyond = self.ge(self.absolute(x), self.constant(far))
        r, n = self._where_any(beyond, (r, n), lambda: far_lanes(self, x, beyond, far, r, n))
        return r, n

    def _where_any(
        self, mask: ir.Value, usual: tuple[ir.Value, ...], write: Callable[[], tuple[ir.Value, ...]]
    ) -> list[ir.Value]:
        """``usual``, or the values that ``write`` writes where any lane of the mask is set."""
        before, out = self.builder.block, []
        with self.builder.if_then(self.any(mask), likely=False):
            others = write()
            inside = self.builder.block
        for one, other in zip(usual, others, strict=True):
            merged = self.builder.phi(one.type)
            merged.add_incoming(one, before)
            merged.add_incoming(other, inside)
            out.append(merged)
        return out

    # ---- comparisons and masks ---------------------------------------------------------------------------------------

    def lt(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """a < b; false where either is NaN."""
        return self.builder.fcmp_ordered("<", a, b)

    def le(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """a <= b; false where either is NaN."""
        return self.builder.fcmp_ordered("<=", a, b)

    def gt(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """a > b; false where either is NaN."""
        return self.builder.fcmp_ordered(">", a, b)

    def ge(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """a >= b; false where either is NaN."""
        return self.builder.fcmp_ordered(">=", a, b)

    def eq(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """a == b; false where either is NaN."""
        return self.builder.fcmp_ordered("==", a, b)

    def ne(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """a != b; true where either is NaN."""
        return self.builder.fcmp_unordered("!=", a, b)

    def nonzero(self, a: ir.Value) -> ir.Value:
        """The mask of lanes that are not 0; a NaN is not 0."""
        return self.ne(a, self.constant(0.0))

    def both(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """The lanes set in both masks."""
        return self.builder.and_(a, b)

    def either(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """The lanes set in at least one mask."""
        return self.builder.or_(a, b)

    def negate_mask(self, a: ir.Value) -> ir.Value:
        """The lanes not set in the mask."""
        return self.builder.xor(a, ir.Constant(self.mask, [1] * self.width))

    def select(self, mask: ir.Value, a: ir.Value, b: ir.Value) -> ir.Value:
        """``a`` where the mask is set, else ``b``."""
        return self.builder.select(mask, a, b)

    def to_float(self, mask: ir.Value) -> ir.Value:
        """1.0 where the mask is set, else 0.0."""
        return self.select(mask, self.constant(1.0), self.constant(0.0))

    def first(self, count: ir.Value) -> ir.Value:
        """The mask of the first ``count`` lanes; ``count`` is an i64, all lanes from ``width`` on."""
        # lanes as wide as the numbers: vectors of 256 bits hold masks so, and would repack those of 64 bits at every use
        b, kind, width = self.builder, self.integer.element, _I64(self.width)
        few = b.select(b.icmp_signed("<", count, width), count, width)
        few = few if kind == _I64 else b.trunc(few, kind)
        empty, zeros = ir.Constant(self.integer, ir.Undefined), ir.VectorType(_I32, self.width)
        spread = b.shuffle_vector(b.insert_element(empty, few, _I32(0)), empty, ir.Constant(zeros, [0] * self.width))
        return b.icmp_signed("<", ir.Constant(self.integer, list(range(self.width))), spread)

    def packed(self, mask: ir.Value) -> ir.Value:
        """The mask as an integer of ``width`` bits; lane k is bit k (little-endian targets)."""
        return self.builder.bitcast(mask, ir.IntType(self.width))

    def unpacked(self, bits: ir.Value) -> ir.Value:
        """The mask that :meth:`packed` makes ``bits`` of.

        Where masks lie in vectors, each lane moves its own bit to its sign: of a bit vector LLVM would fetch the bits one by one.
        """
        if not self._masks_in_vectors:
            return self.builder.bitcast(bits, self.mask)
        size = self.integer.element
        every = splat(self.builder, self.builder.zext(bits, size), self.width)
        up = ir.Constant(self.integer, [size.width - 1 - k for k in range(self.width)])
        return self.builder.icmp_signed("<", self.builder.shl(every, up), self.integers(0))

    def packed_without(self, bits: ir.Value, mask: ir.Value) -> ir.Value:
        """``bits``, without those of the mask: as numbers where masks lie in vectors, else as masks."""
        if self._masks_in_vectors:
            return self.builder.and_(bits, self.builder.not_(self.packed(mask)))
        return self.packed(self.both(self.unpacked(bits), self.negate_mask(mask)))

    def bits(self, mask: ir.Value) -> ir.Value:
        """The mask as an i32; lane k is bit k (little-endian targets)."""
        packed = self.packed(mask)
        return packed if self.width == 32 else self.builder.zext(packed, _I32)

    def any(self, mask: ir.Value) -> ir.Value:
        """An i1: is any lane set?"""
        packed = self.packed(mask)
        return self.builder.icmp_unsigned("!=", packed, ir.Constant(packed.type, 0))

    def sum(self, a: ir.Value) -> ir.Value:
        """The sum of all lanes, a scalar; halves are added in a fixed tree, so the bits never change."""
        width = self.width
        while width > 1:
            width //= 2
            low, high = (ir.Constant(ir.VectorType(_I32, width), list(range(k, k + width))) for k in (0, width))
            a = self.add(self.builder.shuffle_vector(a, a, low), self.builder.shuffle_vector(a, a, high))
        return self.builder.extract_element(a, _I32(0))

    # ---- memory ------------------------------------------------------------------------------------------------------

    def address(self, pointer: ir.Value, index: ir.Value) -> ir.Value:
        """The vector pointer at element ``index`` (i64) of a scalar pointer."""
        return self.builder.bitcast(self.builder.gep(pointer, [index]), self.vector.as_pointer())

    def load(self, pointer: ir.Value, index: ir.Value, mask: ir.Value | None = None) -> ir.Value:
        """The lanes at ``pointer[index : index + width]``; no alignment is assumed.

        With a mask only its lanes are read; the others are 0 and their memory is not touched.
        """
        place = self.address(pointer, index)
        if mask is None:
            value = self.builder.load(place)
            value.align = self.itemsize
            return value
        return masked_load(self.builder, place, mask)

    def broadcast(self, pointer: ir.Value, index: ir.Value) -> ir.Value:
        """The one number ``pointer[index]`` in every lane."""
        return self.splat(self.builder.load(self.builder.gep(pointer, [index])))

    def store(
        self,
        pointer: ir.Value,
        index: ir.Value,
        value: ir.Value,
        streaming: ir.Value | bool | None = None,
        mask: ir.Value | None = None,
    ) -> None:
        """Write the lanes to ``pointer[index : index + width]``.

        Parameters
        ----------
        streaming
            Where true (an i1, or a bool known now), the address must be a multiple of 64 bytes and the write goes
            past the caches: faster for results much larger than them, slower for all others.
        mask
            Write its lanes only; cannot be streamed.
        """
        place = self.address(pointer, index)
        if mask is not None:
            masked_store(self.builder, value, place, mask)
        elif streaming is None or isinstance(streaming, bool):
            self._store(place, value, past_caches=bool(streaming))
        else:
            with self.builder.if_else(streaming) as (yes, no):
                with yes:
                    self._store(place, value, past_caches=True)
                with no:
                    self._store(place, value, past_caches=False)

    def _store(self, place: ir.Value, value: ir.Value, *, past_caches: bool) -> None:
        write = self.builder.store(value, place)
        write.align = _BYTES if past_caches else self.itemsize
        if past_caches:
            write.set_metadata("nontemporal", self.builder.module.add_metadata([_I32(1)]))

    # ---- LLVM intrinsics ---------------------------------------------------------------------------------------------

    def intrinsic(self, name: str, *operands: ir.Value) -> ir.Value:
        """The LLVM operation ``llvm.<name>`` on vectors of this type."""
        kind = ir.FunctionType(self.vector, [self.vector] * len(operands))
        return self.builder.call(self.declare(f"llvm.{name}.v{self.width}{self._suffix}", kind), operands)

    def declare(self, name: str, kind: ir.FunctionType) -> ir.Function:
        """The function of that name, declared in the module unless it is already."""
        return declared(self.builder, name, kind)
