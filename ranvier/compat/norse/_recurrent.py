"""Norse's cells with weights from the input and from each other."""

from __future__ import annotations

import math
from typing import Any

import torch

from ranvier.compat.arguments import switch
from ranvier.compat.norse._lif import lif
from ranvier.compat.norse._lsnn import lsnn
from ranvier.compat.norse._parameters import LIFParameters, LSNNParameters
from ranvier.connectivity import AllToAll, Linear
from ranvier.network import Recurrent
from ranvier.neurons import Cell
from ranvier.values import Learn, Normal

__all__ = ["LIFRecurrent", "LSNNRecurrent"]


def LIFRecurrent(
    input_size: int, hidden_size: int, p: Any = LIFParameters(), *, autapses: bool = False, dt: float = 0.001,  # noqa: B008
) -> tuple[Linear, Recurrent]:  # fmt: skip
    """The twin of ``norse.torch.LIFRecurrent`` (and ``LIFRecurrentCell``): two parts, its input weights and its cells.

    The cells are those of :func:`LIF`, whose reset passes no gradient here. Recurrent spikes arrive one step later; no cell
    reaches itself unless ``autapses``.

    >>> net = rv.Sequential(*rv.compat.norse.LIFRecurrent(20, 10), dt=1*ms)
    """
    return _parts(
        "LIFRecurrent", lif("LIFRecurrent", p, dt, hidden_size, "detached"), input_size, hidden_size, autapses
    )


def LSNNRecurrent(
    input_size: int, hidden_size: int, p: Any = LSNNParameters(), *, autapses: bool = False, dt: float = 0.001,  # noqa: B008
) -> tuple[Linear, Recurrent]:  # fmt: skip
    """The twin of ``norse.torch.LSNNRecurrent`` (and ``LSNNRecurrentCell``): two parts, as :func:`LIFRecurrent`.

    The cells are those of :func:`LSNN`, whose reset passes no gradient here.

    >>> net = rv.Sequential(*rv.compat.norse.LSNNRecurrent(20, 10), dt=1*ms)
    """
    return _parts(
        "LSNNRecurrent", lsnn("LSNNRecurrent", p, dt, hidden_size, "detached"), input_size, hidden_size, autapses
    )


def _parts(name: str, cell: Cell, inputs: int, cells: int, autapses: Any) -> tuple[Linear, Recurrent]:
    """Weights start as in Norse: normal numbers of variance 2/hidden_size."""
    spread = math.sqrt(2 / cells)
    first = Linear(inputs, cells, bias=False)
    torch.nn.init.normal_(first.weight, std=spread)
    if not switch(name, "autapses", autapses):
        return first, Recurrent(cell, AllToAll(autapses=False), weight=Learn(Normal(0.0, spread)))
    back = Linear(cells, cells, bias=False)
    torch.nn.init.normal_(back.weight, std=spread)
    return first, Recurrent(cell, back)
