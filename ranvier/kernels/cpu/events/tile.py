"""A tile of 64 tokens in the nearest cache: loops over heads, words, events and blocks around it, for products of bits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from llvmlite import ir

from ranvier.kernels.cpu.events.bits import WORD
from ranvier.kernels.cpu.host.operands import scalar
from ranvier.kernels.cpu.host.signature import REAL, Array, Signature
from ranvier.kernels.cpu.llvm.functions import I32, I64, again, at, counted, local, splat, vector_at, when
from ranvier.kernels.cpu.llvm.memory import masked_store

__all__ = ["SIZES", "Tile", "first_lanes", "first_line", "spread_scale", "turned", "vector_lanes", "write"]

_BYTES = 32  # of a vector: eight numbers of float32 are turned by few instructions
I1 = ir.IntType(1)
#: integers of every kernel of bits
SIZES = ("start", "stop", "heads", "width", "words", "stride", "operands")
_MOVED = Signature(
    {"bits": Array(I64, ...), "matrix": Array(REAL, ...), "tokens": Array(REAL, ...)},
    (*SIZES, "operand", "length", "parts", "part", "first"),
    ("scale",),
)


def vector_lanes(dtype: torch.dtype) -> int:
    """Numbers in a vector of these kernels."""
    return _BYTES // dtype.itemsize


class _Word(NamedTuple):
    """Up to 64 tokens of a group: which word, how many, the same rounded up to whole vectors, where their numbers begin, and the line of its bits."""

    index: ir.Value
    held: ir.Value
    padded: ir.Value
    first: ir.Value
    bits: ir.Value


class _Column(NamedTuple):
    """Some tokens of one channel j: their place in memory, and whether there is such a channel."""

    place: ir.Value
    exists: ir.Value


class _Block(NamedTuple):
    """A square of tokens and channels: the tile holds it by token (``slots``), memory by channel; of the last tokens a mask is there."""

    slots: list[ir.Value]
    columns: list[_Column]
    mask: ir.Value | None


class Tile:
    """Loops over groups, words, events and blocks, around a tile [64 tokens, ``count`` vectors] that lies in the nearest cache."""

    def __init__(self, name: str, dtype: torch.dtype, count: int) -> None:
        self.real, self.lanes, self.count = scalar(dtype), vector_lanes(dtype), count
        f = self.open = _MOVED.open(f"bits_{name}_{self.real}_{count}", dtype)
        b = self.b = f.builder
        self.vector = ir.VectorType(self.real, self.lanes)
        self.zero = ir.Constant(self.vector, [0.0] * self.lanes)
        self.bits, self.matrix, self.tokens = f["bits", "matrix", "tokens"]
        self.start, self.stop, self.heads, self.width, self.words, self.stride = f[SIZES[:-1]]
        self.operands, self.operand, self.length = f["operands", "operand", "length"]
        self.parts, self.part, self.first = f["parts", "part", "first"]
        self.scale = spread_scale(b, f["scale"], self.real, self.lanes)
        self.tile = b.alloca(self.vector, WORD * count)

    def groups(self) -> Iterator[ir.Value]:
        """Each group."""
        with counted(self.b, self.start, self.stop) as group:
            yield group

    def words_of(self, group: ir.Value) -> Iterator[_Word]:
        """Each word of tokens."""
        b, word = self.b, I64(WORD)
        lines = first_line(b, group, self.heads, self.width, self.operands, self.operand)
        numbers = first_line(b, group, self.heads, self.width, self.parts, self.part)
        with counted(b, 0, self.words) as w:
            left = b.sub(self.length, b.mul(w, word))
            held = b.select(b.icmp_signed("<", left, word), left, word)
            padded = b.and_(b.add(held, I64(self.lanes - 1)), I64(-self.lanes))
            yield _Word(w, held, padded, b.add(b.mul(numbers, self.length), b.mul(w, word)), lines)

    def row(self, group: ir.Value, i: ir.Value) -> list[ir.Value]:
        """The vectors of row i of the matrix of a group."""
        b = self.b
        start = b.add(b.mul(b.add(b.mul(group, self.width), i), self.stride), self.first)
        return [vector_at(b, self.matrix, b.add(start, I64(k * self.lanes)), self.lanes) for k in range(self.count)]

    def rows(self, group: ir.Value) -> Iterator[list[ir.Value]]:
        """All rows of a group."""
        with counted(self.b, 0, self.width) as i:
            yield self.row(group, i)

    def fired(self, word: _Word, i: ir.Value) -> Iterator[list[ir.Value]]:
        """The vectors of the tile for each token in which channel i fires, in their order."""
        b = self.b
        line = b.add(word.bits, i)
        left = local(b, b.load(at(b, self.bits, b.add(b.mul(line, self.words), word.index))))
        with again(b, lambda: b.icmp_unsigned("!=", b.load(left), I64(0))):
            some = b.load(left)
            b.store(b.and_(some, b.sub(some, I64(1))), left)
            yield self._slots(b.cttz(some, I1(1)))

    def blocks(self, word: _Word) -> Iterator[_Block]:
        """Every square of tokens and channels; the code inside is written twice, for whole squares and for the last tokens."""
        b, lanes = self.b, self.lanes
        whole = b.and_(word.held, I64(-lanes))
        rest = b.sub(word.held, whole)
        with counted(b, 0, I64(self.count)) as k:
            with counted(b, 0, whole, lanes) as token:
                yield self._block(word, k, token, None)
            with when(b, b.icmp_signed(">", rest, I64(0))):
                yield self._block(word, k, whole, first_lanes(b, rest, lanes))

    def _block(self, word: _Word, k: ir.Value, token: ir.Value, mask: ir.Value | None) -> _Block:
        b = self.b
        slots = [at(b, self.tile, b.add(b.mul(b.add(token, I64(i)), I64(self.count)), k)) for i in range(self.lanes)]
        columns = []
        for i in range(self.lanes):
            j = b.add(b.add(self.first, b.mul(k, I64(self.lanes))), I64(i))
            place = b.add(b.add(word.first, token), b.mul(j, self.length))
            exists = b.icmp_signed("<", j, self.width)
            columns.append(_Column(vector_at(b, self.tokens, place, self.lanes), exists))
        return _Block(slots, columns, mask)

    def _slots(self, token: ir.Value) -> list[ir.Value]:
        b = self.b
        return [at(b, self.tile, b.add(b.mul(token, I64(self.count)), I64(k))) for k in range(self.count)]


def first_line(
    b: ir.IRBuilder, group: ir.Value, heads: ir.Value, width: ir.Value, operands: ir.Value, operand: ir.Value
) -> ir.Value:
    """The line of channel 0 of the head and row of a group."""
    row, head = b.sdiv(group, heads), b.srem(group, heads)
    return b.mul(b.add(b.mul(b.add(b.mul(row, operands), operand), heads), head), width)


def spread_scale(b: ir.IRBuilder, scale: ir.Value, real: ir.Type, lanes: int) -> ir.Value:
    """A float64 in every lane, rounded to the kernel's numbers."""
    return splat(b, scale if scale.type == real else b.fptrunc(scale, real), lanes)


