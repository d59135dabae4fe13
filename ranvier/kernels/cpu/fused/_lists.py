"""Room for lists of spikes: for each step and sample, the cells that fired."""

from __future__ import annotations

import torch

from ranvier.kernels.cpu.host.buffers import room

__all__ = ["new_list"]

Tensor = torch.Tensor
_MARGIN = 16  # an event list is written up to a vector past its end


def new_list(rows: int, columns: int, repeated: bool = False) -> tuple[Tensor, Tensor]:
    """Row pointers, and room for the columns of ``rows`` rows of events; in memory of its own where later calls write it again."""
    most = [rows * columns + _MARGIN]
    index = torch.empty(most, dtype=torch.int32) if repeated else room(most, torch.int32)
    return torch.zeros(rows + 1, dtype=torch.int64), index
