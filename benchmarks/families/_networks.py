"""The networks of each set: families, a plain spiking network and an ordinary one, each as a function of its width."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from ranvier.blocks import causal_conv, dragon_hatchling, leaky_memory, lif_memory
from ranvier.connectivity import Linear, ThresholdBatchNorm
from ranvier.errors import RanvierError
from ranvier.models import create
from ranvier.network import Network, Recurrent, Sequential
from ranvier.neurons import LIF
from ranvier.recipes.parts.sequences import Gated, recurrent
from ranvier.recipes.parts.tested import learnt
from ranvier.units import ms
from ranvier.values import Learn, LogNormal

__all__ = ["EVENTS", "IMAGES", "ORDINARY", "PLAIN", "SPEECH", "Entry", "characters", "sized"]

Tensor = torch.Tensor
PLAIN, ORDINARY = "plain spiking network", "ordinary network"
#: most that a network may differ from the number of parameters of its set
_NEAR, _WIDEST = 0.05, 400
#: of the first two of three convolutions
_CHANNELS = (12, 24)
_DT, _TAU, _BANDS = 20 * ms, 40 * ms, 40


@dataclass(frozen=True)
class Entry:
    """A network of a set.

    Attributes
    ----------
    name, about
        How the table calls it, and what it is.
    make
        The network of a width; the width is chosen by the number of parameters.
    points
        Whether it takes groups of points in the place of frames.
    """

    name: str
    about: str
    make: Callable[[int], nn.Module]
    points: bool = False


def sized(make: Callable[[int], nn.Module], parameters: int) -> int:
    """The width at which a network has nearest to ``parameters`` numbers to learn.

    Raises
    ------
    RanvierError
        Where that is more than a twentieth away.
    """
    low, high = 1, _WIDEST
    with torch.random.fork_rng(devices=[]):
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if learnt(make(middle)) < parameters else (low, middle)
        away = {w: abs(learnt(make(w)) / parameters - 1) for w in (max(1, low - 1), low)}
    width = min(away, key=lambda w: away[w])
    if away[width] > _NEAR:
        raise RanvierError(
            f"the nearest width, {width}, is {away[width]:.0%} from {parameters:,} parameters; give another number, or a finer width."
        )
    return width


class Convolutions(nn.Module):
    """The plain spiking network with rectified units: ``steps`` steps are its channels, and it gives one output [1, B, classes]."""

    def __init__(self, steps: int, inputs: int, width: int, classes: int = 10) -> None:
        super().__init__()
        self.steps, parts = steps, list[nn.Module]()
        for k, (given, made) in enumerate(pairwise((steps * inputs, *_CHANNELS, width))):
            layer = nn.Conv2d(given, made, 3, stride=1 + (k > 0), padding=1, bias=False)
            parts += [layer, nn.BatchNorm2d(made), nn.ReLU()]
        self.body = nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes))

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        """Frames [T, B, C, H, W] to one output, and no state."""
        return self.body(x[: self.steps].transpose(0, 1).flatten(1, 2))[None], None


def _convolved(steps: int, inputs: int) -> tuple[Entry, Entry]:
    """Both baselines of images: three convolutions with norms."""
    return (
        Entry(PLAIN, "`plain_conv_mini`: three convolutions", lambda w: create("plain_conv_mini", inputs=inputs, channels=(*_CHANNELS, w))),
        Entry(ORDINARY, "the same three convolutions with rectified units", partial(Convolutions, steps, inputs)),
    )  # fmt: skip


def _residual(name: str, inputs: int = 1) -> Callable[[int], nn.Module]:
    return lambda w: create(name, inputs=inputs, channels=(w, 2 * w))


IMAGES: Sequence[Entry] = (
    *_convolved(1, 1),
    Entry("vgg", "`vgg_mini`: three convolutions and pooling", lambda w: create("vgg_mini", plan=(_CHANNELS[0], "M", _CHANNELS[1], "M", w))),
    Entry("sew", "`sew_mini`: a block whose shortcut joins spikes", _residual("sew_mini")),
    Entry("ms", "`ms_mini`: a block whose shortcut adds currents", _residual("ms_mini")),
    Entry("ems", "`ems_mini`: the same, every convolution behind spikes", _residual("ems_mini")),
    Entry("spikformer", "`spikformer_mini`: one block of self-attention", lambda w: create("spikformer_mini", channels=28, blocks=1, hidden=w)),
    Entry("spike_driven", "`meta_spikeformer_mini`: attention of masks and additions", lambda w: create("meta_spikeformer_mini", channels=(w, 24))),
)  # fmt: skip

EVENTS: Sequence[Entry] = (
    *_convolved(6, 2),
    Entry("ms", "`ms_mini`: a block whose shortcut adds currents", _residual("ms_mini", 2)),
    Entry("sparse_cnn", "`sparse_cnn_mini`: convolutions of stride 2, a hidden layer", lambda w: create(
        "sparse_cnn_mini", classes=10, side=16, channels=(8, 16, 24), hidden=w, tau=100.0)),
    Entry("spike_point", "`spike_point_mini`: groups of 128 events as points", lambda w: create("spike_point_mini", wide=w), points=True),
)  # fmt: skip


def _causal(width: int) -> Sequential:
    """Three convolutions over time with norms and leaky cells."""
    parts: list[object] = []
    for given, made in pairwise((_BANDS, width, width, width)):
        parts += [causal_conv(given, made, dt=_DT), ThresholdBatchNorm(made), LIF(made, tau=_TAU)]
    return Sequential(*parts, Linear(width, 10), dt=_DT)  # pyright: ignore[reportArgumentType]


def _leaky_cells(width: int) -> Sequential:
    """A Legendre memory unit of leaky cells, and a read-out."""
    cell = partial(LIF, tau=_TAU)
    unit = lif_memory(
        _BANDS, width, dt=_DT, channels=12, order=6, window=400 * ms, cell=cell, memory_cell=partial(cell, V_th=0.2)
    )
    return Sequential(unit, Linear(width, 10), dt=_DT)


def _expressive(width: int) -> Network:
    """An expressive leaky memory neuron with time constants from a step to the length of a word."""
    times = Learn(np.geomspace(20.0, 1_000.0, width) * ms, min=10 * ms)
    return leaky_memory(_BANDS, 10, dt=_DT, branches=_BANDS, memory=width, hidden=2 * width, tau_s=_DT, tau=times)


SPEECH: Sequence[Entry] = (
    Entry(PLAIN, "leaky cells that project to one another", lambda w: recurrent(_BANDS, w, 10, dt=_DT, tau=100 * ms, seed=0)),
    Entry(ORDINARY, "gated units (GRU)", lambda w: Gated(_BANDS, w, 10)),
    Entry("lmuformer", "`lmuformer_mini`: a Legendre memory between spikes", lambda w: create("lmuformer_mini", width=w)),
    Entry("lif_memory", "`rv.blocks.lif_memory`: a Legendre memory of leaky cells", _leaky_cells),
    Entry("leaky_memory", "`rv.blocks.leaky_memory`: an expressive leaky memory neuron, without spikes", _expressive),
    Entry("causal_conv", "three `rv.blocks.causal_conv` with norms and leaky cells", _causal),
)  # fmt: skip


def _reader(size: int, width: int) -> Sequential:
    """One layer of recurrent leaky cells, whose time constants are drawn and learnt."""
    cell = LIF(width, tau=Learn(LogNormal(2 * ms, 1.0), min=0.5 * ms))
    parts = Linear(size, width), Recurrent(cell, Linear(width, width, bias=False)), Linear(width, size)
    return Sequential(*parts, dt=1 * ms, seed=int(torch.randint(1 << 31, ())))


def characters(size: int) -> Sequence[Entry]:
    """The networks that predict the next of ``size`` characters."""

    def hatchling(width: int) -> Sequential:
        layer = dragon_hatchling(24, width)
        return Sequential(Linear(size, 24), nn.LayerNorm(24), *layer, *layer, Linear(24, size), dt=1 * ms)

    return (
        Entry(PLAIN, "leaky cells with time constants of their own that project to one another", partial(_reader, size)),
        Entry(ORDINARY, "gated units (GRU)", lambda w: Gated(size, w, size)),
        Entry("rwkv", "`spikegpt_mini`: a spiking RWKV", lambda w: create("spikegpt_mini", characters=size, channels=w, hidden=2 * w)),
        Entry("dragon_hatchling", "`rv.blocks.dragon_hatchling`: Hebbian synapses between positive activities, without spikes", hatchling),
    )  # fmt: skip
