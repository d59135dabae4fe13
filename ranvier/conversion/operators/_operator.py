"""What spiking operators have in common: codes of their inputs, what the output represents, and the bound."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from ranvier.conversion.requirements import check_collection
from ranvier.conversion.thresholds import check_steps
from ranvier.errors import ConversionError
from ranvier.network import Network
from ranvier.neurons import Cell, MultiSpikeIF
from ranvier.units import ms
from ranvier.values import is_positive, is_whole

__all__ = ["SpikingOperator", "check_limit", "coded", "coded_input", "new_network", "shape_of"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class SpikingOperator:
    """An operator between populations whose spikes, counted over T steps, represent values.

    Attributes
    ----------
    net
        The network. Its inputs are the values, which arrive as constant currents at cells that code them. Such a cell sends at most one
        spike of either sign in a step, worth the limit of the input.
    limits
        By input: the largest absolute value.
    unit
        ``unit(T)``: the factor of the mean output over T steps.
    error
        ``error(T)``: the bound of :meth:`bound`.

    >>> product = rv.conversion.operators.matmul((2, 3), (3, 4))
    >>> a, b = torch.rand(5, 2, 3), torch.rand(5, 3, 4)
    >>> float((product(a, b, steps=16) - a @ b).abs().max()) <= product.bound(16)
    True
    """

    net: Network
    limits: Mapping[str, float]
    unit: Callable[[int], float]
    error: Callable[[int], float]

    def __call__(self, *values: Tensor, steps: int) -> Tensor:
        """The result [B, …] for values [B, …] of every input, after ``steps`` steps.

        Raises
        ------
        ConversionError
            For another number of inputs, values beyond their limit, or steps out of range.
        """
        check_steps(steps)
        if len(values) != len(self.limits):
            raise ConversionError(
                f"the operator takes {', '.join(self.limits)}: {len(self.limits)} tensors, not {len(values)}."
            )
        given = dict[str, Tensor]()
        for (name, limit), x in zip(self.limits.items(), values, strict=True):
            if not isinstance(x, Tensor):
                raise ConversionError(f"{name} is a {type(x).__name__}: give a tensor [B, …].")
            size = float(x.abs().max()) if x.numel() else 0.0
            if not size <= limit * (1 + 1e-6):
                raise ConversionError(
                    f"{name} holds {size:.4g} in size, but spikes stand for values up to {limit:g}: give a larger limit, or clamp the values."
                )
            given[name] = x.to(self.net.dtype).expand(steps, *x.shape)
        with torch.no_grad():
            out, _ = self.net(given)
        return out.mean(0) * self.unit(steps)

    def bound(self, steps: int) -> float:
        """The largest error of one value after ``steps`` steps, for any values within their limits."""
        check_steps(steps)
        return self.error(steps)


def _coder(limit: float) -> Cell:
    """Cells that code values x up to ``limit``: after T steps their mean times ``limit`` is x to limit/(2*T)."""
    return MultiSpikeIF(V_th=limit, levels=1, low=1)


def coded(text: str, equations: str, unit: float, **values: Any) -> Cell:
    """Cells that send one spike of either sign a step at most, so that their sum follows steps*value/unit to 1/2.

    ``text`` is the value, a function of what ``equations`` define and of ``steps``, the steps so far. It holds where steps*value changes by
    ``unit`` at most in one step.
    """
    return Cell(
        f"steps' = steps + 1 : 1\ntold' = told : 1\nsent' = 0*sent : 1\n{equations}",
        before_firing=f"sent = floor(clip(steps*({text})/unit - told, -1, 1) + 0.5); told += sent",
        threshold="abs(sent) > 0.5", emit="sent", name="coded", unit=unit, **values,
    )  # fmt: skip


def new_network(dtype: torch.dtype) -> Network:
    """An empty network; the length of its step has no meaning here."""
    return Network(dt=1 * ms, dtype=dtype)


def coded_input(net: Network, name: str, shape: tuple[int, ...], limit: float, code: str = "code") -> str:
    """Add an input of values up to ``limit``, and cells that code them; returns the name of these, ``code``."""
    net.input(name, shape)
    net.population(code, shape, _coder(limit))
    net.connect(name, code, [], same_step=True)
    return code


def check_limit(name: str, limit: Any) -> float:
    """The limit as a number above 0.

    Raises
    ------
    ConversionError
        Naming the value.
    """
    if not is_positive(limit):
        raise ConversionError(f"{name}={limit!r} must be the largest size of a value, a number above 0.")
    return float(limit)


def shape_of(name: str, shape: Any, axes: int | None = None) -> tuple[int, ...]:
    """A shape of one sample, of ``axes`` axes.

    Raises
    ------
    ConversionError
        Naming the value.
    """
    shape = (shape,) if isinstance(shape, int) else shape
    check_collection(name, shape, "sizes", f"{name}=(8, 16)")
    if not shape or not all(is_whole(n) for n in shape) or axes not in (None, len(shape)):
        what = "positive sizes" if axes is None else f"{axes} positive sizes"
        raise ConversionError(f"{name}={shape!r} must hold {what}, such as (8, 16).")
    return tuple(shape)
