"""Delays: read from what a user gives, fixed on whole steps or real and learnable."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from ranvier.connectivity.interpolation import gaussian_taps, linear_taps
from ranvier.errors import RanvierError, ShapeError
from ranvier.units import UNITS, Dimension, as_quantity
from ranvier.units.steps import nearest_steps, steps_in
from ranvier.values import Distribution, Learn, scale_of

__all__ = [
    "LONGEST", "DelayError", "Delays", "check_request", "delay_parameters", "delays_of", "latency_steps", "times_of",
]  # fmt: skip

Tensor = torch.Tensor
#: no delay is longer, in steps: emissions are remembered that long
LONGEST = 10_000_000
_TIME = UNITS["ms"].dimension
_LEAST_WIDTH = 0.27  # steps; a narrower bell would fall between two of them


class DelayError(RanvierError, ValueError):
    """A delay that cannot be honoured."""


def latency_steps(delay: Any, dt: float, count: int, seed: int, name: str) -> Tensor | int:
    """round(delay/dt) as one whole number, or as an int32 tensor of ``count`` of them.

    Raises
    ------
    ShapeError
        For anything that is not a time of 0 or more, or ``count`` of them.
    DelayError
        For a time of more than ``LONGEST`` steps.
    """
    values = times_of(delay, count, seed, f"{name}.delay")
    _within_reach(float(values.max(initial=0.0)), dt, f"{name}: delay={delay!r}")
    steps = nearest_steps(values, dt).astype(np.int64)
    if steps.ndim == 0:
        return int(steps)
    _each(values, count, name)
    return torch.from_numpy(steps.reshape(-1).astype(np.int32))


def check_request(delay: Any, count: int, interpolation: str, width: Any, name: str) -> None:
    """Refuse what is no delay for ``count`` synapses, cells or channels, before a step tells how long it is.

    Raises
    ------
    ShapeError
        For anything that is not a time of 0 or more, or ``count`` of them.
    DelayError
        Bounds that leave no room, an unknown interpolation, a width that is not a positive time or has no use.
    """
    learnt = isinstance(delay, Learn)
    value = delay.value if learnt else delay
    if isinstance(value, Distribution):
        _check_time(value.dimension, value, f"{name}.delay")
    elif value is not None:
        values = times_of(value, count, 0, f"{name}.delay")
        if values.ndim and not learnt:
            _each(values, count, name)
    if learnt:
        _check_learnable(delay, interpolation, width, name)
    elif interpolation != "linear" or width is not None:
        word, given = ("width", width) if interpolation == "linear" else ("interpolation", interpolation)
        raise DelayError(
            f"{name}: {word}={given!r} belongs to learnable delays: give delay=rv.Learn(…), or leave it out."
        )


def _check_learnable(given: Learn, interpolation: str, width: Any, name: str) -> None:
    if given.max is None:
        raise DelayError(
            f"{name}: delay={given!r} needs max=, for example max=25*ms: it sets the length of the history."
        )
    if (given.min or 0.0) < 0:
        raise DelayError(f"{name}: delay={given!r} allows negative times; give min=0*ms or more.")
    if interpolation not in ("linear", "gaussian"):
        raise DelayError(f"{name}: interpolation={interpolation!r} is unknown; use 'linear' or 'gaussian'.")
    if width is None:
        return
    if interpolation == "linear":
        raise DelayError(f"{name}: width={width!r} belongs to interpolation='gaussian'; leave it out.")
    start = width.value if isinstance(width, Learn) else width
    if isinstance(start, Distribution):
        _check_time(start.dimension, start, f"{name}.width")
    elif not (times_of(start, 1, 0, f"{name}.width") > 0).all():
        raise DelayError(f"{name}: width={width!r} must be a positive time, for example 5*ms.")


def _each(values: np.ndarray, count: int, name: str) -> None:
    if values.size != count:
        raise ShapeError(f"{name}: delay has {values.size} values for {count} synapses; give one per synapse.")


class Delays(nn.Module):
    """Real-valued delays that training moves.

    A delay of d steps is a few weighted taps on whole steps around d (:mod:`ranvier.connectivity.interpolation`), so
    the result, and the gradient to d, is exact for that interpolation. Outside [min, max] the bound counts, while the
    gradient passes.

    Parameters
    ----------
    given
        ``rv.Learn(value, min=, max=)``, times; ``max`` is needed, ``min`` is 0 by default.
    shape
        Of the weights: ``[out, in, …]`` or ``[synapses]``.
    share
        Shape of the delays, broadcastable to ``shape``.
    interpolation
        ``"linear"`` or ``"gaussian"``.
    width
        Of the bell: a time, or ``rv.Learn``; half a step by default.
    dt
        The step in ms at which they are made: half of it is the default width. They may be used at any other.
    seed, name
        What a distribution is drawn by.

    Attributes
    ----------
    position
        Parameter, ms.
    width
        Parameter or buffer, ms; None for linear interpolation.

    Raises
    ------
    DelayError
        Bounds that leave no room, an unknown interpolation, a width that is not a positive time.
    """

    width: Tensor | None

    def __init__(
        self, given: Learn, shape: Sequence[int], share: Sequence[int], interpolation: str = "linear",
        width: Any = None, *, dt: float, seed: int, name: str,
    ) -> None:  # fmt: skip
        super().__init__()
        _check_learnable(given, interpolation, width, name)
        self.shape, self.interpolation = tuple(shape), interpolation
        self.low, self.high = given.min or 0.0, cast(float, given.max)
        self.check(dt, name)
        self.position = nn.Parameter(_start(given.value, tuple(share), seed, f"{name}.delay"))
        if interpolation == "linear":
            self.register_buffer("width", None)
        else:
            self._keep_width(0.5 * dt * UNITS["ms"] if width is None else width, seed, name)

    def check(self, dt: float, name: str) -> None:
        """Raise where all delays are shorter than one step of ``dt`` ms, or some exceed the longest history."""
        _within_reach(self.high, dt, f"{name}: delay of at most {self.high:g} ms")
        if steps_in(self.high, dt) < 1:
            raise DelayError(
                f"{name}: delays of at most {self.high:g} ms stay below one step of {dt:g} ms; raise max or shorten dt."
            )

    def longest(self, dt: float) -> int:
        """The last step of ``dt`` ms on which a tap can stand."""
        return math.ceil(steps_in(self.high, dt))

    def shortest(self, dt: float) -> int:
        """The first step of ``dt`` ms on which a tap can stand."""
        return math.floor(steps_in(self.low, dt)) if self.interpolation == "linear" else 0

    def natural_scales(self) -> dict[str, float]:
        """The size of the delays and of a learnt width, ms."""
        out = {"position": scale_of(self.position, self.low, self.high)}
        return out | ({"width": scale_of(self.width)} if isinstance(self.width, nn.Parameter) else {})

    def bounded(self) -> Tensor:
        """The delays in ms within their bounds, of the weights' shape."""
        return _held(self.position, self.low, self.high).expand(self.shape).contiguous()

    def forward(self, weight: Tensor, dt: float, lag: int = 0) -> tuple[Tensor, Tensor]:
        """Taps ``[*shape, W]`` of ``weight`` on steps of ``dt`` ms, and int32 ``[*shape]``, the first, ``lag`` later."""
        position = self.bounded() / dt
        if self.width is None:
            taps, first = linear_taps(weight, position, self.longest(dt))
        else:
            width = _held(self.width, _LEAST_WIDTH * dt, None) / dt
            taps, first = gaussian_taps(weight, position, width, self.longest(dt))
        return taps, first + lag

    def rounded(self, dt: float) -> Tensor:
        """Int32 ``[*shape]``: every delay on its nearest step of ``dt`` ms."""
        return torch.round(self.in_steps(dt)).to(torch.int32)

    def in_steps(self, dt: float) -> Tensor:
        """The delays within their bounds in steps of ``dt`` ms, float64, without gradient."""
        steps = steps_in(self.bounded().detach().double().cpu().numpy(), dt)
        return torch.from_numpy(steps).to(self.position.device)

    def extra_repr(self) -> str:
        return f"{self.interpolation}, {self.low:g} to {self.high:g} ms"

    def _keep_width(self, width: Any, seed: int, name: str) -> None:
        learn = isinstance(width, Learn)
        value = width.value if learn else width
        start = _start(value, tuple(self.position.shape) if learn else (), seed, f"{name}.width")
        if not bool((start > 0).all()):
            raise DelayError(f"{name}: width={width!r} must be a positive time, for example 5*ms.")
        if learn:
            self.register_parameter("width", nn.Parameter(start))
        else:
            self.register_buffer("width", start)


