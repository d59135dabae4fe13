"""Arrays that kernels read and write, checked before their addresses are taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

if TYPE_CHECKING:
    from ranvier.kernels.cpu.host.signature import Array

__all__ = ["Check", "Place"]


class Place(NamedTuple):
    """Somewhere in a tensor: ``offset`` bytes past its first element, and ``step`` bytes further in every step of a schedule."""

    tensor: Tensor
    offset: int = 0
    step: int = 0


class Check:
    """Gives the address of an array, and its bytes per step, once it is known to be what the kernel takes."""

    def __init__(self, name: str, array: Array, dtypes: tuple[torch.dtype, ...]) -> None:
        self.name, self.array, self.dtypes = name, array, dtypes
        self.shape = array.shape
        self._axes = [(k, n) for k, n in enumerate(array.shape or ()) if n is not None]

    def __call__(self, value: Any, given: Mapping[str, Any]) -> tuple[int, int]:
        """``given`` are all arguments: lengths of axes are among them.

        Raises
        ------
        TypeError, ValueError
            The array is of another type or shape, not contiguous, or not on the CPU.
        """
        if value is None:
            if self.array.optional:
                return 0, 0
            raise TypeError(f"{self.name} is None; the kernel needs an array")
        whole = type(value) is not Place
        tensor, offset, step = (value, 0, 0) if whole else value
        if tensor.dtype not in self.dtypes or not tensor.is_cpu:
            self._refuse(tensor)
        if whole and (self.shape is not None or not tensor.is_contiguous()):
            self._measure(tensor, given)
        return tensor.data_ptr() + offset, step

    def address(self, value: Any, given: Mapping[str, Any]) -> int:
        """The address alone, of a tensor or a place in one; raises as a call."""
        if value.__class__ is Place and value.tensor.dtype is self.dtypes[0] and value.tensor.is_cpu:
            return value.tensor.data_ptr() + value.offset
        return self(value, given)[0]

    def located(
        self, name: str, arrays: Iterable[str], words: Mapping[str, str], given: str
    ) -> tuple[list[str], dict[str, Any]]:
        """Lines of Python that set ``p_name`` and ``s_name``, the address of the array and its bytes per step, and what they know.

        ``words`` and ``arrays`` as in :meth:`plain`; ``given`` is how all arguments are written.
        """
        x = words[self.name]
        lines = [
            f"    if {x}.__class__ is Tensor and {x}.dtype is d_{name} and {self.plain(arrays, words)}:",
            f"        p_{name}, s_{name} = {x}.data_ptr(), 0",
            f"    elif {x}.__class__ is Place and {x}.tensor.dtype is d_{name} and {x}.tensor.is_cpu:",
            f"        p_{name}, s_{name} = {x}.tensor.data_ptr() + {x}.offset, {x}.step",
            *([f"    elif {x} is None:", f"        p_{name} = s_{name} = 0"] if self.array.optional else []),
            "    else:",
            f"        p_{name}, s_{name} = c_{name}({x}, {given})",
        ]
        return lines, {"Tensor": Tensor, "Place": Place, f"c_{name}": self, f"d_{name}": self.dtypes[0]}

    def plain(self, arrays: Iterable[str], words: Mapping[str, str]) -> str:
        """A condition in Python, true only where all is well: what is not plain is looked at by a call.

        ``words`` say how each argument is written, ``arrays`` which of them are arrays.
        """
        name = words[self.name]
        out = [f"{name}.is_cpu", f"{name}.is_contiguous()"]
        if self.shape is not None:
            out.append(f"{name}.dim() == {len(self.shape)}")
        for k, wanted in self._axes:
            length = words[wanted] if isinstance(wanted, str) else str(wanted)
            if str(wanted) in arrays:
                out.append(f"({length}.__class__ is not Tensor or {name}.size({k}) == {length}.numel())")
            else:
                out.append(f"{name}.size({k}) == {length}")
        return " and ".join(out)

    def _measure(self, tensor: Tensor, given: Mapping[str, Any]) -> None:
        name = self.name
        wanted = {k: n if isinstance(n, int) else given[n] for k, n in self._axes}
        lengths = {k: n.numel() if isinstance(n, Tensor) else n for k, n in wanted.items()}
        fits = self.shape is None or tensor.dim() == len(self.shape)
        if not fits or any(n is not None and type(n) is not Place and tensor.shape[k] != n for k, n in lengths.items()):
            told = ", ".join("any" if lengths.get(k) is None else str(lengths[k]) for k in range(len(self.shape or ())))
            raise ValueError(f"{name} has shape {tuple(tensor.shape)}, expected ({told})")
        if not tensor.is_contiguous() and not (self.array.apart and tensor[:1].is_contiguous()):
            raise ValueError(f"{name} with strides {tensor.stride()} is not contiguous: use {name}.contiguous()")

    def _refuse(self, tensor: Tensor) -> None:
        name = self.name
        if tensor.dtype not in self.dtypes:
            expected = " or ".join(str(d) for d in self.dtypes)
            raise TypeError(f"{name} has dtype {tensor.dtype}, expected {expected}: use {name}.to({self.dtypes[0]})")
        raise ValueError(f"{name} is on {tensor.device}; the cpu kernels need it on the CPU: use {name}.cpu()")
