"""SLAYER's current-based leaky cell with the whole numbers of Loihi."""

from __future__ import annotations

from typing import Any

from ranvier.compat.arguments import CompatError, refuse, switch, value
from ranvier.neurons import Cell
from ranvier.surrogates import Surrogate
from ranvier.values import Learn

__all__ = ["CUBA"]

#: what is left of ``{v}`` after one step, rounded to 0 in parts of 1/4096; the derivative is that without rounding
_DECAY = """
{v}_rest = 4096*k_{v}*{v} : 1
{v}_kept = detach(where({v}_rest >= 0, floor({v}_rest), -floor(-{v}_rest))/4096) + k_{v}*({v} - detach({v})){slope} : 1
k_{v} = {k} : 1
"""
_FIXED = "1 - floor(4096*{name} + 0.5)/4096"
_LEARNT = "detach(1 - floor(4096*{name} + 0.5)/4096) - ({name} - detach({name}))"
#: what a learnt decay adds to the derivative
_SLOPE = " + (k_{v} - detach(k_{v}))*detach({v})"


def CUBA(
    threshold: float, current_decay: Any, voltage_decay: Any, tau_grad: float = 1.0, scale_grad: float = 1.0, scale: int = 64,
    norm: None = None, dropout: None = None, shared_param: bool = True, persistent_state: bool = False, requires_grad: bool = False,
    graded_spike: bool = False, *, size: int | tuple[int, ...] | None = None,
) -> Cell:  # fmt: skip
    """The twin of ``slayer.neuron.cuba.Neuron`` and of the cells of ``slayer.block.cuba``.

    i' = T((1 - current_decay)*i) + x, v' = T((1 - voltage_decay)*v) + i', a spike where v > V_th, then v = 0. T rounds
    towards 0 to multiples of 1/4096. Decays are rounded to multiples of 1/4096, and V_th is cut to a multiple of 1/``scale``.
    Derivatives ignore T. The reset passes no derivative to its spike, and v keeps its derivative through it, as in SLAYER. The
    surrogate falls off exponentially.

    v, i, x, V_th (``threshold``) [1]; decays of one step, from 0 to 1, learnt with ``requires_grad``. Spikes through weights that are
    multiples of 1/32 (``storage=rv.storages.Int8(scale=1/32)``) keep states on this grid. Use float64 where ``v`` or ``i`` exceeds 1: float32
    rounds larger products. ``persistent_state`` and ``shared_param`` have no effect: the state is a value, and decays may be arrays.

    Raises
    ------
    CompatError
        For decays out of their range, and for arguments without a counterpart.

    Source: Shrestha & Orchard, NeurIPS 2018 (SLAYER); Davies et al., IEEE Micro 2018 (Loihi).

    >>> layer = rv.Linear(20, 10, bias=False, storage=rv.storages.Int8(scale=1/32))
    >>> net = rv.Sequential(layer, rv.compat.lava.CUBA(threshold=0.1, current_decay=1.0, voltage_decay=0.1), dt=1*ms)
    """
    switch("CUBA", "shared_param", shared_param)
    switch("CUBA", "persistent_state", persistent_state)
    parts = {"norm": "write a norm before the cell", "dropout": "write rv.Dropout behind the cell"}
    refuse("CUBA", {n: (g, None, parts[n]) for n, g in (("norm", norm), ("dropout", dropout))})
    refuse("CUBA", {"graded_spike": (graded_spike, False, "write the cell's equations, rv.Cell(…, emit=…)")})
    level = int(threshold * scale) / scale
    if not level > 0:
        raise CompatError(f"CUBA: threshold={threshold!r} is less than 1/scale = 1/{scale}, the smallest threshold.")
    learnt, text, decays = switch("CUBA", "requires_grad", requires_grad), "", {}
    for name, v, given in (("current_decay", "i", current_decay), ("voltage_decay", "v", voltage_decay)):
        made = value(given, learn=learnt)
        k, slope = (_LEARNT, _SLOPE) if isinstance(made, Learn) else (_FIXED, "")
        decays[name] = Learn(made.value, min=0.0, max=1.0) if isinstance(made, Learn) else made
        text += _DECAY.format(v=v, k=k.format(name=name), slope=slope.format(v=v))
    width = 100 * tau_grad * level
    return Cell(
        f"i' = i_kept + x : 1\nv' = v_kept + i_kept + x : 1\n{text}\nx : 1 (input)",
        threshold="v > V_th", reset="v -= detach(v)", reset_gradient="detached", name="cuba", size=size, V_th=level, **decays,
        surrogate=Surrogate("height*exp(-abs(u)/w)", w=width, height=0.05 * scale_grad / width),
    )  # fmt: skip