def _within_reach(longest: float, dt: float, what: str) -> None:
    """Refuse a delay that exceeds the longest history, before it is converted to steps."""
    if longest > LONGEST * dt:
        raise DelayError(
            f"{what} reaches {longest:g} ms, more than {LONGEST:,} steps of {dt:g} ms: give a shorter delay, or a longer dt."
        )


def delay_parameters(net: nn.Module) -> list[nn.Parameter]:
    """The positions (and learnable widths) of all delays, for a learning rate of their own.

    >>> slow = rv.delay_parameters(net)
    >>> rest = [p for p in net.parameters() if all(p is not q for q in slow)]
    >>> optimizer = torch.optim.Adam([{"params": rest, "lr": 1e-3}, {"params": slow, "lr": 1e-1}])
    """
    return [p for delays in delays_of(net) for p in delays.parameters(recurse=False)]


def delays_of(net: nn.Module) -> Iterator[Delays]:
    """All learnable delays in a network."""
    return (m for m in net.modules() if isinstance(m, Delays))


def _held(value: Tensor, low: float | None, high: float | None) -> Tensor:
    """``value`` within bounds, with the gradient as if there were none."""
    held = value.detach()
    return value + (held.clamp(low, high) - held)


def _start(value: Any, shape: tuple[int, ...], seed: int, name: str) -> Tensor:
    """Starting times of that shape in ms."""
    times = torch.from_numpy(np.array(times_of(value, math.prod(shape), seed, name)))
    if times.ndim == 1 and times.numel() == math.prod(shape):
        return times.reshape(shape)
    try:
        return times.expand(shape).clone()
    except RuntimeError:
        raise ShapeError(
            f"{name} has shape {tuple(times.shape)}, which does not fit {shape}; give one time, or one for each."
        ) from None