def first_lanes(b: ir.IRBuilder, count: ir.Value, lanes: int) -> ir.Value:
    """The mask of the first ``count`` lanes."""
    return b.icmp_signed(
        "<", ir.Constant(ir.VectorType(I32, lanes), list(range(lanes))), splat(b, b.trunc(count, I32), lanes)
    )


def write(b: ir.IRBuilder, value: ir.Value, place: ir.Value, mask: ir.Value | None, size: int) -> None:
    """Store a vector, or the lanes of a mask."""
    if mask is None:
        b.store(value, place, align=size)
    else:
        masked_store(b, value, place, mask)


def turned(b: ir.IRBuilder, rows: Sequence[ir.Value]) -> list[ir.Value]:
    """The columns of a square of vectors: blocks of half the size change places, then of a quarter, and so on."""
    turned, size = list(rows), len(rows)
    half = size // 2
    while half:
        for i in (i for i in range(size) if not i & half):
            one, other = turned[i], turned[i + half]
            low = [j if not j & half else size + j - half for j in range(size)]
            high = [j + half if not j & half else size + j for j in range(size)]
            kind = ir.VectorType(I32, size)
            turned[i] = b.shuffle_vector(one, other, ir.Constant(kind, low))
            turned[i + half] = b.shuffle_vector(one, other, ir.Constant(kind, high))
        half //= 2
    return turned
