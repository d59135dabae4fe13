"""Layer-wise relevance propagation through a spiking network and through time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch

from ranvier.connectivity.copied import copied
from ranvier.errors import RanvierError, ShapeError
from ranvier.inference.labelled import sizes
from ranvier.measure._relevance_paths import layers, whole
from ranvier.measure._shares import Constants
from ranvier.network import Network

__all__ = ["Relevance", "RelevanceRule", "relevance"]

Tensor = torch.Tensor
RelevanceRule = Literal["positive", "signed"]


@dataclass(frozen=True)
class Relevance:
    """Who made an output what it is.

    Attributes
    ----------
    map
        The share of every input number, [T, B, …].
    score
        The output that is shared out, [B]: that of the class, as a mean over time.
    absorbed
        What biases and other constants have of it, [B].
    classes
        Whose output it is, [B].
    """

    map: Tensor
    score: Tensor
    absorbed: Tensor
    classes: Tensor

    @property
    def residual(self) -> Tensor:
        """score - sum(map) - absorbed, [B]: 0 to rounding where every part of the network keeps relevance."""
        return self.score - _by_sample(self.map) - self.absorbed

    def saliency(self) -> Tensor:
        """How relevant every place is, [B, …] from 0 to 1: the sum over time, of which the negative is cut off."""
        whole = self.map.sum(0).clamp(min=0)
        most = whole.flatten(1).amax(1).reshape(-1, *(1 for _ in whole.shape[1:]))
        return whole / most.clamp(min=torch.finfo(whole.dtype).tiny)


def relevance(
    net: Network, x: Tensor, classes: Any = None, *, rule: RelevanceRule = "positive", through_time: bool = True
) -> Relevance:
    """Share the output of a class out among the input numbers that caused it, through layers and time.

    A number that is a sum, z = Σ_i w_i x_i, gives each of its terms the share w_i x_i/z of its relevance R. A spike gives all of its
    relevance to the membrane from which it arose; a membrane shares it between what arrives and the membrane one step before, by their
    parts of its value; a membrane after a reset gives it to that before. So relevance is conserved: what all inputs and
    constants have is the output.

    A copy of ``net`` runs forwards and backwards in evaluation mode, with the secant s/v as the derivative of a spike s at the membrane v:
    then relevance is a number times its gradient.

    Parameters
    ----------
    net
        A network with one input [T, B, …] and one output [T, B, C]. Its cells have a fixed threshold above 0.
    x
        Samples [T, B, …].
    classes
        The class to explain for each sample [B], or one for all; by default the one with the largest output.
    rule
        ``"positive"``: weights share out only what raises a number (α = 1, β = 0), so biases get nothing.
        ``"signed"``: every term has its share, also a negative one, and biases have theirs.
    through_time
        True: through the membrane of every step (SLTRP). False: through the means over time of what every part emits (SLRP), which
        costs less and knows no order of steps.

    Raises
    ------
    RanvierError
        For a network with several inputs or outputs, or on its own sources; for a threshold that moves or is not above 0; for a map that is
        not in proportion to its input (softmax, layer norm); for delays in a cycle, and any cycle without ``through_time``; for an unknown rule.
    ShapeError
        For an ``x`` or ``classes`` that do not fit.

    Source: Sun et al., EventRPG: Event Data Augmentation with Relevance Propagation Guidance, ICLR 2024.

    >>> net = rv.Sequential(rv.Linear(20, 30), rv.LIF(30), rv.Linear(30, 3), rv.LeakyReadout(3), dt=1*ms, seed=1)
    >>> found = rv.measure.relevance(net, (torch.rand(10, 4, 20) < 0.5).float())
    >>> found.map.shape, bool(found.residual.abs().max() < 1e-4)
    (torch.Size([10, 4, 20]), True)
    """
    _check(net, x, rule)
    seen = copied(net.inner_network).eval().requires_grad_(False)
    x = x.detach().to(seen.dtype).requires_grad_()
    constants: Constants = []
    follow = whole if through_time else layers
    with torch.enable_grad():
        read = follow(seen, x, rule == "positive", constants)
        if read.ndim != 2:
            raise ShapeError(f"relevance reads an output [T, B, C], the network gives {read.ndim + 1} axes.")
        chosen = _classes(classes, read)
        score = read.gather(1, chosen[:, None])[:, 0]
        slopes = torch.autograd.grad(score.sum(), [x, *constants], allow_unused=True)
    each = zip([x, *constants], slopes, strict=True)
    shared = [torch.zeros_like(t) if slope is None else t.detach() * slope for t, slope in each]
    absorbed = sum((_by_sample(part) for part in shared[1:]), torch.zeros_like(score))
    return Relevance(shared[0], score.detach(), absorbed.detach(), chosen)


def _by_sample(shares: Tensor) -> Tensor:
    """Sums of [T, B, …] for each sample."""
    return shares.sum(dim=(0, *range(2, shares.ndim)))


def _classes(classes: Any, read: Tensor) -> Tensor:
    if classes is None:
        return read.argmax(1)
    chosen = torch.as_tensor(classes, device=read.device)
    if (
        chosen.is_floating_point()
        or chosen.dtype == torch.bool
        or chosen.ndim > 1
        or chosen.numel() not in (1, len(read))
    ):
        raise ShapeError(
            f"classes are {chosen.dtype} of shape {tuple(chosen.shape)}: give whole numbers, one for each of {len(read)} samples or one for all."
        )
    chosen = chosen.long().expand(len(read))
    low, high = (int(end) for end in chosen.aminmax())
    if low < 0 or high >= read.shape[1]:
        raise ShapeError(
            f"class {low if low < 0 else high} is none of {read.shape[1]} outputs: give 0 to {read.shape[1] - 1}."
        )
    return chosen


def _check(net: Any, x: Any, rule: Any) -> None:
    if not isinstance(getattr(net, "inner_network", None), Network):
        raise RanvierError(
            f"relevance takes a network of Ranvier, got a {type(net).__name__}: give rv.Sequential or rv.Network."
        )
    if rule not in get_args(RelevanceRule):
        raise RanvierError(f"rule={rule!r} is unknown: there are {', '.join(map(repr, get_args(RelevanceRule)))}.")
    graph = net.inner_network.graph
    if not graph.inputs:
        raise RanvierError(
            "this network runs on its own sources, so there is no input to explain: give it one with net.input(…)."
        )
    for what, names in (("inputs", list(graph.inputs)), ("outputs", list(graph.outputs))):
        if len(names) != 1:
            raise RanvierError(
                f"relevance takes a network with one of its {what}, this one has {', '.join(map(repr, names)) or 'none'}."
            )
    sizes(x)
    if not x.is_floating_point():
        raise ShapeError(f"x has {x.dtype}: give floating-point numbers, x.float().")
