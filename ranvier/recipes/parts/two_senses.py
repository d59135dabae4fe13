"""Generated events that two senses notice, each with noise of its own, and networks that fuse them."""

from __future__ import annotations

import torch

from ranvier.connectivity import Linear
from ranvier.network import Network, Relay
from ranvier.neurons import LIF
from ranvier.units import ms

__all__ = ["FUSION", "SENSES", "events", "network"]

Tensor = torch.Tensor
SENSES = ("eye", "ear")
#: the projections that fuse
FUSION = ("from_eye", "from_ear")


def events(
    seed: int, part: int, count: int, classes: int, channels: int, steps: int
) -> tuple[dict[str, Tensor], Tensor]:
    """Spikes of two senses [S, T, channels] each, and the classes [S].

    Each class has a pattern of rates for each sense, the same for all parts. Every sample has, for each sense, a strength from 0 to 1 that
    mixes the pattern of its class with that of a class drawn at random.
    """
    pattern = torch.Generator().manual_seed(seed)
    rates = {sense: torch.rand(classes, channels, generator=pattern).square() * 0.5 for sense in SENSES}
    draw = torch.Generator().manual_seed(1000 * seed + part)
    y = torch.randint(classes, (count,), generator=draw)
    out = {}
    for sense in SENSES:
        strength = torch.rand(count, 1, generator=draw)
        other = torch.randint(classes, (count,), generator=draw)
        p = strength * rates[sense][y] + (1 - strength) * rates[sense][other]
        out[sense] = (torch.rand(count, steps, channels, generator=draw) < p.unsqueeze(1)).float()
    return out, y


def network(
    seed: int, channels: int, classes: int, *, hidden: int = 32, joined: int = 32, together: bool = True
) -> Network:
    """A hidden layer for each sense, a read-out of each, and a fusing layer with a read-out ``fused``.

    Where not ``together`` there is no fusing layer: the fused output is the sum of linear maps of both hidden layers.
    """
    torch.manual_seed(seed)
    net = Network(dt=1 * ms, seed=seed)
    if together:
        net.population("joined", joined, LIF(tau=5 * ms))
    net.population("fused", classes, Relay())
    for sense in SENSES:
        net.input(sense, channels)
        net.population(f"{sense}_cells", hidden, LIF(tau=5 * ms))
        net.population(f"{sense}_alone", classes, Relay())
        net.connect(sense, f"{sense}_cells", Linear(channels, hidden), same_step=True)
        net.connect(f"{sense}_cells", f"{sense}_alone", Linear(hidden, classes), same_step=True)
        net.connect(
            f"{sense}_cells", "joined" if together else "fused", Linear(hidden, joined if together else classes), same_step=True,
            name=f"from_{sense}",
        )  # fmt: skip
    if together:
        net.connect("joined", "fused", Linear(joined, classes), same_step=True, name="decision")
    net.outputs.extend(["fused", *(f"{sense}_alone" for sense in SENSES)])
    return net
