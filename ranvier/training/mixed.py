"""Mixed precision of a training: products in half precision, and the scale of the loss that float16 needs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ranvier.errors import TrainingError
from ranvier.network import Network
from ranvier.training.rules import Rule

__all__ = ["Mixed", "choose_precision"]

_HALVES = {None: None, "32-true": None, "bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}
_INSTEAD = {
    "bf16-true": "net.bfloat16() before training", "16-true": "precision='16-mixed'",
    "64-true": "net.double() before training", "64": "net.double() before training", "bf16": "precision='bf16-mixed'",
    "16": "precision='16-mixed'", "fp16": "precision='16-mixed'", "32": "precision='32-true'", "fp32": "precision='32-true'", "no": "precision=None",
    "torch.bfloat16": "precision='bf16-mixed'", "torch.float16": "precision='16-mixed'",
}  # fmt: skip
#: the first scale of a loss in float16, the least, and after how many updates without an overflow it doubles
_FIRST, _LEAST, _GROWS = 2.0**16, 2.0**-14, 2000


@dataclass
class Mixed:
    """The dtype ``half`` of products, None for that of the network, and the factor ``scale`` on the loss.

    The scale is a power of two, so that it changes no digit of a gradient. It halves where a gradient overflows, and that
    update is left out; it doubles after 2000 updates without one. ``clean`` counts these. bfloat16 needs no scale.
    """

    half: torch.dtype | None = None
    scale: float = 1.0
    clean: int = 0

    @property
    def scales(self) -> bool:
        """Whether small gradients would become 0 without a scale."""
        return self.half == torch.float16

    def context(self, device: torch.device) -> AbstractContextManager[object]:
        """Torch's autocast in this precision."""
        return nullcontext() if self.half is None else torch.autocast(device.type, dtype=self.half)

    def unscale(self, parameters: Iterable[nn.Parameter]) -> None:
        """The gradients of the loss itself, from those of the loss times the scale."""
        if self.scale != 1.0:
            for q in parameters:
                if q.grad is not None:
                    q.grad.div_(self.scale)

    def takes(self, norm: float) -> bool:
        """Whether an update is made with a gradient of this norm; the next scale follows from it."""
        if not self.scales:
            return True
        if not math.isfinite(norm) and self.scale > _LEAST:
            self.scale, self.clean = self.scale / 2, 0
            return False
        self.clean += 1
        if self.clean >= _GROWS:
            self.scale, self.clean = self.scale * 2, 0
        return True


def choose_precision(precision: Any, net: Network, rule: Rule) -> Mixed:
    """The requested precision.

    Raises
    ------
    TrainingError
        Where it is unknown, the network or the rule has no such products, or weights are in float16.
    """
    if not (precision is None or isinstance(precision, str)) or precision not in _HALVES:
        known = ", ".join(repr(name) for name in _HALVES if name)
        meant = _INSTEAD.get(str(precision))
        raise TrainingError(
            f"precision={precision!r} is unknown: write {meant}."
            if meant
            else f"precision={precision!r} is unknown: use {known} or None."
        )
    if net.dtype == torch.float16:
        raise TrainingError(
            "the network has float16 weights, which rv.train does not change: small gradients, and the eps of Adam, are 0 in float16. Call "
            "net.float() and pass precision='16-mixed', or call net.bfloat16()."
        )
    half = _HALVES[precision]
    if half is None:
        return Mixed()
    if net.dtype != torch.float32:
        raise TrainingError(
            f"precision={precision!r} rounds the products of a float32 network, but this one is in {net.dtype}: call net.float(), or "
            f"leave precision out."
        )
    if not rule.mixes:
        raise TrainingError(
            f"precision={precision!r}: {type(rule).__name__} computes its gradient from float32 products: leave precision out, or use "
            f"rv.rules.BPTT() or rv.rules.SLTT()."
        )
    return Mixed(half, _FIRST if half == torch.float16 else 1.0)
