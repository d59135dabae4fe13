"""Uninitialised tensors whose large memory is reused: fresh pages from the system cost more than most kernels.

Blocks of a megabyte and more are private anonymous maps that ask for huge pages. A block returns to the shelf when the
last view of its tensor is gone; blocks beyond the limit of the shelf go back to the system, oldest first.

Room for as many events as there could be is mostly never written, and pages that nobody wrote take no memory. Such blocks lie on
a shelf of their own (``room``): among the others, each would soon have been written to its end.
"""

from __future__ import annotations

import math
import mmap
import os
import threading
import weakref
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

import numpy as np
import torch

__all__ = ["SHELF", "BufferStats", "Shelf", "buffer_stats", "empty", "room", "set_buffer_limit"]

_ALIGNMENT = 64
_LARGE = 1 << 20
_HUGE_PAGE = 2 << 20
#: all shelves, for what a fork changes
_shelves: weakref.WeakSet[Shelf] = weakref.WeakSet()


class BufferStats(NamedTuple):
    """Bytes of large blocks in use and on the shelf; how many requests the shelf served, and how many it did not."""

    in_use: int
    free: int
    hits: int
    misses: int


def _block_size(size: int) -> int:
    """``size`` rounded up to an eighth of its power of two, at least a huge page: few sizes, little waste."""
    step = max(_HUGE_PAGE, 1 << max(0, size.bit_length() - 4))
    return -(-size // step) * step


def _map(size: int) -> np.ndarray:
    """A fresh block of zero pages on a huge-page boundary."""
    total = size + _HUGE_PAGE
    if hasattr(mmap, "MAP_PRIVATE") and hasattr(mmap, "MAP_ANONYMOUS"):
        # Python's default anonymous map is shared memory, which gets no huge pages
        pages = mmap.mmap(-1, total, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    else:
        pages = mmap.mmap(-1, total)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with suppress(OSError):  # a system without huge pages: ordinary ones do
            pages.madvise(mmap.MADV_HUGEPAGE)
    block = np.frombuffer(pages, np.uint8)
    start = -block.ctypes.data % _HUGE_PAGE
    return block[start : start + size]


class Shelf:
    """Free blocks in the order they came back, at most ``limit`` bytes of them, and the count of those lent."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.in_use = self.free = self.hits = self.misses = 0
        self._blocks: list[np.ndarray] = []
        self._returned: deque[np.ndarray] = deque()
        self._lock = threading.Lock()
        _shelves.add(self)

    def lend(self, size: int) -> np.ndarray:
        """A block of at least ``size`` bytes as an array of its own, whose end of life brings the block back."""
        size = _block_size(size)
        with self._lock:
            self._sort_in()
            block = self._take(size)
            size = size if block is None else block.nbytes
            self.in_use += size
            self.hits += block is not None
            self.misses += block is None
        if block is None:
            try:
                block = _map(size)
            except (OSError, ValueError) as error:
                with self._lock:
                    self.in_use -= size
                raise MemoryError(f"no {size / 2**20:.0f} MiB of memory for a buffer: {error}") from error
        loan = block[:]
        weakref.finalize(loan, self.give_back, block).atexit = False
        return loan

    def give_back(self, block: np.ndarray) -> None:
        """Safe at any moment: the garbage collector may call it in a thread that holds the lock."""
        self._returned.append(block)
        self.settle()

    def settle(self) -> None:
        """Put returned blocks on the shelf, unless another thread is doing so."""
        while self._returned and self._lock.acquire(blocking=False):
            try:
                self._sort_in()
            finally:
                self._lock.release()

    def trim(self) -> None:
        """Release blocks beyond the limit."""
        with self._lock:
            self._sort_in()

    def _take(self, size: int) -> np.ndarray | None:
        """The newest free block of this size, or else the smallest that is at most twice as large."""
        fitting = [k for k, block in enumerate(self._blocks) if size <= block.nbytes <= 2 * size]
        if not fitting:
            return None
        place = min(fitting, key=lambda k: (self._blocks[k].nbytes, -k))
        self.free -= self._blocks[place].nbytes
        return self._blocks.pop(place)

    def _sort_in(self) -> None:
        while self._returned:
            block = self._returned.popleft()
            self.in_use -= block.nbytes
            if block.nbytes <= self.limit:
                self._blocks.append(block)
                self.free += block.nbytes
        surplus = 0
        while self.free > self.limit:
            self.free -= self._blocks[surplus].nbytes
            surplus += 1
        del self._blocks[:surplus]

    def empty(self, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """An uninitialised contiguous CPU tensor at an address that is a multiple of 64 bytes.

        Parameters
        ----------
        shape
            Its axes, for example ``[T, B, N]``.
        dtype
            Its element type.

        Raises
        ------
        MemoryError
            When the system has no memory for it.
        """
        size = math.prod(shape) * dtype.itemsize
        if size >= _LARGE:
            memory = self.lend(size)
        else:
            tensor = torch.empty(tuple(shape), dtype=dtype)
            if tensor.data_ptr() % _ALIGNMENT == 0:
                return tensor
            memory = np.empty(size + _ALIGNMENT, np.uint8)
            start = -memory.ctypes.data % _ALIGNMENT
            memory = memory[start : start + size]
        return torch.frombuffer(memory, dtype=dtype, count=math.prod(shape)).resize_(tuple(shape))

    def set_limit(self, size: int) -> None:
        """Keep at most ``size`` bytes of free blocks (1 GiB at first); 0 keeps none.

        Raises
        ------
        ValueError
            For a negative size.
        """
        if size < 0:
            raise ValueError(f"the buffer limit is {size} bytes; it must be 0 or more")
        self.limit = size
        self.trim()

    def stats(self) -> BufferStats:
        """Counts of the large blocks."""
        self.settle()
        return BufferStats(self.in_use, self.free, self.hits, self.misses)

    def renew(self) -> None:
        """A forked child starts with an empty shelf: another thread may have held the lock. Its loans stay valid."""
        self.free = self.hits = self.misses = 0
        self._blocks, self._returned, self._lock = [], deque(), threading.Lock()


#: the blocks of this process
SHELF = Shelf(limit=1 << 30)
empty, set_buffer_limit, buffer_stats = SHELF.empty, SHELF.set_limit, SHELF.stats
#: blocks of which little is written
ROOM = Shelf(limit=1 << 30)
room = ROOM.empty


def _renew() -> None:
    for shelf in list(_shelves):
        shelf.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
