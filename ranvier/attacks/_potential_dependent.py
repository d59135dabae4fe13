"""A derivative at the threshold that is as wide as the levels of the cells are spread."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import sympy as sp
import torch
from torch import nn

from ranvier.dynamics import Program
from ranvier.dynamics.functions import ge, gt
from ranvier.errors import RanvierError
from ranvier.kernels import eager
from ranvier.network import Network
from ranvier.network.parts.population import Population
from ranvier.surrogates import Surrogate
from ranvier.values import is_positive

__all__ = ["PotentialDependent"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class PotentialDependent:
    """The derivative at the threshold as a normal density, as wide as the levels of a population are spread (PDSG).

    With u = (level - threshold)/s the derivative is exp(-(u - centre)**2/2)/(sqrt(2*pi)*s). s is the standard deviation of level - threshold
    over all cells of a population and all steps of a sample, before any reset, and 1 where that is 0. Every
    call takes s anew. A surrogate of fixed width passes no gradient where levels are far from the threshold in its unit, so
    an attack through it looks weaker than it is.

    The paper takes s over a batch, of each channel and of the steps so far. Here it belongs to one sample, so that samples of a batch do not
    depend on one another.

    Parameters
    ----------
    centre
        Where the derivative is largest, in units of s above the threshold; above 0.

    Source: Lun et al., CVPR 2025.

    >>> attack = rv.attacks.FGSM(0.1, surrogate=rv.attacks.PotentialDependent())
    """

    centre: float = 0.5

    def __post_init__(self) -> None:
        if not is_positive(self.centre):
            raise RanvierError(f"centre={self.centre!r} must be a number above 0; the paper has 0.5.")

    def watch(self, module: nn.Module, net: Network) -> None:
        """Let every call of ``module``, behind which ``net`` stands, take the spreads of its own input."""
        net.replace_surrogates(Surrogate("exp(-(u - centre)**2/2)/sqrt(2*pi)", centre=float(self.centre)))
        module.register_forward_pre_hook(partial(_take_spreads, net), with_kwargs=True)


def _take_spreads(net: Network, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    populations = {n: p for n, p in net.populations.items() if p.cell.fires}
    for p in populations.values():
        p.fill_surrogate()  # the widths of an earlier call are those of other samples
    if not torch.is_grad_enabled():
        return
    gaps = {n: _gap(p) for n, p in populations.items()}
    record = {n: list(_levels(p, gaps[n])) for n, p in populations.items()}
    with torch.no_grad():
        seen = net.observe(*args, record=record, **kwargs)
        for n, p in populations.items():
            levels = {v: seen[n][name] for name, v in _levels(p, gaps[n]).items()}
            p.spread_surrogate(_spread(gaps[n], levels, p))


def _levels(population: Population, gap: sp.Expr) -> dict[str, str]:
    """The variables in ``gap`` by the names under which they are recorded as they are when the threshold is tested."""
    return {name: v for name, v in population.cell.system.before.items() if sp.Symbol(v) in gap.free_symbols}


def _gap(population: Population) -> sp.Expr:
    """Level minus threshold, in variables and parameters of the cell."""
    cell = population.cell
    condition = next(e.condition for e in cell.system.events if e.name == "spike")
    crossing = next((term for term in sp.preorder_traversal(condition) if isinstance(term, gt | ge)), None)
    known = {sp.Symbol(n) for n in (*population.values(), *cell.system.before.values())}
    if crossing is not None:
        level, threshold = crossing.args
        gap = level - threshold
        if gap.free_symbols <= known and gap.free_symbols & {sp.Symbol(v) for v in cell.system.before.values()}:
            return gap
    raise RanvierError(
        f"the threshold {cell.threshold!r} of {population.name!r} compares no variable that can be recorded before the reset, so its spread "
        f"is not known: attack with surrogate=None, or one of rv.surrogates."
    )


def _spread(gap: sp.Expr, levels: dict[str, Tensor], population: Population) -> Tensor:
    """The standard deviation of each sample [B, 1, …]."""
    some = next(iter(levels.values()))
    values = {n: v.to(some) for n, v in population.values().items()}
    found = eager.step_function(Program((), {"gap": gap}), sp.Integer(0))({**values, **levels}, some)["gap"]
    found = found.expand_as(some).transpose(0, 1).flatten(1).double()
    spread = found.std(1, correction=0)
    return torch.where(spread > 0, spread, torch.ones_like(spread)).reshape(-1, *(1 for _ in some.shape[2:]))
