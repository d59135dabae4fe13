"""Steps of a size that fits each parameter: the optimiser works on q = p/s, with s a power of two, so that no digit is lost."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from ranvier.errors import TrainingError
from ranvier.network import Network
from ranvier.values import scale_of

__all__ = ["Scales", "choose_scales"]

_LARGEST = 40


@dataclass
class Scales:
    """``factors`` by parameter; those left out have 1.

    The optimiser sees p/s and the gradient s*dL/dp. So one step of Adam moves p by about lr*s, one of gradient descent by
    lr*s**2*dL/dp, and weight decay shrinks every parameter by the same fraction.
    """

    net: Network
    factors: dict[str, float] = field(default_factory=dict)

    def gradients(self) -> None:
        """Put gradients in the units of the optimiser."""
        for name, factor in self.factors.items():
            grad = self.net.get_parameter(name).grad
            if grad is not None:
                grad.mul_(factor)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """A context with parameters in the units of the optimiser."""
        if not self.factors:
            yield
            return
        scaled = [(self.net.get_parameter(n), s) for n, s in self.factors.items()]
        with torch.no_grad():
            for parameter, factor in scaled:
                parameter.mul_(1 / factor)
            try:
                yield
            finally:
                for parameter, factor in scaled:
                    parameter.mul_(factor)

    def __str__(self) -> str:
        return ", ".join(f"{n} x {s:g}" for n, s in self.factors.items())


def choose_scales(net: Network, scale: Any, ready: bool) -> Scales:
    """The factors that ``scale`` asks for; ``ready`` says that the user made the optimiser, which then keeps its own rates.

    Raises
    ------
    TrainingError
        For a parameter that is not there, or a factor that is not a positive number.
    """
    learnt = {n for n, q in net.named_parameters() if q.requires_grad}
    if scale is None or (scale == "auto" and ready):
        return Scales(net)
    given: Mapping[str, Any] = {} if scale == "auto" else scale
    if not isinstance(given, Mapping):
        raise TrainingError(f"scale={scale!r} is unknown: use 'auto', None, or factors by parameter name.")
    for name, factor in given.items():
        if name not in learnt:
            raise TrainingError(f"scale names {name!r}, which is not learnt: there are {', '.join(sorted(learnt))}.")
        if not isinstance(factor, int | float) or isinstance(factor, bool) or not 0 < factor < math.inf:
            raise TrainingError(f"scale[{name!r}]={factor!r} must be a positive number.")
    found = {} if ready else _natural(net)
    wanted = {n: s for n, s in {**found, **given}.items() if n in learnt}
    return Scales(net, {n: s for n, s in sorted((n, _power(s)) for n, s in wanted.items()) if s != 1})


def _natural(net: Network) -> dict[str, float]:
    """The size of every parameter that has a physical unit, or is the weight of single synapses."""
    out: dict[str, float] = {}
    prefixes = {module: prefix for prefix, module in net.named_modules()}
    for module, prefix in prefixes.items():
        sizes = getattr(module, "natural_scales", None)
        if sizes is not None:
            out |= {f"{prefix}.{n}": s for n, s in sizes().items()}
    for p in net.projections.values():
        post = dict(net.populations.items()).get(p.post)
        learnt = [(k, w) for k, t in enumerate(p.chain.transforms) if (w := t.learnt_weight) is not None]
        if post is None or len(learnt) != 1 or post.cell.system.dimensions[p.port].is_none:
            continue
        place, weight = learnt[0]
        for leaf in ("weight", "bias"):
            out.setdefault(f"{prefixes[p.chain[place]]}.{leaf}", scale_of(weight))
    return out


def _power(scale: float) -> float:
    return 2.0 ** max(-_LARGEST, min(_LARGEST, round(math.log2(scale))))
