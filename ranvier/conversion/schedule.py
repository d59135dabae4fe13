"""When each part of a network acts, if every population takes one block of steps to collect and fires in the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from ranvier.dynamics import components
from ranvier.errors import ConversionError
from ranvier.network import Network
from ranvier.network.parts.projection import Projection

__all__ = ["Stages", "stages_of"]


@dataclass(frozen=True)
class Stages:
    """``emits``: blocks after the input at which each part emits. ``lags``: blocks that each projection waits.

    ``constants``: the places of transforms of each projection whose bias counts once in a block.
    """

    emits: dict[str, int]
    lags: dict[str, int]
    constants: dict[str, list[int]]


def stages_of(net: Network, shapes: Mapping[str, tuple[int, ...]]) -> Stages:
    """The earliest stages at which everything has arrived; ``shapes`` are those of samples of inputs and populations.

    Raises
    ------
    ConversionError
        For a cycle whose latency is less than one step for each population and each projection of it, and for a projection that cannot carry single spikes.
    """
    constants = {name: _constants(net, p, shapes) for name, p in net.projections.items()}
    takes = dict.fromkeys((*net.inputs, *net.relays, *net.populations), 0)
    emits = dict(takes)
    after: dict[str, set[str]] = {name: set() for name in takes}
    for p in net.projections.values():
        after[p.pre].add(p.post)
    cycle = {name: k for k, names in enumerate(components(after)) for name in names}
    for _ in range(len(takes) + 1):
        before = dict(emits)
        for p in net.projections.values():
            spare = p.lag - (cycle[p.pre] == cycle[p.post])  # what goes around arrives in a later block
            takes[p.post] = max(takes[p.post], emits[p.pre] - spare)
        emits = {name: at + (name in net.populations) for name, at in takes.items()}
        if emits == before:
            lags = {name: p.lag + takes[p.post] - emits[p.pre] for name, p in net.projections.items()}
            return Stages(emits, lags, constants)
    raise ConversionError(
        "a cycle has too little latency: each population takes one step to collect its spikes, and each projection one to bring them "
        "around. Give every projection of the cycle a latency of two steps, as in rv.Recurrent(cell, rv.Linear(…), delay=dt)."
    )


def _constants(net: Network, p: Projection, shapes: Mapping[str, tuple[int, ...]]) -> list[int]:
    """The places of its biases, after a check that single spikes add up to what their number brings."""
    if p.plasticity is not None or p.per_synapse or p.transform.has_delay:
        raise ConversionError(f"{p.where} is plastic or has delays of its own, which have no form of single spikes.")
    transforms = p.chain.transforms
    acting = [k for k, t in enumerate(transforms) if not (t.silent or t.rearranges)]
    joining = next((transforms[k] for k in acting if transforms[k].time_major or transforms[k].by_sequence), None)
    if joining is not None:
        raise ConversionError(
            f"{p.where}: {joining.kind} maps several steps together, but each step becomes several. Use one that maps every step by itself, as "
            f"rv.Attention does with steps=1."
        )
    while acting and transforms[acting[0]].selects and _in_order(net, p.pre):
        del acting[0]
    nonlinear = next((transforms[k] for k in acting if not transforms[k].linear_in_input), None)
    if nonlinear is None:
        return [k for k in acting if transforms[k].constant is not None]
    single = p.pre in net.inputs or (p.pre in net.populations and net.populations[p.pre].cell.emit == "spike")
    if not single:
        raise ConversionError(
            f"{p.where}: {nonlinear.kind} is not linear in what enters it, so its values at single spikes do not add up to its value at "
            f"their number. Make the cells before it binary (rv.LIF), write a product as a cell (rv.Residual(…, join='and')), and let a "
            f"maximum stand right behind cells."
        )
    nothing, before = (torch.zeros(n, 1, *shapes[p.pre], dtype=net.dtype) for n in (1, 0))
    with torch.no_grad():
        rest = p(nothing, before, steps=1)
    if rest.any():
        raise ConversionError(
            f"{p.where}: {nonlinear.kind} is not linear, and gives {float(rest.abs().max()):g} where nothing arrives: it must map zero to zero."
        )
    return []


def _in_order(net: Network, name: str) -> bool:
    """Whether a part sends s spikes in the first s steps of a block, so that the largest number is that of the spikes of any cell."""
    if name not in net.relays:
        return True
    arriving = [p for p in net.projections.values() if p.post == name]
    moved = all(t.silent or t.rearranges or t.selects for p in arriving for t in p.chain.transforms)
    return len(arriving) == 1 and moved and _in_order(net, arriving[0].pre)
