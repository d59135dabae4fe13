"""Shifts of the input that make mean rates equal mean activations, which corrects clipping and rounding on data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn

from ranvier.conversion.thresholds import batches_of, observed
from ranvier.conversion.trace import Traced
from ranvier.errors import ConversionError
from ranvier.network import Network

__all__ = ["calibrated"]

Tensor = torch.Tensor


@torch.no_grad()
def calibrated(
    net: Network, traced: Traced, populations: Mapping[str, str], thresholds: Mapping[str, float], data: Any, steps: int
) -> None:
    """Shift the biases before every population of spiking cells, from the input on; ``populations`` by layer of the trace.

    Each channel (or each cell of a row) gets the difference between its mean activation in the original network and its mean rate times threshold.

    Raises
    ------
    ConversionError
        Where nothing before a population has a bias.
    """
    wanted = _means(observed(traced.model, populations, data))
    for layer, population in populations.items():
        rates = _means({layer: _rates(net, population, x, steps)} for x in batches_of(data))
        _bias_before(net, population).add_(wanted[layer] - rates[layer] * thresholds[layer])


def _rates(net: Network, name: str, x: Tensor, steps: int) -> Tensor:
    """Spikes per step [B, …] of one population."""
    return net.observe(x.expand(steps, *x.shape), record={name: ["spikes"]})[name]["spikes"].mean(0)


def _means(batches: Iterable[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of each name by channel, over samples and space."""
    sums: dict[str, Tensor] = {}
    counts: dict[str, int] = {}
    for values in batches:
        for name, value in values.items():
            rows = value.transpose(0, 1).flatten(1).double()
            sums[name] = sums.get(name, 0) + rows.sum(1)
            counts[name] = counts.get(name, 0) + rows.shape[1]
    return {name: total / counts[name] for name, total in sums.items()}


def _bias_before(net: Network, name: str) -> nn.Parameter:
    """The bias of the last layer before a population, through relays."""
    for projection in net.projections.values():
        if projection.post != name:
            continue
        for module in reversed(list(projection.chain)):
            bias = getattr(module, "bias", None)
            if isinstance(bias, nn.Parameter):
                return bias
        if projection.pre in net.populations and not net.populations[projection.pre].cell.threshold:
            return _bias_before(net, projection.pre)
    raise ConversionError(
        f"calibrate=True: no layer before {name} has a bias; make one with bias=True, or leave calibrate out."
    )
