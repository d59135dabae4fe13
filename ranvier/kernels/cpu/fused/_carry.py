"""Numbers carried between tensors given and the rows of an operation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ranvier.kernels.cpu.host.carry import carry_kernel
from ranvier.kernels.cpu.host.checked import Place
from ranvier.kernels.cpu.host.schedule import Call, Turns

if TYPE_CHECKING:
    from ranvier.kernels.cpu.fused.member import Member
    from ranvier.kernels.cpu.host.flag import Flag

__all__ = ["carry_rows"]

Tensor = torch.Tensor


def carry_rows(flag: Flag, member: Member, rows: Tensor, whole: Tensor, out: bool) -> Turns:
    """Between the rows of a population and a contiguous tensor [T, B, …]: to it where ``out``, else from it."""
    ends = [rows, whole] if out else [whole, rows]
    if member.padded == member.count and rows.is_contiguous():
        return Turns([flag.carry(*ends, count=whole.numel())])
    size, count = whole.element_size(), member.count
    steps = {id(rows): size * rows.stride(0), id(whole): size * count}
    source, target = (Place(t, 0, steps[id(t)]) for t in ends)
    kernel = carry_kernel(ends[0].dtype, ends[1].dtype)
    call = Call(kernel, source=source, target=target, flag=flag.tensor, count=count, most=0, mark=0)
    return Turns([call], len(whole))
