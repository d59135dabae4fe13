"""Membranes that start where the network keeps them."""

from __future__ import annotations

import torch

from ranvier.errors import TrainingError
from ranvier.network import Network
from ranvier.training._buffers import same_buffers
from ranvier.training._signals import spiking
from ranvier.training.batches import Signal
from ranvier.values import Learn

__all__ = ["stationary_start"]

Tensor = torch.Tensor


def stationary_start(net: Network, x: Signal, *, variable: str = "v", momentum: float = 1.0) -> dict[str, float]:
    """Start membranes at the mean that they have after ``x``, so that the first steps are like later ones (MP-Init).

    v_0 moves by ``momentum`` towards the mean of v after the last step of ``x``, over the samples in which a cell fired at
    all; where none does, the start stays. A cell allows this by ``v=rv.Learn(0.0)``, one number for
    its population, or ``rv.Learn(0.0, each=True)``, one for each cell. The optimiser leaves this start alone, so
    every rule takes it. Call the function before training, and after every epoch: the start is part of ``state_dict``, checkpoints and files.

    Parameters
    ----------
    net
        Changed in place.
    x
        A batch like those of training, [T, B, …], or several by name.
    variable
        The membrane.
    momentum
        From above 0 to 1.

    Returns the mean start of every population that was set.

    Raises
    ------
    TrainingError
        Where no population has such a start, or the momentum is out of range.

    Source: Kook et al., WACV 2026 (MP-Init).

    >>> cells = rv.Sequential(rv.Linear(20, 30), rv.LIF(30, v=rv.Learn(0.0)), rv.Linear(30, 3), rv.LeakyReadout(3), dt=1*ms)
    >>> starts = rv.training.stationary_start(cells, torch.rand(50, 8, 20))
    >>> again = lambda epoch, net: rv.training.stationary_start(net, torch.rand(50, 8, 20), momentum=0.1) and None
    """
    if not isinstance(momentum, int | float) or not 0 < momentum <= 1:
        raise TrainingError(f"stationary_start: momentum={momentum!r} must lie above 0 and at most at 1.")
    names = [n for n in spiking(net) if isinstance(net.populations[n].cell.initial.get(variable), Learn)]
    if not names:
        raise TrainingError(
            f"stationary_start: no population that fires lets its {variable} be set: write {variable}=rv.Learn(0.0) in its cell."
        )
    with torch.no_grad(), same_buffers(net):
        seen = net.observe(x, record={n: ["spikes", variable] for n in names})
    starts = {n: net.populations[n].learnt_start(variable) for n in names}
    for name, start in starts.items():
        start.requires_grad_(False)
        start.lerp_(_active_mean(seen[name][variable][-1], seen[name]["spikes"].any(0), start), momentum)
    return {n: float(start.mean()) for n, start in starts.items()}


def _active_mean(v: Tensor, active: Tensor, start: Tensor) -> Tensor:
    """The mean of ``v`` [B, …] where ``active``, over samples and all axes that ``start`` does not have; ``start`` where nothing is."""
    over = tuple(range(v.ndim - start.ndim))
    count = active.sum(over)
    return torch.where(count > 0, ((v * active).sum(over) / count.clamp(min=1)).to(start), start)
