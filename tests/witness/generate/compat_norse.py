"""Cells of Norse as ``_compat.py`` runs them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from _compat import CELLS, INPUTS, Case, Seen, inputs, record, stepped
from torch import Tensor

__all__ = ["CASES"]


def _case(gain: float, make: Callable[[Any], Any]) -> Case:
    """A cell, or a read-out, whose first result is then its membrane."""

    def run(current: Tensor) -> Seen:
        torch.set_default_dtype(torch.float64)
        import norse.torch as norse

        cell, state = make(norse), None

        def step(now: Tensor) -> tuple[Tensor, Tensor]:
            nonlocal state
            out, state = cell(now, state)
            return (torch.zeros_like(out) if isinstance(cell, norse.LICell) else out), state.v

        return Seen(*stepped(step, current), {})

    return Case(gain, run)


def _recurrent(gain: float, make: Callable[..., Any], autapses: bool) -> Case:
    def run(x: Tensor, weight: Tensor) -> Seen:
        torch.set_default_dtype(torch.float64)
        import norse.torch as norse

        given = {n: torch.from_numpy(a) for n, a in inputs().items()}
        back = (given["back"] + (0.5 * torch.eye(CELLS) if autapses else 0)).requires_grad_()
        cell = make(norse, INPUTS, CELLS, input_weights=weight, recurrent_weights=back, autapses=autapses)
        state = None

        def step(now: Tensor) -> tuple[Tensor, Tensor]:
            nonlocal state
            out, state = cell(now, state)
            return out, state.v

        return Seen(*stepped(step, x), {"back": back})

    return Case(gain, run, raw=True)


CASES = {
    "LIF": _case(0.5, lambda n: n.LIFCell()),
    "LIF triangle": _case(0.5, lambda n: n.LIFCell(n.LIFParameters(method="triangle", alpha=0.3))),
    "LIF tanh": _case(0.5, lambda n: n.LIFCell(n.LIFParameters(method="tanh", alpha=2.0))),
    "LIF circ": _case(0.5, lambda n: n.LIFCell(n.LIFParameters(method="circ", alpha=0.5))),
    "LIF heavi_erfc": _case(0.5, lambda n: n.LIFCell(n.LIFParameters(method="heavi_erfc", alpha=2.0))),
    "LIF at other levels": _case(
        2.0,
        lambda n: n.LIFCell(
            n.LIFParameters(tau_mem_inv=torch.tensor(50.0), v_leak=torch.tensor(0.25), v_th=torch.tensor(0.75), v_reset=torch.tensor(-0.5)), dt=0.002,
        ),
    ),
    "LIFBox": _case(6.0, lambda n: n.LIFBoxCell()),
    "LIFBox subtract": _case(6.0, lambda n: n.LIFBoxCell(n.LIFBoxParameters(reset_method=_subtract()))),
    "LSNN": _case(3.0, lambda n: n.LSNNCell()),
    "LSNN fast": _case(3.0, lambda n: n.LSNNCell(n.LSNNParameters(tau_adapt_inv=torch.tensor(32.0), beta=torch.tensor(0.25)))),
    "LI": _case(3.0, lambda n: n.LICell()),
    "LIFRecurrent": _recurrent(0.5, lambda n, *a, **k: n.LIFRecurrentCell(*a, **k), False),
    "LIFRecurrent autapses": _recurrent(0.5, lambda n, *a, **k: n.LIFRecurrentCell(*a, **k), True),
    "LSNNRecurrent": _recurrent(3.0, lambda n, *a, **k: n.LSNNRecurrentCell(*a, **k), False),
}  # fmt: skip


def _subtract() -> Any:
    from norse.torch.functional.reset import reset_subtract

    return reset_subtract


if __name__ == "__main__":
    from _store import save

    save("compat_norse", ("norse", "torch"), **record(CASES))
