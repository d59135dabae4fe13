"""Parts of a circuit that cannot affect each other: most often a mistake, so a warning names them."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from ranvier.errors import RanvierWarning
from ranvier.units.steps import nearest_steps

if TYPE_CHECKING:
    from ranvier.network._network import Network

__all__ = ["warn_of_wiring"]


def warn_of_wiring(net: Network) -> None:
    """Warn of projections without synapses, of parts that nothing joins to the rest, and of refractory periods that round
    to none, once per network; a network that has got no new part since the last time has no new trouble."""
    parts = (*net.populations, *net.sources, *net.projections)
    if parts == net._looked_at:
        return
    net._looked_at = parts
    for sentence in wiring_troubles(net):
        if sentence not in net._said:
            net._said.add(sentence)
            warnings.warn(sentence, RanvierWarning, stacklevel=4)


def wiring_troubles(net: Network) -> list[str]:
    """Every trouble as a sentence."""
    out = []
    for n, p in net.projections.items():
        if any(part.empty for part in p.chain.transforms):
            out.append(f"projection {n!r} has no synapses: raise the probability or degree of its rule, or remove it.")
    for n, p in net.populations.items():
        lasting = p.values().get("refractory")
        if lasting is not None and (longest := float(lasting.detach().max())) > 0 == nearest_steps(longest, net.dt):
            out.append(
                f"population {n!r}: a refractory period of {longest:g} ms is less than half a step of {net.dt:g} ms and "
                f"rounds to none: give a smaller dt, or leave it out."
            )
    if not net.projections:
        return out
    joined = {end for p in net.projections.values() for end in (p.pre, p.post)}
    for n in (*net.populations, *net.sources):
        if n not in joined:
            what = "population" if n in net.populations else "source"
            out.append(f"{what} {n!r} is disconnected: nothing joins it to the rest; connect it, or remove it.")
    return out
