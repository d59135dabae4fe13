"""Calls that carry numbers from tensor to tensor and look at them, and the flag that collects what they find."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import torch

from ranvier.kernels.cpu.host.carry import carry_kernel, look_kernel, same_kernel, size_bits
from ranvier.kernels.cpu.host.checked import Place
from ranvier.kernels.cpu.host.schedule import Call
from ranvier.kernels.provider import CHANGED

__all__ = ["Flag"]

Tensor = torch.Tensor


class Flag:
    """Collects the bits of what calls find."""

    def __init__(self) -> None:
        self.tensor = torch.zeros(1, dtype=torch.int64)

    @cached_property
    def found(self) -> memoryview:
        """The same memory as ``tensor``, which Python reads and clears faster."""
        return memoryview(self.tensor.numpy())  # pyright: ignore[reportArgumentType]  (arrays are buffers)

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
        return self.alike(tensor, tensor.detach().clone(), CHANGED)

    def alike(self, one: Tensor, other: Tensor, mark: int) -> Call:
        """Set the bits ``mark`` where two tensors of one size hold different bytes."""
        flat = [
            t.detach().reshape(-1).as_strided((t.numel(),), (1,)) for t in (one, other)
        ]  # one number may have any stride
        places = [Place(t.view(torch.uint8)) for t in flat]
        count = other.numel() * other.element_size()
        return Call(same_kernel(), one=places[0], other=places[1], flag=self.tensor, count=count, mark=mark)
