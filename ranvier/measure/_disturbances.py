"""What may go wrong with samples and with a network, each at several strengths."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn

from ranvier.errors import RanvierError
from ranvier.network import Network

__all__ = ["DeadCells", "Disturbance", "Drift", "DropSpikes", "JitterSpikes", "Noise", "Quantize", "WeightNoise"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Disturbance(ABC):
    """What goes wrong, at each of ``strengths``; a subclass says what a strength does.

    Raises
    ------
    RanvierError
        Where a strength lies outside of ``low`` to ``high``, or there is none.
    """

    strengths: tuple[float, ...]
    #: the strengths that make sense
    low: ClassVar[float] = 0.0
    high: ClassVar[float] = math.inf

    def __post_init__(self) -> None:
        given = self.strengths if isinstance(self.strengths, tuple | list) else (self.strengths,)
        for value in given:
            if isinstance(value, bool) or not isinstance(value, int | float) or not self.low <= value <= self.high:
                raise RanvierError(
                    f"{type(self).__name__}: strength {value!r} must be a number from {self.low:g} to {self.high:g}."
                )
        if not given:
            raise RanvierError(f"{type(self).__name__} has no strengths: give some, such as (0.1, 0.2).")
        object.__setattr__(self, "strengths", tuple(given))

    @property
    def name(self) -> str:
        """In tables."""
        return type(self).__name__

    @abstractmethod
    def __call__(
        self, net: nn.Module, x: Tensor, y: Tensor, strength: float, draw: torch.Generator
    ) -> tuple[nn.Module, Tensor]:
        """The module and the samples [T, B, …] that are scored; ``net`` is a copy, which may be changed."""


class OfSamples(Disturbance):
    """Changes samples, and leaves the network as it is."""

    def __call__(
        self, net: nn.Module, x: Tensor, y: Tensor, strength: float, draw: torch.Generator
    ) -> tuple[nn.Module, Tensor]:
        """The network and other samples."""
        return net, self.change(x, strength, draw)

    @abstractmethod
    def change(self, x: Tensor, strength: float, draw: torch.Generator) -> Tensor:
        """Other samples [T, B, …]."""


class OfWeights(Disturbance):
    """Changes every matrix and kernel of weights, and leaves single numbers, biases and cells as they are."""

    def __call__(
        self, net: nn.Module, x: Tensor, y: Tensor, strength: float, draw: torch.Generator
    ) -> tuple[nn.Module, Tensor]:
        """The network with other weights, and the samples."""
        with torch.no_grad():
            for weight in _weights(net):
                weight.copy_(self.change(weight, strength, draw))
        return net, x

    @abstractmethod
    def change(self, weight: Tensor, strength: float, draw: torch.Generator) -> Tensor:
        """Another weight of the same shape."""


@dataclass(frozen=True)
class DropSpikes(OfSamples):
    """Every number of a sample is lost (0) with a chance, the strength.

    >>> rv.measure.DropSpikes((0.1, 0.5)).strengths
    (0.1, 0.5)
    """

    high: ClassVar[float] = 1.0

    def change(self, x: Tensor, strength: float, draw: torch.Generator) -> Tensor:
        """Fewer spikes."""
        return x * (_uniform(x, draw) >= strength)


@dataclass(frozen=True)
class JitterSpikes(OfSamples):
    """Every number moves in time by a normal number of steps, rounded, whose standard deviation is the strength.

    What would leave the sequence stays in its first or last step, and numbers that meet add up.

    >>> rv.measure.JitterSpikes((1, 2)).strengths
    (1, 2)
    """

    def change(self, x: Tensor, strength: float, draw: torch.Generator) -> Tensor:
        """The same spikes at other times."""
        moved = (_normal(x, draw) * strength).round().long()
        steps = torch.arange(len(x), device=x.device).reshape(-1, *(1 for _ in x.shape[1:]))
        return torch.zeros_like(x).scatter_add_(0, (steps + moved).clamp(0, len(x) - 1), x)


@dataclass(frozen=True)
class Noise(OfSamples):
    """Normal numbers are added to samples; their standard deviation is the strength.

    >>> rv.measure.Noise((0.1,)).name
    'Noise'
    """

    def change(self, x: Tensor, strength: float, draw: torch.Generator) -> Tensor:
        """Noisy samples."""
        return x + strength * _normal(x, draw)


@dataclass(frozen=True)
class WeightNoise(OfWeights):
    """Normal numbers are added to weights; their standard deviation is the strength times that of the matrix or kernel.

    >>> rv.measure.WeightNoise((0.1,)).name
    'WeightNoise'
    """

    def change(self, weight: Tensor, strength: float, draw: torch.Generator) -> Tensor:
        """Noisy weights."""
        return weight + strength * weight.std(correction=0) * _normal(weight, draw)


@dataclass(frozen=True)
class Drift(OfWeights):
    """Weights fade as a power of time: w*r**-nu, where the strength is r, the time over that of programming.

    Parameters
    ----------
    exponent, spread
        Each weight has its nu, normal with this mean and standard deviation, and at least 0.

    The law is that of phase-change memories (Ielmini et al., IEEE TED 2007).

    >>> rv.measure.Drift((10, 1000)).strengths
    (10, 1000)
    """

    low: ClassVar[float] = 1.0
    exponent: float = 0.05
    spread: float = 0.02

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, value in (("exponent", self.exponent), ("spread", self.spread)):
            if not isinstance(value, int | float) or not 0 <= value < math.inf:
                raise RanvierError(f"Drift: {name}={value!r} must be a number of at least 0.")

    def change(self, weight: Tensor, strength: float, draw: torch.Generator) -> Tensor:
        """Faded weights."""
        return weight * strength ** -(self.exponent + self.spread * _normal(weight, draw)).clamp(min=0)


@dataclass(frozen=True)
class Quantize(OfWeights):
    """Weights are rounded to as many bits as the strength says: multiples of max|w|/(2**(bits - 1) - 1), for each matrix or kernel.

    >>> rv.measure.Quantize((8, 4)).strengths
    (8, 4)
    """

    low: ClassVar[float] = 2.0
    high: ClassVar[float] = 32.0

    def change(self, weight: Tensor, strength: float, draw: torch.Generator) -> Tensor:
        """Rounded weights."""
        largest = float(weight.abs().max())
        unit = largest / (2 ** (strength - 1) - 1)
        return (weight / unit).round() * unit if largest else weight


@dataclass(frozen=True)
class DeadCells(Disturbance):
    """A share of the cells of every population that fires, the strength, emits nothing; which ones is drawn.

    Outputs keep all of their cells.

    >>> rv.measure.DeadCells((0.1,)).name
    'DeadCells'
    """

    high: ClassVar[float] = 1.0

    def __call__(
        self, net: nn.Module, x: Tensor, y: Tensor, strength: float, draw: torch.Generator
    ) -> tuple[nn.Module, Tensor]:
        """The network with hooks that silence cells, and the samples."""
        for one in _networks(net):
            for name, population in one.populations.items():
                if population.cell.fires and name not in one.outputs:
                    population.register_forward_hook(_Silenced(strength, draw))
        return net, x


class _Silenced:
    """A hook that sets what some cells emit to 0; which ones is drawn at the first call, which knows how many there are."""

    def __init__(self, share: float, draw: torch.Generator) -> None:
        self.share, self.seed, self.alive = share, int(torch.randint(2**31, (), generator=draw)), None

    def __call__(self, module: nn.Module, args: Any, emitted: Tensor) -> Tensor:
        if self.alive is None or self.alive.shape != emitted.shape[2:]:
            draw = torch.Generator().manual_seed(self.seed)
            self.alive = _uniform(emitted[0, 0], draw) >= self.share
        return emitted * self.alive


def _weights(net: nn.Module) -> Iterator[Tensor]:
    """Weights of two axes or more; integers that stand for stored weights are not among them."""
    for weight in dict.fromkeys(
        (*net.parameters(), *(b for n, b in net.named_buffers() if n.rpartition(".")[2] == "weight"))
    ):
        if weight.ndim > 1 and weight.is_floating_point():
            yield weight


def _networks(net: nn.Module) -> list[Network]:
    return [m for m in net.modules() if isinstance(m, Network)]


def _uniform(like: Tensor, draw: torch.Generator) -> Tensor:
    return torch.rand(like.shape, generator=draw, dtype=like.dtype).to(like.device)


def _normal(like: Tensor, draw: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=draw, dtype=like.dtype).to(like.device)
