"""Calls that carry numbers between tensors given and the rows of an operation, and that look at them on the way."""

from __future__ import annotations

from typing import Any

import torch

from ranvier.kernels.cpu.fused.member import Member
from ranvier.kernels.cpu.host.carry import carry_kernel, look_kernel, same_kernel, size_bits
from ranvier.kernels.cpu.host.checked import Place
from ranvier.kernels.cpu.host.schedule import Call, Turns
from ranvier.kernels.provider import CHANGED

__all__ = ["Flag"]

Tensor = torch.Tensor


class Flag:
    """Collects the bits of what calls find."""

    def __init__(self) -> None:
        self.tensor = torch.zeros(1, dtype=torch.int64)

    def carry(
        self, source: Tensor, target: Tensor, count: int, most: int = 0, mark: int = 0, spikes: bool = False
    ) -> Call:
        """Write ``count`` numbers; sets the bits ``mark`` where one has a magnitude whose bits are ``most`` or more."""
        kernel = carry_kernel(source.dtype, target.dtype, spikes)
        places: dict[str, Any] = {"source": Place(source), "target": Place(target)}
        return Call(kernel, **places, flag=self.tensor, count=count, most=most, mark=mark)

    def look(self, source: Tensor, count: int, most: float, mark: int) -> Call:
        """Set the bits ``mark`` where one of ``count`` numbers is not finite, or of magnitude ``most`` or more."""
        bits = size_bits(most, source.dtype)
        return Call(
            look_kernel(source.dtype), source=Place(source), flag=self.tensor, count=count, most=bits, mark=mark
        )

    def same(self, tensor: Tensor) -> Call:
        """Set the bits ``CHANGED`` where a tensor holds other bytes than now."""
        now = tensor.detach().clone()
        one, other = (Place(t.detach().reshape(-1).view(torch.uint8)) for t in (tensor, now))
        count = now.numel() * now.element_size()
        return Call(same_kernel(), one=one, other=other, flag=self.tensor, count=count, mark=CHANGED)

    def rows(self, member: Member, rows: Tensor, whole: Tensor, out: bool) -> Turns:
        """Between the rows of a population and a contiguous tensor [T, B, …]: to it where ``out``, else from it."""
        ends = [rows, whole] if out else [whole, rows]
        if member.padded == member.count and rows.is_contiguous():
            return Turns([self.carry(*ends, count=whole.numel())])
        size, count = whole.element_size(), member.count
        steps = {id(rows): size * rows.stride(0), id(whole): size * count}
        source, target = (Place(t, 0, steps[id(t)]) for t in ends)
        kernel = carry_kernel(ends[0].dtype, ends[1].dtype)
        call = Call(kernel, source=source, target=target, flag=self.tensor, count=count, most=0, mark=0)
        return Turns([call], len(whole))
