"""Networks that emit several spikes in a step become networks of single spikes, with several steps in place of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from ranvier.connectivity.copied import copied
from ranvier.conversion.schedule import Stages, stages_of
from ranvier.errors import ConversionError, EquationError, NumberError
from ranvier.network import Network, Relay, fold_norms
from ranvier.network.run.outputs import emission_of
from ranvier.neurons.substeps import in_substeps
from ranvier.units import ms
from ranvier.values import is_whole

__all__ = ["Unfolded", "unfold"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Unfolded:
    """A network of single spikes that computes what a network of whole numbers computes.

    Attributes
    ----------
    network
        An ordinary network in evaluation mode, to be run, saved and planned like any other. Its dt is that of the original divided by ``levels``.
    levels
        The number of its steps that replace one step of the original: a *block*.
    delay
        Blocks between an input and its output, one for each population on the longest path: a population collects the spikes of a block
        and fires in the next one.
    difference
        The largest difference between both outputs on the sample.
    """

    network: Network
    levels: int
    delay: int
    difference: float = 0.0

    def __call__(self, x: Tensor) -> Tensor:
        """The output [T, B, …] for inputs ``x`` [T, B, …], as the original gives it."""
        return self.gather(self.network(self.spread(x))[0])

    def spread(self, x: Tensor) -> Tensor:
        """``x`` [T, B, …] as an input [(T + delay)*levels, B, …]: each step stands at the beginning of its block, with zeros after it."""
        spread = x.new_zeros(len(x) + self.delay, self.levels, *x.shape[1:])
        spread[: len(x), 0] = x
        return spread.flatten(0, 1)

    def gather(self, out: Tensor) -> Tensor:
        """What the network made of a spread input, as [T, B, …]: the sums over blocks, after the delay."""
        return out.unflatten(0, (-1, self.levels)).sum(1)[self.delay :]


def unfold(net: Network, x: Tensor, *, levels: int = 4) -> Unfolded:
    """Replace each step of ``net`` by ``levels`` steps of single spikes, with the same output.

    Each cell that emits a whole number s of 0 to ``levels`` in a step, such as :func:`ranvier.IntegerLIF`, fires s spikes in the
    steps of a block instead. Weights are the same, and each connection adds what its spikes bring: w*s = w + … + w. A cell collects the
    sums of a block and advances once for it, so it leaks once for each step of ``net``. Norms are folded, and biases divided by
    ``levels``. Outputs are equal up to the rounding of sums. If such a sum rounds to the other side of a threshold, a spike
    differs; this is rare in float32, and tests in float64 never showed it.

    The transforms between two populations must be linear, or a maximum directly after cells (``MaxPool2d``): then the values at single spikes
    add up to the value at their number. For a product of two numbers they do not. Attention by a matrix product of whole numbers is therefore
    refused. A product that is a cell of the graph (``rv.Residual(…, join="and")``) unfolds, because the cell multiplies the sums. After cells
    that only fire 0 or 1, any transform that maps zero to zero is allowed.

    Parameters
    ----------
    net
        A network with one input and one output. ``net`` stays as it is.
    x
        Typical inputs [T, B, …]. They show whether each cell emits whole numbers up to ``levels``.
    levels
        At least the largest number that a cell emits in a step.

    Raises
    ------
    ConversionError
        For a part that cannot be unfolded; the message names the part and the reason.
    GraphError
        Where a norm cannot be folded.

    Source: Luo et al., ECCV 2024 (SpikeYOLO); Yao et al., IEEE TPAMI 2025 (Scaling spike-driven transformer).

    >>> net = rv.Sequential(rv.Linear(20, 30), rv.IntegerLIF(30), rv.Linear(30, 3), rv.LeakyReadout(3), dt=1*ms)
    >>> x = torch.rand(4, 50, 20)
    >>> single = rv.conversion.unfold(net, x)
    >>> torch.testing.assert_close(single(x), net.eval()(x)[0])
    >>> single.network.dt, single.delay
    (0.25, 2)
    """
    if not isinstance(net, Network):
        raise ConversionError(f"unfold takes a network, got {type(net).__name__}: give rv.Network or rv.Sequential.")
    if not is_whole(levels):
        raise NumberError(f"unfold: levels={levels!r} must be a positive whole number.")
    if not isinstance(x, Tensor):
        raise ConversionError(
            f"unfold: x is a {type(x).__name__}: give inputs [T, B, …] like those of use, as a tensor."
        )
    if len(net.inputs) != 1 or len(net.outputs) != 1 or net.sources:
        raise ConversionError("unfold takes a network with one input, one output and no sources.")
    folded = fold_norms(net)
    stages = stages_of(folded, {next(iter(net.inputs)): tuple(x.shape[2:]), **_emitted_shapes(folded, x, levels)})
    single = Unfolded(_built(folded, levels, stages), levels, stages.emits[net.outputs[0]])
    with torch.no_grad():
        difference = float((single(x) - folded(x)[0]).abs().max())
    return Unfolded(single.network, levels, single.delay, difference)


def _emitted_shapes(net: Network, x: Tensor, levels: int) -> dict[str, tuple[int, ...]]:
    """The shapes of what populations emit to others; refuses those that emit anything but whole numbers of 0 to ``levels``."""
    told = [n for n in net.populations if _is_read(net, n) or net.populations[n].cell.fires]
    record = {n: [emission_of(n, net.populations)] for n in told}
    with torch.no_grad():
        seen: Mapping[str, Mapping[str, Tensor]] = net.observe(x, record=record)
    shapes = {}
    for name, (label,) in record.items():
        sent = seen[name][label]
        shapes[name] = tuple(sent.shape[2:])
        odd = sent[(sent != sent.round()) | (sent < 0) | (sent > levels)]
        if len(odd):
            most, whole = float(sent.max()), not bool(((sent != sent.round()) | (sent < 0)).any())
            remedy = f"give levels={most:g} or more" if whole else f"use cells such as rv.IntegerLIF(levels={levels})"
            raise ConversionError(
                f"population {name!r} emits {float(odd[0]):g}, which is not a whole number of 0 to levels={levels} spikes: {remedy}."
            )
    return shapes


def _is_read(net: Network, name: str) -> bool:
    return any(p.pre == name for p in net.projections.values())


def _built(net: Network, levels: int, stages: Stages) -> Network:
    """The network of single spikes."""
    made = Network(
        dt=net.dt / levels * ms, seed=net.seed, surrogate=net.surrogate, dtype=net.dtype, provider=net.provider
    )
    (source,) = net.inputs
    made.input(source, net.inputs[source])
    for name in net.relays:
        made.population(name, net.relays[name].size, Relay(), output=name in net.outputs)
    for name, old in net.populations.items():
        try:
            cell = in_substeps(old.cell, levels, stages.emits[name] * levels, output=not _is_read(net, name))
        except EquationError as error:
            raise ConversionError(f"population {name!r}: {error}") from error
        made.population(name, old.shape, cell, output=name in net.outputs)
        kept = {**dict(old.named_parameters()), **dict(old.named_buffers())}
        with torch.no_grad():
            for label, tensor in (*made.populations[name].named_parameters(), *made.populations[name].named_buffers()):
                if label in kept:
                    tensor.copy_(kept[label])
    for name, p in net.projections.items():
        modules = copied(p.chain)
        constants = [modules.transforms[k].constant for k in stages.constants[name]]
        with torch.no_grad():
            for bias in constants:
                if bias is not None:
                    bias.div_(levels)
        lag = stages.lags[name] * levels
        made.connect(p.pre, p.post, list(modules), to=p.port, name=name, same_step=True, delay=lag * made.dt * ms)
    return made.eval()
