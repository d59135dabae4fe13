"""Where a batch first stopped being finite: found by running it once more and looking at everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from ranvier.network import Network
from ranvier.training._signals import spiking
from ranvier.training.batches import Signal, parts_of

__all__ = ["first_non_finite", "infinite_slope"]

Tensor = torch.Tensor


def first_non_finite(net: Network, x: Signal, target: Any, generator: Tensor, update: int) -> str:
    """A sentence that names the population, variable, step, sample and cell, and the likely cause.

    ``generator`` is the state of torch's random numbers at the start of the batch, ``update`` the number of updates before
    it: the learning rate is no cause before the first.
    """
    for name, parameter in net.named_parameters():
        if not bool(torch.isfinite(parameter).all()):
            remedy = "lower lr, or pass clip=1.0" if update else "no update was made yet: give it finite initial values"
            return f"the parameter {name} was already not finite before it: {remedy}"
    for name, signal in parts_of(x, "input").items():
        if place := _first(signal):
            return f"the {name} of the batch holds {place}: clean the data"
    firing = spiking(net)
    record = {n: (*p.cell.system.states, *(["spikes"] if n in firing else [])) for n, p in net.populations.items()}
    with torch.no_grad(), _random_from(generator):
        seen = net.observe(x, record={n: names for n, names in record.items() if names})
    found: list[tuple[int, int, str]] = []
    order = {n: k for k, n in enumerate(m for part in net.plan().parts for m in part.members)}
    for population, signals in seen.items():
        for variable, signal in signals.items():
            wrong = torch.nonzero(~torch.isfinite(signal))
            if len(wrong):
                step, sample, *cell = wrong[0].tolist()
                value, where = float(signal[tuple(wrong[0])]), ", ".join(map(str, cell))
                what = f"{population}.{variable} is {value} first at step {step} (sample {sample}, cell {where})"
                found.append((step, order[population], what))
    if found and not update:
        return (
            f"{min(found)[2]}. No update was made yet, so the learning rate is not the cause: check the equations, values and "
            f"inputs of this population for 0/0 and overflow"
        )
    if found:
        return f"{min(found)[2]}: lower lr, pass clip=1.0, or bound what drives this population"
    for name, part in parts_of(target, "").items():
        if part is not None and (place := _first(part)):
            which = f"target {name!r}" if name else "target"
            return f"the {which} of the batch holds {place}: clean the data"
    return "every population is finite, so the loss itself made it: check the loss for log(0), 0/0 or overflow"


def infinite_slope(net: Network, x: Signal, score: Callable[[Any], Tensor], generator: Tensor, update: int) -> str:
    """The likely cause of a gradient that is not finite where the loss is, as a sentence with the remedy."""
    with torch.no_grad(), _random_from(generator):
        out = net(x)[0]
    with torch.enable_grad():
        leaves = {n: v.detach().requires_grad_() for n, v in parts_of(out, "output").items()}
        loss = score(leaves if isinstance(out, Mapping) else leaves["output"])
        slopes = torch.autograd.grad(loss, [*leaves.values()], allow_unused=True) if loss.requires_grad else ()
    for name, slope in zip(leaves, slopes, strict=False):
        if slope is not None and (place := _first(slope)):
            return (
                f"the derivative of the loss by the {name} is {place}: keep the loss from sqrt(0), log(0) and 0/0 there"
            )
    remedy = (
        "lower lr, shorten the window of rv.rules.BPTT(window=…)"
        if update
        else "shorten the window of rv.rules.BPTT(window=…)"
    )
    return f"the derivative of the loss by the output is finite: {remedy}, or choose a surrogate with a lower peak"


def _first(signal: Any) -> str:
    """The first number that is not finite and its place; empty where all are."""
    values = torch.as_tensor(signal).detach()
    wrong = torch.nonzero(~torch.isfinite(values))
    return f"{float(values[tuple(wrong[0])])} at {wrong[0].tolist()}" if len(wrong) else ""


@contextmanager
def _random_from(generator: Tensor) -> Iterator[None]:
    """Torch's random numbers go on from ``generator`` inside, and as before outside."""
    after = torch.get_rng_state()
    torch.set_rng_state(generator)
    try:
        yield
    finally:
        torch.set_rng_state(after)
