"""Where a run first stopped being finite: found by running the batch once more and looking at everything."""

from __future__ import annotations

import torch

from ranvier.network import Network
from ranvier.training._data import Signal
from ranvier.training._signals import spiking

__all__ = ["first_non_finite"]


def first_non_finite(net: Network, x: Signal, generator: torch.Tensor) -> str:
    """A sentence that names the population, variable, step, sample and cell, and the likely cause.

    ``generator`` is the state of torch's random numbers at the start of the batch.
    """
    for name, parameter in net.named_parameters():
        if not bool(torch.isfinite(parameter).all()):
            return f"the parameter {name} was already not finite before it: lower lr, or pass clip=1.0"
    firing = spiking(net)
    record = {n: (*p.cell.system.states, *(["spikes"] if n in firing else [])) for n, p in net.populations.items()}
    after = torch.get_rng_state()
    torch.set_rng_state(generator)
    with torch.no_grad():
        seen = net.observe(x, record={n: names for n, names in record.items() if names})
    torch.set_rng_state(after)
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
    if found:
        return f"{min(found)[2]}: lower lr, pass clip=1.0, or bound what drives this population"
    return "every population is finite, so the loss itself made it: check the loss for log(0), 0/0 or overflow"
