"""What every encoder asks of its arguments."""

from __future__ import annotations

from typing import Any

import torch

from ranvier.errors import RanvierError, ShapeError
from ranvier.limits import need
from ranvier.units import ms, strip
from ranvier.units.steps import steps_in
from ranvier.values import is_whole

__all__ = ["real", "series", "shares", "step_count", "time_in_steps"]

Tensor = torch.Tensor


def real(x: Any, name: str = "x") -> Tensor:
    """``x`` as a tensor of finite real numbers; whole numbers and booleans become float32."""
    tensor = torch.as_tensor(x)
    if tensor.is_complex():
        raise ShapeError(f"{name} is {tensor.dtype}; give real numbers")
    tensor = tensor if tensor.is_floating_point() else tensor.to(torch.float32)
    if not bool(torch.isfinite(tensor).all()):
        raise RanvierError(f"{name} holds NaN or infinite values; replace or drop them")
    return tensor


def shares(x: Any, name: str = "x") -> Tensor:
    """``x`` as a tensor of numbers from 0 to 1."""
    tensor = real(x, name)
    if tensor.numel() and not 0 <= float(tensor.min()) <= float(tensor.max()) <= 1:
        raise RanvierError(
            f"{name} goes from {float(tensor.min()):g} to {float(tensor.max()):g}; scale it to 0 … 1, for example "
            "(x - x.min()) / (x.max() - x.min())"
        )
    return tensor


def series(x: Any, name: str = "x") -> Tensor:
    """``x`` as a real tensor [T, B, …] of at least one step."""
    tensor = real(x, name)
    if tensor.ndim < 2 or not len(tensor):
        raise ShapeError(f"{name} has shape {tuple(tensor.shape)}; expected [T, B, …] of at least one step")
    return tensor


def step_count(steps: int, least: int = 1, each: Tensor | None = None) -> int:
    """``steps`` if it is a whole number of at least ``least``, and as many times ``each`` fit into memory."""
    if not is_whole(steps, least):
        raise RanvierError(f"steps={steps!r}: give a whole number of at least {least}")
    if each is not None:
        need(
            2 * steps * each.numel() * each.element_size(),
            f"{steps:,} steps of {each.numel():,} values",
            "give fewer steps, or encode a smaller batch at a time",
        )
    return steps


def time_in_steps(value: Any, dt: Any, name: str) -> float:
    """A time as a number of steps of ``dt``."""
    time, step = float(strip(value, ms, name)), float(strip(dt, ms, "dt"))
    if not step > 0 or not time >= 0:
        raise RanvierError(f"{name}={value}, dt={dt}: give times, dt above 0")
    return float(steps_in(time, step))
