"""The taps of a dense matrix, laid out as the delayed products read them."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from ranvier.kernels.cpu.delays._correlate import Wiring
from ranvier.kernels.cpu.host.operands import lanes
from ranvier.kernels.operands import extent, require

__all__ = ["TapTable"]

_WIDEST = 64  # targets in a block
_LINE_BYTES = 5 << 13  # of time lines in a block: the first-level cache
_BLOCKS = 4  # blocks wanted at least, so that threads can share the gradient to the taps


class TapTable:
    """Taps ``[N, K, W]`` and first latencies int32 ``[N, K]``, laid out by blocks of targets; W is rounded up.

    ``extended`` is the time the blocks are made for.

    Raises
    ------
    TypeError, ValueError
        They disagree, or a latency is negative.
    """

    def __init__(self, taps: Tensor, first: Tensor, extended: int) -> None:
        require(taps, "taps", (None, None, None))
        self.targets, self.inputs, self.given = taps.shape
        require(first, "latency", (self.targets, self.inputs), torch.int32)
        self.dtype = taps.dtype
        shortest, longest = extent(first) if first.numel() else (0, 0)
        if shortest < 0:
            raise ValueError(f"latency holds {shortest}; a synapse cannot act before its spike: use 0 or more steps")
        step = lanes(self.dtype)
        self.wide = min(step, 1 << max(0, self.given - 1).bit_length())
        self.taps = -(-self.given // self.wide) * self.wide
        self.longest, self.extended = longest, extended
        fitting = _LINE_BYTES // (self.line_length(extended) * self.dtype.itemsize * step)
        shared = -(-self.targets // (_BLOCKS * step))
        self.width = max(1, min(_WIDEST // step, fitting, shared)) * step
        self.blocks = -(-self.targets // self.width)
        self._taps, self.latency = taps, first

    @property
    def reach(self) -> int:
        """Steps before a window that matter in it."""
        return self.longest + self.given - 1

    @cached_property
    def reversed(self) -> TapTable:
        """The table that reads backwards in time, roles of sources and targets exchanged."""
        taps = self._taps.flip(2).transpose(0, 1).contiguous()
        return TapTable(taps, (self.longest - self.latency).t().contiguous(), self.extended)

    @cached_property
    def blocked(self) -> Tensor:
        """``[blocks, K, width, taps]``, zero where nothing was given."""
        return self._block(self._taps, self.taps)

    @cached_property
    def first(self) -> Tensor:
        """Int32 ``[blocks, K, width]``."""
        return self._block(self.latency.unsqueeze(-1), 1).squeeze(-1)

    @property
    def wiring(self) -> Wiring:
        """How the targets' time lines are read back into sums per source."""
        return Wiring(self.first, self.blocked, self.targets, self.inputs, self.width)

    def place(self, length: int) -> Tensor:
        """Int32 ``[blocks, K, width]``: the first tap in a block's time lines of that length."""
        return self.first + torch.arange(0, self.width * length, length, dtype=torch.int32)

    def unblocked(self, blocked: Tensor) -> Tensor:
        """``[N, K, W]`` from ``[blocks, K, width, taps]``."""
        flat = blocked.transpose(1, 2).reshape(self.blocks * self.width, self.inputs, self.taps)
        return flat[: self.targets, :, : self.given]

    def line_length(self, extended: int) -> int:
        """Elements of a time line that every event and every vector fits in."""
        step = lanes(self.dtype)
        return -(-(extended + self.longest + self.taps) // step) * step

    def _block(self, table: Tensor, taps: int) -> Tensor:
        whole = self.targets == self.blocks * self.width and table.shape[2] == taps
        if not whole:
            padded = torch.zeros(self.blocks * self.width, self.inputs, taps, dtype=table.dtype)
            padded[: self.targets, :, : table.shape[2]] = table
            table = padded
        return table.view(self.blocks, self.width, self.inputs, taps).transpose(1, 2).contiguous()
