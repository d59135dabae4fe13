"""Single synapses as compressed rows: which source reaches which targets."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch

from ranvier.kernels.operands import extent, require

__all__ = ["Pattern", "pattern"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Pattern:
    """Which of K sources reaches which of ``columns`` targets; synapse s of source k has row_pointer[k] <= s < [k + 1].

    Attributes
    ----------
    row_pointer
        Int64 ``[K + 1]``, from 0, never falling.
    target
        Int32 or uint32 ``[synapses]``, each below ``columns``. One pair may be joined more than once.
    columns
        Number of targets N.
    prepared
        Results of providers about the pattern, by keys of their own: kept as long as the pattern.

    Raises
    ------
    TypeError, ValueError
        At construction, where a kernel would read or write outside its arrays.
    """

    row_pointer: Tensor
    target: Tensor
    columns: int
    prepared: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        require(self.row_pointer, "row_pointer", (None,), torch.int64, anywhere=True)
        if self.target.dtype == torch.uint32:
            object.__setattr__(self, "target", self.target.view(torch.int32))
        require(self.target, "target", (None,), torch.int32, anywhere=True)
        synapses, pointer = self.target.numel(), self.row_pointer
        if (
            not pointer.numel()
            or int(pointer[0]) != 0
            or int(pointer[-1]) != synapses
            or bool((pointer.diff() < 0).any())
        ):
            raise ValueError(f"row_pointer must rise from 0 to the number of targets ({synapses}); it is {pointer}")
        low, high = extent(self.target) if synapses else (0, -1)
        if low < 0 or high >= self.columns:
            raise ValueError(
                f"targets run from {low} to {high}; they must lie in 0 .. {self.columns - 1} (columns - 1)"
            )

    @cached_property
    def source(self) -> Tensor:
        """Int64 [synapses], the source of each."""
        degrees = self.row_pointer.diff()
        cells = torch.arange(self.rows, device=degrees.device)
        return torch.repeat_interleave(cells, degrees, output_size=self.synapses)

    @cached_property
    def ascending(self) -> bool:
        """Whether the targets of every row rise, none twice."""
        rises = self.target[1:] > self.target[:-1]
        begins = self.row_pointer[1:-1]
        rises[begins[(begins > 0) & (begins < self.synapses)] - 1] = True
        return bool(rises.all())

    @property
    def full(self) -> bool:
        """Whether every source reaches every target once, in order."""
        return 0 < self.synapses == self.rows * self.columns and self.ascending

    @property
    def rows(self) -> int:
        """Number of sources K."""
        return self.row_pointer.numel() - 1

    @property
    def synapses(self) -> int:
        """Number of connections."""
        return self.target.numel()


def pattern(pre: Tensor, post: Tensor, sizes: tuple[int, int]) -> Pattern:
    """The compressed rows of synapses sorted by presynaptic cell."""
    pointer = torch.zeros(sizes[0] + 1, dtype=torch.int64)
    pointer[1:] = torch.bincount(pre, minlength=sizes[0]).cumsum(0)
    return Pattern(pointer, post.to(torch.int32).contiguous(), sizes[1])
