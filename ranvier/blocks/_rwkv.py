"""Blocks of spiking language models: mixing over time and over channels, both with a state of constant size."""

from __future__ import annotations

from torch import nn

from ranvier.blocks._parts import MakeCell, MakeNorm, check_sizes
from ranvier.connectivity import Linear, ThresholdBatchNorm
from ranvier.network import Branches, Residual
from ranvier.neurons import LIF, WKV, Cell
from ranvier.values import Learn, Uniform

__all__ = ["channel_mixing", "rwkv", "time_mixing", "token_shift"]

Parts = list[nn.Module | Cell]


def token_shift(channels: int) -> Cell:
    """y[t] = mix*x[t] + (1 - mix)*x[t - 1] for every channel, with a learnt ``mix``, drawn from 0 to 1.

    Before a matrix this is a learnt delay of 0 to 1 steps for each input channel:
    ``rv.Linear(64, 64, bias=False, delay=rv.Learn(rv.Uniform(0*ms, 1*ms), max=1*ms), per="pre")`` gives the same at dt = 1 ms
    and delay = (1 - mix)*1 ms, and its weights receive only spikes; these cells train faster.

    Raises
    ------
    ShapeError
        Where the number of channels is not positive.

    Source: Peng et al., EMNLP Findings 2023 (RWKV).

    >>> net = rv.Sequential(rv.Linear(20, 64), rv.LIF(64), rv.blocks.token_shift(64), rv.Linear(64, 20), rv.LeakyReadout(20), dt=1*ms)
    """
    check_sizes("token_shift", channels=channels)
    return Cell(
        """
        y' = mix*x + (1 - mix)*last : 1
        last' = x : 1
        x : 1 (input)
        """,
        emit="y", name="shift", size=channels, mix=Learn(Uniform(0, 1)),
    )  # fmt: skip


def time_mixing(channels: int, *, cell: MakeCell | None = LIF, norm: MakeNorm | None = ThresholdBatchNorm) -> Residual:
    """Time mixing of RWKV with binary spikes before every matrix: y = x + W_o s(WKV(k, v, r)).

    k, v and r each come from a matrix after a :func:`token_shift` of the spikes s(norm(x)); :func:`ranvier.WKV` averages v over the past.
    x [T, B, channels] are currents, one token a step, and so is y: the shortcut adds currents, never spikes. ``cell()`` and ``norm(channels)``
    make the parts. With ``cell=None`` there are no spikes (an ordinary RWKV), with ``norm=None`` no norms.

    Raises
    ------
    ShapeError
        Where the number of channels is not positive.

    Source: Zhu et al., TMLR 2024 (SpikeGPT). Its released code feeds layer-normalised sums of spikes to its matrices; here they
    receive spikes.

    >>> net = rv.Sequential(rv.Linear(20, 64), rv.blocks.time_mixing(64), rv.LIF(64), rv.Linear(64, 20), rv.LeakyReadout(20), dt=1*ms)
    """
    check_sizes("time_mixing", channels=channels)
    ways: dict[str, Parts] = {port: _shifted(channels, channels) for port in "kvr"}
    return Residual(
        *_unit(channels, norm, cell), Branches(WKV(channels), **ways), *([] if cell is None else _unit(channels, norm, cell)),
        _nothing_yet(channels, channels),
    )  # fmt: skip


def channel_mixing(
    channels: int, hidden: int | None = None, *, cell: MakeCell | None = LIF, norm: MakeNorm | None = ThresholdBatchNorm
) -> Residual:
    """Channel mixing of RWKV with binary spikes before every matrix: y = x + sigmoid(r)*(W_v s(k)).

    k [T, B, hidden] and r [T, B, channels] each come from a matrix after a :func:`token_shift` of the spikes s(norm(x)); ``hidden`` is four
    times the channels where None. x and y are as for :func:`time_mixing`. With ``cell=None`` s(k) is max(k, 0)^2.

    Raises
    ------
    ShapeError
        Where a number of channels is not positive.

    Source: Zhu et al., TMLR 2024 (SpikeGPT).

    >>> net = rv.Sequential(rv.Linear(20, 64), rv.blocks.channel_mixing(64), rv.LIF(64), rv.Linear(64, 20), rv.LeakyReadout(20), dt=1*ms)
    """
    width = 4 * channels if hidden is None else hidden
    check_sizes("channel_mixing", channels=channels, hidden=width)
    gate = Cell("y = sigmoid(r)*x : 1\nr : 1 (input)\nx : 1 (input)", emit="y", name="gate", size=channels)
    fires = [_squared(width)] if cell is None else _unit(width, norm, cell)
    value = [*_shifted(channels, width), *fires, _nothing_yet(width, channels)]
    return Residual(*_unit(channels, norm, cell), Branches(gate, x=value, r=_shifted(channels, channels)))


def rwkv(
    channels: int, hidden: int | None = None, *, cell: MakeCell | None = LIF, norm: MakeNorm | None = ThresholdBatchNorm
) -> tuple[Residual, Residual]:
    """A block of a spiking RWKV: :func:`time_mixing`, then :func:`channel_mixing`, to unpack into ``rv.Sequential``.

    One token is one step. The state has a constant size: three numbers a channel for the past, the last spikes, and membranes.
    :meth:`step` and windows therefore continue a text of any length at constant cost per token.

    >>> net = rv.Sequential(rv.Linear(20, 64), *rv.blocks.rwkv(64), rv.LIF(64), rv.Linear(64, 20), rv.LeakyReadout(20), dt=1*ms)
    >>> out, state = net(rv.encoding.tokens(torch.randint(20, (100, 8)), 20))
    """
    return time_mixing(channels, cell=cell, norm=norm), channel_mixing(channels, hidden, cell=cell, norm=norm)


def _unit(channels: int, norm: MakeNorm | None, cell: MakeCell | None) -> Parts:
    return [*([] if norm is None else [norm(channels)]), *([] if cell is None else [cell()])]


def _shifted(given: int, made: int) -> Parts:
    return [token_shift(given), Linear(given, made, bias=False)]


def _nothing_yet(given: int, made: int) -> Linear:
    """A matrix of zeros, so that a block starts as the identity."""
    matrix = Linear(given, made, bias=False)
    nn.init.zeros_(matrix.weight)
    return matrix


def _squared(channels: int) -> Cell:
    return Cell("y = maximum(x, 0)**2 : 1\nx : 1 (input)", emit="y", name="squared", size=channels)
