"""Local inhibitory cells balance excitation by subtraction and division, in place of a norm."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import nn

from ranvier.connectivity.bound import Binding, BoundTransform
from ranvier.connectivity.computed import make_plain
from ranvier.connectivity.partial_shape import PartialShape
from ranvier.connectivity.transform import Transform
from ranvier.errors import ShapeError

if TYPE_CHECKING:
    from ranvier.limits.record import Record
    from ranvier.limits.tensors import Take

__all__ = ["LateralInhibition"]

Tensor = torch.Tensor


class LateralInhibition(Transform, nn.Module):
    """y = gain*(E x - M I x)/(M (share*(I x))) + bias: a layer whose inhibitory cells subtract and divide.

    E (``excite``) leads to the excitatory cells that follow, I (``inhibit``) to inhibitory cells of the layer, which answer
    linearly, and M ``mix`` [E, I] from these to the excitatory cells. ``share`` [I] scales division, ``gain`` and ``bias`` [E] are those of
    the excitatory cells. All weights keep their sign (Dale's law): a weight that training pushes across zero counts as 0. The layer
    replaces a norm, but no sample depends on another, and evaluation is the same map.

    The divisor of a cell is 0 if no inhibitory cell that reaches it has input. It then counts as the least positive divisor of the
    sample, and the gradient passes straight through. If a sample has no positive divisor, y is ``bias``. The gradient of ``mix`` is divided by the number of inputs of a
    cell (E-I Prop).

    Parameters
    ----------
    excite, inhibit
        ``rv.Linear`` or a convolution, with ``sign=1``, ``bias=False`` and without delays, of the same inputs; outputs of both
        have the same space. A quarter as many inhibitory channels is usual.

    Raises
    ------
    ShapeError
        For other maps, and for inputs below 0.

    Start its weights on data with :func:`ranvier.training.balance` (E-I Init). Source: Liu, Ding & Yu, ICLR 2026 (deep
    normalization-free spiking networks with lateral inhibition).

    >>> one, two = rv.Linear(20, 32, bias=False, sign=1), rv.Linear(20, 8, bias=False, sign=1)
    >>> net = rv.Sequential(rv.LateralInhibition(one, two), rv.LIF(32), rv.Linear(32, 3), rv.LeakyReadout(3), dt=1*ms)
    """

    delay = None
    balances = True

    def __init__(self, excite: nn.Module, inhibit: nn.Module) -> None:
        super().__init__()
        cells, inhibitory = _outputs("excite", excite), _outputs("inhibit", inhibit)
        self.excite, self.inhibit = excite, inhibit
        self.mix = nn.Parameter(torch.full((cells, inhibitory), 1 / inhibitory))
        self.share = nn.Parameter(torch.ones(inhibitory))
        self.gain, self.bias = nn.Parameter(torch.ones(cells)), nn.Parameter(torch.zeros(cells))

    def forward(self, x: Tensor) -> Tensor:
        """``x`` [rows, …], 0 or more -> [rows, E, …]."""
        if x.numel() and float(x.detach().min()) < 0:
            raise ShapeError(
                f"LateralInhibition takes inputs of 0 or more, such as spikes, got {float(x.detach().min()):g}: Dale's law has no "
                "meaning for others."
            )
        excited, inhibited = self.excite(x), self.inhibit(x)
        if excited.shape[2:] != inhibited.shape[2:]:
            raise ShapeError(
                f"LateralInhibition: excite gives the space {tuple(excited.shape[2:])} and inhibit {tuple(inhibited.shape[2:])}: give both maps "
                "the same kernel, stride, padding and dilation."
            )
        mix = _scaled_gradient(_positive(self.mix), 1 / self._inputs())
        space = (1, -1, *(1 for _ in inhibited.shape[2:]))
        less = torch.einsum("ei,bi...->be...", mix, inhibited)
        divisor = torch.einsum("ei,bi...->be...", mix, inhibited * _positive(self.share).reshape(space))
        balanced = (excited - less) / _without_zeros(divisor)
        return _positive(self.gain).reshape(space) * balanced + self.bias.reshape(space)

    @torch.no_grad()
    def start_from(self, x: Tensor) -> None:
        """Draw weights for inputs like ``x`` [rows, …] (E-I Init), see :func:`ranvier.training.balance`."""
        mean, square, inputs = float(x.mean()), float(x.square().mean()), self._inputs()
        var = float(x.var(0).mean()) if len(x) > 1 else 0.0
        if mean <= 0 or var <= 0:
            raise ShapeError(
                "LateralInhibition: inputs are silent or all alike, so no weights balance them: give other data."
            )
        for name, part in (("excite", self.excite), ("inhibit", self.inhibit)):
            if remedy := make_plain(part, "weight"):
                raise ShapeError(
                    f"LateralInhibition: {name} computes its weight from others in every call, so no weight can be drawn into it: make it "
                    f"plain first, as in {remedy}."
                )
        scale = math.sqrt(var / (inputs * (square + var)))
        for part in (self.excite, self.inhibit):
            weight: Any = part.weight
            weight.copy_(torch.empty_like(weight).exponential_().mul_(scale))
        self.mix.fill_(1 / self.mix.shape[1])
        self.share.fill_(math.sqrt(square + var) / (mean * math.sqrt(inputs)))

    def _inputs(self) -> int:
        """The number of inputs of an excitatory cell."""
        return math.prod(self.excite.effective_weight().shape[1:])  # pyright: ignore[reportCallIssue]

    def refusal(self, shape: tuple[int, ...]) -> str | None:
        """The refusal of either of its maps."""
        return self.excite.refusal(shape) or self.inhibit.refusal(shape)  # pyright: ignore[reportCallIssue]

    def takes(self) -> PartialShape:
        """The shape that both of its maps take."""
        return self.excite.takes()  # pyright: ignore[reportCallIssue]

    def gives(self, shape: PartialShape) -> PartialShape:
        """The shape that its excitatory map gives."""
        return self.excite.gives(shape)  # pyright: ignore[reportCallIssue]

    def describe(self, name: str, tensors: dict[str, Tensor], bound: BoundTransform) -> dict[str, Any] | None:
        """Both of its maps."""
        from ranvier.connectivity.registry import describe

        parts = {"excite": self.excite, "inhibit": self.inhibit}
        return {n: describe(part, f"{n} of {name}", f"{name}.{n}", tensors, bound) for n, part in parts.items()}  # pyright: ignore[reportArgumentType]

    @classmethod
    def rebuild(cls, record: Record, take: Take, binding: Binding) -> Self:
        """The map of a file."""
        from ranvier.connectivity.registry import rebuild
        from ranvier.limits.tensors import fill

        one, two = (
            rebuild(record.child(part), lambda n, part=part: take(f"{part}.{n}"), binding) for part in ("excite", "inhibit")
        )  # fmt: skip
        self = cls(one, two)
        fill(self, take, record.where)
        return self


def _outputs(what: str, part: nn.Module) -> int:
    """How many channels a map of positive weights gives; raises for any other."""
    if isinstance(part, Transform) and part.linear_in_weight and getattr(part, "sign", None) is not None:
        weight = part.effective_weight()
        if not part.has_delay and part.constant is None and not bool((weight < 0).any()):
            return int(weight.shape[0])
    raise ShapeError(
        f"LateralInhibition: {what}={part!r} is not a map with only positive weights: give rv.Linear or a convolution with sign=1 and "
        "bias=False, without delays."
    )


def _positive(x: Tensor) -> Tensor:
    """``x`` within its sign; the gradient passes as if there were none."""
    return x + (x.detach().clamp(min=0) - x.detach())


def _scaled_gradient(x: Tensor, factor: float) -> Tensor:
    """``x``, whose gradient is multiplied by ``factor``."""
    return x.detach() + factor * (x - x.detach())


def _without_zeros(divisor: Tensor) -> Tensor:
    """``divisor`` [rows, …] with the least positive one of its row in the place of zeros; infinite where there is none."""
    least = divisor.detach().masked_fill(divisor.detach() <= 0, torch.inf).flatten(1).amin(1)
    filled = torch.where(divisor.detach() <= 0, least.reshape(-1, *(1 for _ in divisor.shape[1:])), divisor.detach())
    return filled + (divisor - divisor.detach())
