"""Warnings that explain themselves: populations that are silent or saturated, gradients that explode."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median

import torch

from ranvier._warn import warn
from ranvier.network import Network
from ranvier.training._signals import spiking

__all__ = ["Health"]

#: a population is silent where at most this fraction of its cells fires at all in an epoch
_SILENT = 1e-3
#: and saturated above this many spikes per cell and step
_SATURATED = 0.5
#: a gradient explodes where it is this many times its usual norm, and larger than its parameter
_EXPLODING = 1e3
_USUAL = 20
#: batches after which every gradient is looked at again, for parameters that have one late
_AGAIN = 64


@dataclass
class Health:
    """Counts spikes and watches gradients; every complaint is made once.

    ``rates()`` are those of the epoch so far.
    """

    net: Network
    counts: dict[str, torch.Tensor] = field(default_factory=dict)
    steps: int = 0
    norms: dict[str, list[float]] = field(default_factory=dict)
    told: set[tuple[str, str]] = field(default_factory=set)
    _batches: int = 0
    #: the norm of the whole gradient up to which none of a parameter explodes
    _quiet: float = -1.0

    def batch(self, spikes: Mapping[str, torch.Tensor], steps: int) -> None:
        """Count a batch of ``steps`` steps times samples."""
        self.steps += steps
        for name, count in spikes.items():
            known = self.counts.get(name)
            self.counts[name] = count.to(torch.float64, copy=True) if known is None else known.add_(count)

    def gradient(self, norm: float, norms: Callable[[], Mapping[str, float]], where: str) -> None:
        """Watch a gradient: its norm, and the norms by parameter, which are only asked for where one may explode."""
        self._batches += 1
        if norm <= self._quiet and self._batches % _AGAIN:
            return
        for name, own in norms().items():
            usual = self.norms.setdefault(name, [])
            if len(usual) < _USUAL:
                usual.append(own)
            elif own > _limit(usual) and own > float(self.net.get_parameter(name).detach().norm()):
                self._tell(
                    "exploding", name,
                    f"the gradient of {name} has the norm {own:.3g} in {where}, but {median(usual):.3g} in the first "
                    f"{_USUAL} batches: it explodes. Pass clip=1.0 to rv.train, lower lr, shorten the window of "
                    f"rv.rules.BPTT(window=…), or choose a surrogate with a lower peak.",
                )  # fmt: skip
        every = all(len(usual) == _USUAL for usual in self.norms.values())
        self._quiet = min(map(_limit, self.norms.values()), default=math.inf) if every else -1.0

    def rates(self) -> dict[str, float]:
        """Mean spikes per cell and step of every population that can fire."""
        return {n: float(c.mean()) / max(self.steps, 1) for n, c in self.counts.items()}

    def end_epoch(self, epoch: int) -> dict[str, float]:
        """Warn where need be, start to count anew, and return the rates of the epoch."""
        rates = self.rates()
        for name in spiking(self.net):
            if name not in self.counts or self.net.populations[name].emits_numbers:  # a read-out needs no spikes
                continue
            cells, active = self.counts[name].numel(), int((self.counts[name] > 0).sum())
            if active <= _SILENT * cells:
                self._tell(
                    "silent", name,
                    f"population {name!r} is silent: {active} of its {cells} cells fired at all in epoch {epoch}, so "
                    f"it passes nothing on and learns little. Call rv.initialize(net, x) on a batch before training, or "
                    f"raise the weights into it, lower its threshold, lengthen its time constant, or choose a surrogate "
                    f"with longer tails, such as rv.surrogates.ArcTan().",
                )  # fmt: skip
            elif rates[name] > _SATURATED:
                self._tell(
                    "saturated", name,
                    f"population {name!r} is saturated: its cells fire in {100 * rates[name]:.0f} % of all steps of "
                    f"epoch {epoch}, so their spikes say little. Lower the weights into it, raise its threshold, "
                    f"shorten its time constant, or give it a refractory period.",
                )  # fmt: skip
        self.counts, self.steps = {}, 0
        return rates

    def _tell(self, what: str, name: str, message: str) -> None:
        if (what, name) not in self.told:
            self.told.add((what, name))
            warn(message)


def _limit(usual: list[float]) -> float:
    """The norm above which a gradient that ``usual`` ones came before may explode."""
    return _EXPLODING * median(usual)
