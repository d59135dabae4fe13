"""Weights as kernels take them: floats, or stored numbers with what decodes them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from llvmlite import ir

from ranvier.kernels.cpu.host.signature import REAL, Array
from ranvier.kernels.cpu.llvm.load_weight import Code
from ranvier.storages import Stored

__all__ = ["Weights", "code_arrays", "code_of", "stored_weights", "synapses_of"]

Tensor = torch.Tensor


class Weights(NamedTuple):
    """``table`` holds floats, or codes that ``code`` reads with ``scale`` and ``zero`` ([1] or [outputs]).

    ``dtype`` is that of the floats.
    """

    table: Tensor
    dtype: torch.dtype
    code: Code | None = None
    scale: Tensor | None = None
    zero: Tensor | None = None

    def given(self, name: str) -> dict[str, Tensor]:
        """As arguments of a kernel, the numbers under ``name``."""
        decoding = (("scale", self.scale), ("zero", self.zero))
        return {name: self.table, **{n: t for n, t in decoding if t is not None}}


def code_arrays(code: Code | None, name: str, *shape: str | None) -> dict[str, Array]:
    """The declaration of what :meth:`Weights.given` gives."""
    if code is None:
        return {name: Array(REAL, *shape)}
    out = {name: Array(ir.IntType(code.bits), *shape)}
    out |= {"scale": Array(REAL, None)} if code.scaled else {}
    return out | ({"zero": Array(REAL, None)} if code.shifted else {})


def synapses_of(weight: Tensor | Stored) -> Weights:
    """Weights [synapses] as they are."""
    if isinstance(weight, Stored):
        code = code_of(weight, (1,))
        if code is not None:
            return stored_weights(weight, code, weight.codes)
        weight = weight.decode()
    return Weights(weight.contiguous(), weight.dtype)


def code_of(stored: Stored, each: tuple[int, ...]) -> Code | None:
    """How kernels read the numbers, with a scale for ``each`` output where it has that shape; None where they cannot."""
    spread = [t for t in (stored.scale, stored.zero) if t is not None and t.numel() != 1]
    if not stored.storage.compiles or any(tuple(t.shape) != each for t in spread):
        return None
    scaled = bool(spread) or bool(stored.scale != 1)
    return Code(stored.storage, scaled, stored.zero is not None, bool(spread))


def stored_weights(stored: Stored, code: Code, table: Tensor) -> Weights:
    """Stored numbers laid out as ``table``."""

    def laid(t: Tensor) -> Tensor:
        return (t.expand(stored.shape[0], 1) if code.each else t).reshape(-1).contiguous()

    scale = laid(stored.scale) if code.scaled else None
    return Weights(table, stored.dtype, code, scale, None if stored.zero is None else laid(stored.zero))
