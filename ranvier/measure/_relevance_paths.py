"""The mean output of a network as a function of its input whose gradient shares relevance out: through time, or through layers alone."""

from __future__ import annotations

from typing import cast

import torch

from ranvier.errors import RanvierError
from ranvier.measure._secant import pass_relevance
from ranvier.measure._shares import Constants, Shares, in_parts
from ranvier.network import Network
from ranvier.network.parts.projection import Projection
from ranvier.network.run.outputs import emission_of

__all__ = ["layers", "whole"]

Tensor = torch.Tensor


def whole(net: Network, x: Tensor, positive: bool, constants: Constants) -> Tensor:
    """The mean output [B, …] for ``x`` [T, B, …], through every step; ``net`` changes."""
    pass_relevance(net)
    cycles = net.graph.in_cycles()
    for name, p in list(net.projections.items()):
        if not p.chain.evaluated:
            continue
        late = p if p.transform.has_delay else None
        if late is not None and name in cycles:
            raise RanvierError(
                f"projection {name!r} has delays and lies on a cycle, where steps run one by one: relevance takes delays outside of cycles "
                f"alone. Explain a copy whose {name!r} has no delay."
            )
        shares = Shares(p.chain.evaluated, positive, name, constants, late)
        net.projections[name] = p.replaced([shares], lag=None if late is None else 0)
    return net(x)[0].mean(0)


def layers(net: Network, x: Tensor, positive: bool, constants: Constants) -> Tensor:
    """The mean output [B, …], through the means over time of what every part emits."""
    if net.graph.in_cycles():
        raise RanvierError(
            "without through_time= relevance goes from layer to layer, and this network has a cycle: use through_time=True."
        )
    emissions = {n: emission_of(n, net.populations) for n in net.nodes if n not in net.inputs}
    with torch.no_grad():
        found = net.observe(x.detach(), record={n: [signal] for n, signal in emissions.items()})
    means = {next(iter(net.graph.inputs)): x.mean(0, keepdim=True)}
    onto: dict[str, list[Projection]] = {}
    for p in net.projections.values():
        onto.setdefault(p.post, []).append(p)

    def mean(name: str) -> Tensor:
        if name not in means:
            emitted = cast("Tensor", found[name][emissions[name]]).mean(0, keepdim=True)
            arriving = [Shares(p.chain.evaluated, positive, p.name, constants)(mean(p.pre)) for p in onto.get(name, ())]
            means[name] = in_parts(emitted, torch.stack(arriving).sum(0), constants) if arriving else emitted
        return means[name]

    return mean(net.outputs[0])[0]
