"""Steps by channel: how much an output depends on each channel, and networks whose channels take different numbers of steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from ranvier.conversion.convert import Conversion, spiking_layers
from ranvier.conversion.thresholds import batches_of
from ranvier.conversion.watch import Watch
from ranvier.errors import ConversionError
from ranvier.network import Network
from ranvier.neurons import MultiSpikeIF
from ranvier.units import ms
from ranvier.values import is_whole

__all__ = ["channel_saliency", "merged_steps", "salient_levels"]

Tensor = torch.Tensor


class _Worth(nn.Module):
    """Spikes as parts of the threshold: y = x/levels. The factor of a channel belongs to the weights behind it."""

    factor: Tensor

    def __init__(self, levels: Tensor) -> None:
        super().__init__()
        self.register_buffer("factor", 1 / levels)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


def channel_saliency(made: Conversion, data: Any, *, seed: int = 0) -> dict[str, Tensor]:
    """s[c] [C] by population: the mean of (sum over j of r[j]*dy[j]/da[c])**2, summed over space.

    y is the output of the original network, a[c] a channel of the layer that the population replaces, and r are random signs: the expectation is the
    squared length of dy/da[c]. An error e in a[c] changes the output by about e*sqrt(s[c]).

    Channels are axis 1 of what a layer puts out, [B, C] or [B, C, space …], as in convolutions. For layers of tokens
    [B, N, C], axis 1 holds the tokens, so s is the saliency of each token.

    Parameters
    ----------
    made
        A conversion.
    data
        Inputs like the training data, as in ``rv.convert``.
    seed
        Seed of the signs.

    Raises
    ------
    ConversionError
        For data that do not fit.

    Source: after the saliency by first-order expansion of Xing et al., ICLR 2025 (SpikeLLM).

    >>> model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3))
    >>> made = rv.convert(model, torch.rand(100, 8))
    >>> {name: tuple(s.shape) for name, s in rv.conversion.channel_saliency(made, torch.rand(50, 8)).items()}
    {'layer_1': (16,)}
    """
    _check(made, "channel_saliency")
    layers, drawn, count = spiking_layers(made), torch.Generator().manual_seed(seed), 0
    sums: dict[str, Tensor] = {}
    for x in batches_of(data):
        run = Watch(made.traced.model, set(layers))
        with torch.enable_grad():
            y = run.run(x.detach().requires_grad_())
            sign = torch.randint(2, y.shape, generator=drawn).to(y) * 2 - 1
            slopes = torch.autograd.grad((y * sign).sum(), list(run.values.values()))
        for name, slope in zip(run.values, slopes, strict=True):
            rows = slope.transpose(0, 1).flatten(1).double()
            sums[layers[name]] = sums.get(layers[name], 0) + (rows**2).sum(1)
        count += len(x)
    return {name: total / count for name, total in sums.items()}


def salient_levels(saliency: Mapping[str, Tensor], *, few: int, many: int, share: float) -> dict[str, Tensor]:
    """Steps [C] of every channel: ``many`` for the part ``share`` of each population that has the largest saliency, ``few`` for the others.

    Raises
    ------
    ConversionError
        For steps that are not positive whole numbers with few <= many, a share outside 0 … 1, or saliencies that are not finite.

    Source: Xing et al., ICLR 2025 (SpikeLLM).

    >>> rv.conversion.salient_levels({"layer_1": torch.tensor([0.1, 0.9, 0.2, 0.3])}, few=1, many=5, share=0.25)
    {'layer_1': tensor([1, 5, 1, 1])}
    """
    if not is_whole(few) or not is_whole(many) or few > many:
        raise ConversionError(f"few={few!r} and many={many!r} must be positive whole numbers, few not above many.")
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise ConversionError(f"share={share!r} must be the part of channels with many steps, from 0 to 1.")
    found = {}
    for name, s in saliency.items():
        if not isinstance(s, Tensor) or s.ndim != 1 or not bool(s.isfinite().all()):
            raise ConversionError(f"saliency of {name} must be finite numbers [C]: use rv.conversion.channel_saliency.")
        levels = torch.full(s.shape, few)
        levels[s.argsort(descending=True)[: round(share * len(s))]] = many
        found[name] = levels
    return found


def merged_steps(made: Conversion, x: Tensor, levels: int | Mapping[str, Tensor]) -> Network:
    """A network in which one step does what channel c of the converted network does in ``levels[c]`` steps.

    Its cells are :func:`ranvier.MultiSpikeIF`, which send up to ``levels[c]`` spikes at once, each worth V_th/levels[c]. For a constant input they
    send as many as plain cells in that many steps. The cost of a channel is its number of levels. Run the network for one step, ``net(x.unsqueeze(0))[0][0]``, or average over more.

    Parameters
    ----------
    made
        A conversion with the default cells (without ``cell=``).
    x
        A batch of inputs [B, …], which determines the shapes of the populations.
    levels
        The steps of every channel: one number, or [C] by population, as :func:`salient_levels` gives.

    Raises
    ------
    ConversionError
        For other cells, names or sizes that do not fit, and levels that are not positive whole numbers.

    Source: Xing et al., ICLR 2025 (SpikeLLM).

    >>> model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3))
    >>> made = rv.convert(model, torch.rand(100, 8))
    >>> rv.conversion.merged_steps(made, torch.rand(2, 8), 4)(torch.rand(1, 5, 8))[0].shape
    torch.Size([1, 5, 3])
    """
    _check(made, "merged_steps")
    names, old = list(spiking_layers(made).values()), made.net
    for name in names:
        if old.populations[name].cell.name != "if":
            raise ConversionError(
                f"{name} has cells of another kind ({old.populations[name].cell.name}): convert without cell=…."
            )
    with torch.no_grad():
        seen = old.observe(x.unsqueeze(0), record={name: ["spikes"] for name in names})
    shapes = {name: seen[name]["spikes"].shape[2:] for name in names}
    wanted = _levels_of(levels, shapes)
    net = Network(dt=old.dt * ms, seed=old.seed, dtype=old.dtype)
    for name in old.nodes:
        if name in old.inputs:
            net.input(name, old.inputs[name])
        elif name in wanted:
            each, V_th = wanted[name].double(), old.populations[name].value("V_th").detach().double()
            cell = MultiSpikeIF(V_th=(V_th / each).numpy(), levels=each.numpy())
            net.population(name, tuple(shapes[name]), cell)
        elif name in old.relays:
            net.population(name, None, old.relays[name], output=name in old.outputs)
        else:
            net.population(name, None, old.populations[name].cell, output=name in old.outputs)
    for p in old.projections.values():
        worth = [_Worth(wanted[p.pre].to(old.dtype))] if p.pre in wanted else []
        net.connect(p.pre, p.post, [*worth, *p.chain], to=p.port, same_step=True)
    return net.eval()


def _check(made: Conversion, what: str) -> None:
    """Refuse what was not converted."""
    if not isinstance(made, Conversion):
        raise ConversionError(f"{what} takes a conversion, got {type(made).__name__}: give what rv.convert returned.")


def _levels_of(levels: int | Mapping[str, Tensor], shapes: Mapping[str, torch.Size]) -> dict[str, Tensor]:
    """Levels of every cell, by population."""
    if isinstance(levels, Mapping):
        if levels.keys() != shapes.keys():
            raise ConversionError(f"levels are of {', '.join(levels)}; give those of {', '.join(shapes)}.")
        given = dict(levels)
    else:
        given = {name: torch.full(shape[:1], levels) if is_whole(levels) else None for name, shape in shapes.items()}
    made = {}
    for name, shape in shapes.items():
        value = given[name]
        if (
            not isinstance(value, Tensor)
            or value.shape != shape[:1]
            or value.is_floating_point()
            or int(value.min()) < 1
        ):
            raise ConversionError(
                f"levels of {name} are {levels if value is None else value!r}: give a positive whole number for each of {shape[0]} channels."
            )
        made[name] = value.reshape(-1, *(1 for _ in shape[1:])).expand(shape)
    return made
