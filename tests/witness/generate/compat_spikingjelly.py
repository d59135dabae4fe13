"""Cells of SpikingJelly as ``_compat.py`` runs them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from _compat import Case, Seen, record, stepped
from torch import Tensor

__all__ = ["CASES"]


def _case(gain: float, make: Callable[[Any], Any], learnt: tuple[str, ...] = ()) -> Case:
    def run(current: Tensor) -> Seen:
        torch.set_default_dtype(torch.float64)
        from spikingjelly.activation_based import neuron

        cell = make(neuron)
        spikes, v = stepped(lambda now: (cell(now), cell.v), current)
        return Seen(spikes, v, {n: getattr(cell, n) for n in learnt})

    return Case(gain, run)


CASES: dict[str, Case] = {}
for _soft in (False, True):
    for _cut in (False, True):
        _word = {"detach_reset": _cut, **({"v_reset": None} if _soft else {})}
        _name = f"{'soft' if _soft else 'hard'}{' detached' if _cut else ''}"
        CASES[f"IFNode {_name}"] = _case(0.25, lambda n, w=_word: n.IFNode(**w))
        for _decay in (True, False):
            _in = "" if _decay else " plain input"
            CASES[f"LIFNode {_name}{_in}"] = _case(
                1.2 if _decay else 0.5, lambda n, w=_word, d=_decay: n.LIFNode(3.0, decay_input=d, **w)
            )
            CASES[f"ParametricLIFNode {_name}{_in}"] = _case(
                1.2 if _decay else 0.5,
                lambda n, w=_word, d=_decay: n.ParametricLIFNode(3.0, decay_input=d, **w),
                ("w",),
            )
        CASES[f"QIFNode {_name}"] = _case(1.0, lambda n, w=_word: n.QIFNode(**w))
        CASES[f"EIFNode {_name}"] = _case(1.0, lambda n, w=_word: n.EIFNode(**w))
        for _scaled in (False, True):
            CASES[f"KLIFNode {_name}{' scaled' if _scaled else ''}"] = _case(
                1.2, lambda n, w=_word, s=_scaled: _gained(n.KLIFNode(s, 3.0, **w)), ("k",)
            )
CASES["LIFNode at another level"] = _case(0.8, lambda n: n.LIFNode(2.5, v_threshold=0.8, v_reset=0.2))


def _gained(cell: Any) -> Any:
    cell.k.data.fill_(1.25)
    return cell


if __name__ == "__main__":
    from _store import save

    save("compat_spikingjelly", ("spikingjelly", "torch"), **record(CASES))
