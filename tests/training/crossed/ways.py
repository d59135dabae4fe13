"""The ways in which a cell of the table is tried: in both precisions, whole, in one window, saved and folded."""

from __future__ import annotations

import copy
import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

import ranvier as rv
from ranvier.network import rounded_delays
from tests.training.crossed.definitions import RULES
from tests.training.crossed.expected import REFUSED
from tests.training.crossed.table import apart, found, loss, network

Tensor = torch.Tensor
#: what a distance may be, by precision
WITHIN = {torch.float64: 1e-9, torch.float32: 2e-5}
#: option -> the option that its network is after norms are folded, and delays are put on whole steps
FOLDED = {
    "batch norm, settled": "plain", "threshold norm, settled": "plain",
    "learnable delay": "delay per synapse", "learnable delay behind": "delay per synapse behind",
    "populations, learnable delays": "populations, delays",
}  # fmt: skip


def folded(net: rv.Network, option: str) -> rv.Network:
    """The network of an option in :data:`FOLDED` without its norms, or with delays on whole steps."""
    return rounded_delays(net) if "delay" in option else rv.fold_norms(net)


def one_window(rule: rv.rules.Rule) -> rv.rules.Rule | None:
    """The same rule over the whole sample; None for rules without windows, and where a window changes the gradient."""
    cut = hasattr(rule, "window") and not isinstance(rule, rv.rules.BPTT | rv.rules.SnAp1)
    return dataclasses.replace(rule, window=50) if cut else None  # pyright: ignore[reportArgumentType]


def distances(option: str, provider: str, dtype: torch.dtype) -> Iterator[tuple[str, str, float]]:
    """(way, rule, distance to the definition) of every rule that takes the option.

    In single precision the definition has double precision and the rounded numbers; evolution strategies, which draw in
    the precision of the network, have none there.
    """
    net, x = network(option, provider)
    net, x = net.to(dtype), x.to(dtype)
    wide, far = copy.deepcopy(net).double(), x.double()
    with tempfile.TemporaryDirectory() as folder:
        rv.save(net, Path(folder) / "model")
        again = rv.load(Path(folder) / "model")
    alike = folded(net, option) if option in FOLDED else None
    for name, (rule, definition) in RULES.items():
        if dtype != torch.float64 and isinstance(rule, rv.rules.EvolutionStrategies):
            continue
        if name not in REFUSED[option]:
            wanted, ours = definition(wide, far, loss), _wide(found(net, rule, x))
            yield "whole", name, apart(wanted, ours)
            yield "saved", name, apart(ours, _wide(found(again, rule, x)))
            longer = one_window(rule)
            if longer is not None:
                yield "one window", name, apart(ours, _wide(found(net, longer, x)))
        if alike is not None and name not in REFUSED[FOLDED[option]]:
            wanted = definition(copy.deepcopy(alike).double(), far, loss)
            yield "folded", name, apart(wanted, _wide(found(alike, rule, x)))
    yield "cut", "BPTT", _cut(net, x)


def _cut(net: rv.Network, x: Tensor) -> float:
    """A call cut in two, the state attached, against the whole call."""
    whole = _wide(found(net, rv.rules.BPTT(), x))
    net.zero_grad()
    torch.manual_seed(1)
    first, state = net(x[:4])
    second, _ = net(x[4:], state)
    loss(torch.cat([first, second])).backward()
    parts = {n: torch.zeros_like(q) if q.grad is None else q.grad for n, q in net.named_parameters()}
    return apart(whole, _wide(parts))


def _wide(gradient: dict[str, Tensor]) -> dict[str, Tensor]:
    return {n: g.double() for n, g in gradient.items()}
