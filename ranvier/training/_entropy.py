"""How much information the emissions of populations carry."""

from __future__ import annotations

import torch

from ranvier.errors import TrainingError
from ranvier.network import Network
from ranvier.network.run.outputs import emission_of
from ranvier.training._buffers import same_buffers
from ranvier.training._signals import spiking
from ranvier.training.batches import Signal

__all__ = ["emission_entropy"]


def emission_entropy(net: Network, x: Signal) -> dict[str, float]:
    """The entropy of the emissions of each population that fires on ``x``, in bits per cell and step.

    H = -sum over s of p(s)*log2 p(s), with p(s) the fraction of all cells, samples and steps that emit s. Spikes of 0 and 1 carry one bit at most, where
    half of the cells fire; whole numbers of 0 to D (:func:`ranvier.IntegerLIF`) carry up to log2(D + 1). Silence and saturation carry 0.

    Parameters
    ----------
    net
        In its present mode; nothing in it changes.
    x
        A batch [T, B, …], or several by name.

    Raises
    ------
    TrainingError
        Where no population fires.

    Source: Qiu et al., ICLR 2025 (quantized spike-driven transformer), who maximise it in attention.

    >>> bits = rv.training.emission_entropy(net, torch.rand(20, 8, 20))
    >>> all(0 <= h <= 1 for h in bits.values())
    True
    """
    read = {n: emission_of(n, net.populations) for n in spiking(net)}
    if not read:
        raise TrainingError("emission_entropy: no population of the network fires: give it cells such as rv.LIF(…).")
    with torch.no_grad(), same_buffers(net):
        seen = net.observe(x, record={n: [label] for n, label in read.items()})
    found = {}
    for name, label in read.items():
        _, counts = seen[name][label].flatten().unique(return_counts=True)
        p = counts.double() / counts.sum()
        found[name] = max(0.0, -float((p * p.log2()).sum()))
    return found
