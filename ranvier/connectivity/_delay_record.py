"""Learnable delays as plain data."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ranvier.connectivity.delays import LONGEST, Delays
from ranvier.limits.record import Record, damaged
from ranvier.limits.tensors import Take
from ranvier.units import UNITS, Quantity
from ranvier.values import Learn

__all__ = ["decode_delays", "encode_delays"]

_TIME = UNITS["ms"].dimension


def encode_delays(delays: Delays | None) -> dict[str, Any] | None:
    """Plain data for learnable delays; position and width are saved as tensors."""
    if delays is None:
        return None
    width = "learnt" if isinstance(delays.width, nn.Parameter) else "none" if delays.width is None else "fixed"
    form = {"share": list(delays.position.shape), "interpolation": delays.interpolation, "width": width}
    return {**form, "min": delays.low, "max": delays.high}


def decode_delays(record: Record, shape: tuple[int, ...], where: str, take: Take, dt: float) -> Delays | None:
    """The delays described under ``delay`` for weights of ``shape``, with their tensors from ``take``."""
    if "delay" not in record:
        return None
    inner = record.child("delay")
    share, low, high = inner.sizes("share"), inner.number("min"), inner.number("max")
    position, width = take("delay.position"), take("delay.width")
    if position is None or share is None or tuple(position.shape) != share:
        raise damaged(f"{where}.delay", f"the tensor of positions is missing or not of shape {share}")
    try:
        fits = torch.broadcast_shapes(share, shape) == torch.Size(shape)
    except RuntimeError:
        fits = False
    if not fits or not 0 <= high / dt <= LONGEST:
        raise damaged(
            f"{where}.delay", f"{share} delays of up to {high} ms do not fit weights {shape}, steps of {dt} ms"
        )
    given = Learn(Quantity(low, _TIME), Quantity(low, _TIME), Quantity(high, _TIME))
    kind = inner.choice("width", "none", "fixed", "learnt")
    start = None if kind == "none" else Quantity(dt, _TIME)
    delays = Delays(
        given, shape, share, interpolation=inner.choice("interpolation", "linear", "gaussian"),
        width=Learn(start) if kind == "learnt" else start, dt=dt, seed=0, name=where,
    )  # fmt: skip
    for name, new in (("position", position), ("width", width)):
        old = getattr(delays, name)
        if (old is None) != (new is None):
            raise damaged(f"{where}.delay", f"the tensor {name!r} is missing or too many")
        if old is None or new is None:
            continue
        if new.shape != old.shape or not new.is_floating_point():
            raise damaged(f"{where}.delay.{name}", f"is {new.dtype} {list(new.shape)}, expected {list(old.shape)}")
        if isinstance(old, nn.Parameter):
            delays.register_parameter(name, nn.Parameter(new))
        else:
            delays.register_buffer(name, new)
    return delays
