"""Cells of snnTorch as ``_compat.py`` runs them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from _compat import Case, Seen, inputs, record, stepped
from torch import Tensor

__all__ = ["CASES"]

MECHANISMS = ("subtract", "zero", "none")
LEARNT = {"learn_beta": True, "learn_threshold": True}


def _case(
    gain: float, make: Callable[[Any], Any], learnt: tuple[str, ...] = (), own: bool = False, matrix: bool = False
) -> Case:
    """``own`` cells take their last spikes as well; ``matrix`` ones through the recorded weights and bias."""

    def run(current: Tensor) -> Seen:
        torch.set_default_dtype(torch.float64)
        import snntorch

        cell = make(snntorch)
        if matrix:
            given = {n: torch.from_numpy(a) for n, a in inputs().items()}
            cell.recurrent.weight.data, cell.recurrent.bias.data = given["back"], given["bias"]
        state: tuple[Tensor, ...] = ()

        def step(now: Tensor) -> tuple[Tensor, Tensor]:
            nonlocal state
            spikes, *after = cell(now, *state)
            state = (spikes.double(), *after) if own else tuple(after)
            return spikes, after[-1]

        spikes, v = stepped(step, current)
        found = {n: getattr(cell, "threshold" if n == "V_th" else n) for n in learnt}
        found |= {"back": cell.recurrent.weight, "bias": cell.recurrent.bias} if matrix else {}
        return Seen(spikes, v, found)

    return Case(gain, run)


CASES: dict[str, Case] = {}
for _how in MECHANISMS:
    _gain = 0.2 if _how == "none" else 0.5
    for _late in (True, False):
        _word = {"reset_mechanism": _how, "reset_delay": _late}
        _name = f"{_how}{'' if _late else ' at once'}"
        CASES[f"Leaky {_name}"] = _case(_gain, lambda s, w=_word: s.Leaky(0.9, **LEARNT, **w), ("beta", "V_th"))
        CASES[f"Synaptic {_name}"] = _case(
            _gain / 2,
            lambda s, w=_word: s.Synaptic(0.6, 0.85, learn_alpha=True, **LEARNT, **w),
            ("alpha", "beta", "V_th"),
        )
        CASES[f"RLeaky {_name}"] = _case(
            _gain,
            lambda s, w=_word: s.RLeaky(0.9, linear_features=3, **LEARNT, **w),
            ("beta", "V_th"),
            own=True,
            matrix=True,
        )
    CASES[f"Alpha {_how}"] = _case(
        2.0, lambda s, h=_how: s.Alpha(0.9, 0.8, reset_mechanism=h, **LEARNT), ("beta", "V_th")
    )
    CASES[f"Lapicque {_how}"] = _case(
        2 * _gain,
        lambda s, h=_how: s.Lapicque(R=5.0, C=1.6, time_step=1.0, learn_threshold=True, reset_mechanism=h),
        ("V_th",),
    )
    CASES[f"RSynaptic {_how}"] = _case(
        _gain / 2, lambda s, h=_how: s.RSynaptic(0.6, 0.85, linear_features=3, learn_alpha=True, reset_mechanism=h, **LEARNT),
        ("alpha", "beta", "V_th"), own=True, matrix=True,
    )  # fmt: skip
CASES["RLeaky one to one"] = _case(
    0.5, lambda s: s.RLeaky(0.9, V=0.4, all_to_all=False, **LEARNT), ("beta", "V_th", "V"), own=True
)
CASES["RSynaptic one to one"] = _case(
    0.3, lambda s: s.RSynaptic(0.6, 0.85, V=-0.4, all_to_all=False, **LEARNT), ("beta", "V_th", "V"), own=True
)
CASES["Leaky with another slope"] = _case(
    0.5,
    lambda s: s.Leaky(0.8, threshold=0.7, spike_grad=s.surrogate.fast_sigmoid(slope=25), learn_beta=True),
    ("beta",),
)
CASES["Lapicque by beta"] = _case(8.0, lambda s: s.Lapicque(beta=0.8))

if __name__ == "__main__":
    from _store import save

    save("compat_snntorch", ("snntorch", "torch"), **record(CASES))
