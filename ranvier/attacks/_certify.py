"""Whether an attack sees gradients, judged by controls on the same samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import comb

import torch
from torch import nn

from ranvier.attacks._attack import Bounded, check_count, uniform
from ranvier.attacks._certificate import Certificate
from ranvier.attacks._fgsm import FGSM
from ranvier.attacks._pgd import PGD
from ranvier.attacks._potential_dependent import PotentialDependent
from ranvier.attacks._random_noise import RandomNoise
from ranvier.attacks._target import Target, inner_networks
from ranvier.errors import RanvierError
from ranvier.surrogates import ArcTan

__all__ = ["certify"]

Tensor = torch.Tensor
#: one-sided level at which a control counts as stronger
_LEVEL = 0.05
#: shares that the attack must reach
_UNBOUNDED, _GRADIENTS, _RISES = 0.9, 0.95, 0.5
#: by how much, relatively, two slopes may differ and still agree
_CLOSE = 0.1
#: other ways back through thresholds
_WAYS = {"as trained": None, "surrogate ArcTan": ArcTan(), "potential-dependent": PotentialDependent()}


def certify(
    net: nn.Module, x: Tensor, y: Tensor, attack: PGD, *, sources: Sequence[nn.Module] = (), draws: int | None = None
) -> Certificate:
    """Judge whether ``attack`` sees gradients of ``net``, so that its failures speak for the network.

    An attack also fails where its gradient is masked: absent, zero, or pointing nowhere. Then attacks that see less succeed more often. A
    finding is noted where

    - the gradient is absent, not finite, or all zero for more than a twentieth of the samples;
    - a control succeeds on significantly more samples (sign test over samples on which both differ, p < 0.05): random signs with as many calls,
      one step of the same gradient, the attack through another surrogate, the attack made on one of ``sources``;
    - with eps of half the range the attack succeeds on less than nine of ten samples;
    - for no more than half of the samples the loss rises more along the gradient than along random signs.

    Parameters
    ----------
    net, x, y
        As for an attack. Only samples that are right before count.
    attack
        With the eps and the surrogate that are to be judged.
    sources
        Other networks for the same samples, on which the attack is made and then tried on ``net``.
    draws
        Of random signs; None for as many as the attack has steps.

    Raises
    ------
    RanvierError
        For another attack than PGD, and where no sample is right before.

    Source: Athalye, Carlini & Wagner, ICML 2018 (signs of obfuscated gradients).

    >>> found = rv.attacks.certify(net, spikes, net(spikes)[0].mean(0).argmax(1), rv.attacks.PGD(0.2, steps=3))
    >>> found.samples
    12
    """
    if not isinstance(attack, PGD):
        raise RanvierError(f"certify judges rv.attacks.PGD, got {type(attack).__name__}: give PGD(eps, surrogate=…).")
    if draws is not None:
        check_count("draws", draws, 1)
    target = attack.target(net)
    target.check(x, y)
    right = ~target.wrong(x, y)
    if not bool(right.any()):
        raise RanvierError(
            "no sample has its class before the attack, so none can lose it: train the network, or check y."
        )
    x, y = x.detach().movedim(target.axis, 0)[right].movedim(0, target.axis).contiguous(), y[right]
    try:
        gradient, _ = target.gradient(x, y)
    except RanvierError as error:
        return Certificate(
            samples=len(y), success=0, controls={}, unbounded=0, gradients=0, rises=0, smooth=0, agrees=0, findings=(str(error),)
        )  # fmt: skip
    hit = target.wrong(attack.on(target, x, y), y)
    controls = {
        name: target.wrong(one.on(where, x, y), y) for name, one, where in _controls(net, target, attack, sources, draws)
    }  # fmt: skip
    low, high = attack.bounds or (float(x.min()), float(x.max()))
    far = replace(attack, eps=(high - low) / 2, step=None)
    unbounded = _share(target.wrong(far.on(target, x, y), y))
    nonzero = _share(gradient.movedim(target.axis, 0).flatten(1).any(1))
    rises, smooth, agrees = _along(target, x, y, gradient, attack)
    findings = [_stronger(name, other, hit) for name, other in controls.items()]
    if nonzero < _GRADIENTS:
        findings.append(f"the gradient is zero for {1 - nonzero:.0%} of the samples")
    if unbounded < _UNBOUNDED:
        findings.append(f"with eps={far.eps:g}, half of the range, the attack succeeds on {unbounded:.0%} only")
    if rises <= _RISES:
        findings.append(
            f"the loss rises more along the gradient than along random signs for {rises:.0%} of the samples only"
        )
    return Certificate(
        samples=len(y), success=_share(hit), controls={n: _share(one) for n, one in controls.items()}, unbounded=unbounded, gradients=nonzero,
        rises=rises, smooth=smooth, agrees=agrees, findings=tuple(filter(None, findings)),
    )  # fmt: skip


def _controls(
    net: nn.Module, target: Target, attack: PGD, sources: Sequence[nn.Module], draws: int | None
) -> list[tuple[str, Bounded, Target]]:
    """Their names, what they are, and on which copy they are made."""
    same = {"loss": attack.loss, "samples_axis": attack.samples_axis, "seed": attack.seed, "bounds": attack.bounds}
    found: list[tuple[str, Bounded, Target]] = [
        ("random signs", RandomNoise(attack.eps, draws=draws or attack.steps, **same), target),
        ("one step", FGSM(attack.eps, **same), target),
    ]
    if any(p.cell.fires for _, one in inner_networks(net) for p in one.populations.values()):
        ways = {name: replace(attack, surrogate=way) for name, way in _WAYS.items() if way != attack.surrogate}
        found += [(f"through {name}" if way.surrogate else name, way, way.target(net)) for name, way in ways.items()]
    return found + [(f"from network {k + 1}", attack, attack.target(source)) for k, source in enumerate(sources)]


def _stronger(name: str, control: Tensor, hit: Tensor) -> str:
    """The finding that a control succeeds on significantly more samples; empty where it does not."""
    more, less = int((control & ~hit).sum()), int((hit & ~control).sum())
    chance = sum(comb(more + less, k) for k in range(more, more + less + 1)) / 2 ** (more + less)
    if more <= less or chance >= _LEVEL:
        return ""
    return (
        f"{name} succeeds on {_share(control):.0%} of the samples, the attack on {_share(hit):.0%} (p = {chance:.2g})"
    )


@torch.no_grad()
def _along(target: Target, x: Tensor, y: Tensor, gradient: Tensor, attack: PGD) -> tuple[float, float, float]:
    """How often the loss rises more along the gradient than along random signs, is smooth, and has the slope of the gradient."""

    def loss(step: float, way: Tensor) -> Tensor:
        return target.losses(target.output(x + step * way), y).double()

    sign = gradient.sign()
    random = uniform(x, torch.Generator().manual_seed(attack.seed)).sign()
    rises = loss(attack.eps, sign) > loss(attack.eps, random)
    small = attack.eps * 1e-3
    coarse, fine = ((loss(h, sign) - loss(-h, sign)) / (2 * h) for h in (small, small / 2))
    told = (gradient * sign).movedim(target.axis, 0).flatten(1).sum(1).double()
    smooth = (fine != 0) & ((coarse - fine).abs() <= _CLOSE * fine.abs())
    return _share(rises), _share(smooth), _share(smooth & ((fine - told).abs() <= _CLOSE * told.abs()))


def _share(hit: Tensor) -> float:
    return float(hit.double().mean())