def _check_time(dimension: Dimension, value: Any, name: str) -> None:
    if dimension != _TIME:
        raise ShapeError(f"{name}={_shown(value)} has dimension {dimension}; give a time, for example 1.5*ms.")


def _shown(value: Any) -> str:
    """A value in a message: a large array by its shape."""
    shape = getattr(value, "shape", ())
    return repr(value) if math.prod(shape) <= 8 and len(shape) < 2 else f"an array of shape {tuple(shape)}"


def times_of(value: Any, count: int, seed: int, name: str) -> np.ndarray:
    """Times of 0 or more in ms, as given or drawn."""
    if isinstance(value, Distribution):
        dimension, values = value.dimension, value.draw(count, seed, name)
    else:
        try:
            quantity = as_quantity(value)
            raw = quantity.value
            values = np.asarray(raw.detach().cpu() if isinstance(raw, Tensor) else raw, dtype=np.float64)
        except (TypeError, ValueError) as error:
            what = value.__name__ if isinstance(value, type) else repr(value)
            raise ShapeError(
                f"{name}={what} is not a time: give one such as 1.5*ms, an array of them, or a distribution such as "
                "rv.Uniform(0*ms, 5*ms)."
            ) from error
        dimension = quantity.dimension
    if np.ndim(values) or values != 0:
        _check_time(dimension, value, name)
    if not np.isfinite(values).all() or (values < 0).any():
        raise ShapeError(
            f"{name}={_shown(value)} holds a negative or non-finite value; a delay is a time of 0 or more."
        )
    return values
