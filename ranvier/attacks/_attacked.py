"""An attack as a disturbance of a given strength, for tables of robustness."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace

import torch
from torch import nn

from ranvier.attacks._attack import Bounded
from ranvier.errors import RanvierError
from ranvier.measure import Disturbance

__all__ = ["Attacked"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Attacked(Disturbance):
    """``attack`` with the strengths as its eps, in a table of :func:`ranvier.measure.robustness`.

    Samples are attacked ``together`` at a time.

    Raises
    ------
    RanvierError
        For an attack without eps, and strengths that are not above 0.

    >>> found = rv.measure.robustness(net, data, [rv.attacks.Attacked((0.1, 0.3), rv.attacks.FGSM(0.1))], draws=1)
    >>> [s.disturbance for s in found.scores]
    ['none', 'FGSM', 'FGSM']
    """

    attack: Bounded
    _: KW_ONLY
    together: int = 256

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.attack, Bounded):
            raise RanvierError(f"attack={self.attack!r} has no eps: give rv.attacks.FGSM, PGD or RandomNoise.")
        for strength in self.strengths:
            replace(self.attack, eps=strength)  # for its check of eps

    @property
    def name(self) -> str:
        """That of the attack."""
        return type(self.attack).__name__

    def __call__(
        self, net: nn.Module, x: Tensor, y: Tensor, strength: float, draw: torch.Generator
    ) -> tuple[nn.Module, Tensor]:
        """The network, and the samples after the attack."""
        seed = int(torch.randint(2**31, (), generator=draw))
        attack = replace(self.attack, eps=strength, seed=seed)
        target = attack.target(net)
        parts = zip(x.split(self.together, 1), y.split(self.together), strict=True)
        return net, torch.cat([attack.on(target, some, classes) for some, classes in parts], 1)
