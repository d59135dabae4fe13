"""Sinabs' cell with an adaptive threshold."""

from __future__ import annotations

from typing import Any

from ranvier.compat.arguments import CompatError, switch, value
from ranvier.compat.sinabs._options import decay, resets, size_of, slope, spikes
from ranvier.neurons import Cell
from ranvier.surrogates import Surrogate

__all__ = ["ALIF"]


def ALIF(
    tau_mem: Any, tau_adapt: Any, tau_syn: Any = None, adapt_scale: Any = 1.8, spike_threshold: Any = 1.0,
    spike_fn: Any = "SingleSpike", reset_fn: Any = "MembraneSubtract", surrogate_grad_fn: Surrogate | None = None,
    min_v_mem: float | None = None, shape: tuple[int, ...] | None = None, train_alphas: bool = False, norm_input: bool = True,
    record_states: bool = False, *, size: int | tuple[int, ...] | None = None,
) -> Cell:  # fmt: skip
    """The twin of ``sinabs.layers.ALIF``.

    v' = alpha_mem*v + (1 - alpha_mem)*x, a spike where v >= h with h = V_th + adapt_scale*b, then v -= h;
    b' = alpha_adapt*b + (1 - alpha_adapt)*spike; the factors are exp(-1/tau). ``tau_syn`` adds i' = alpha_syn*(i + x), times
    1 - alpha_mem as Sinabs keeps it. The threshold passes no gradient where it is compared, and does where it is subtracted.

    v, i, b, x, V_th (``spike_threshold``) [1]; time constants in steps. They learn, or with ``train_alphas`` the factors.

    Raises
    ------
    CompatError
        For ``min_v_mem``, for other spike or reset functions, and for a surrogate of torch.

    >>> cell = rv.compat.sinabs.ALIF(tau_mem=20.0, tau_adapt=100.0, size=10)
    """
    if min_v_mem is not None or spikes("ALIF", spike_fn) or not resets("ALIF", reset_fn):
        raise CompatError(
            "ALIF: only spike_fn='SingleSpike', reset_fn='MembraneSubtract' and min_v_mem=None have a counterpart here: write the "
            "equations, rv.Cell(…)."
        )
    lines, values, drive, current = [], dict[str, Any](), "x", ""
    for name, tau in (("mem", tau_mem), ("adapt", tau_adapt), *((("syn", tau_syn),) if tau_syn is not None else ())):
        line, more = decay("ALIF", name, tau, train_alphas)
        lines.append(line)
        values |= more
    norm = "(1 - alpha_mem)*" if switch("ALIF", "norm_input", norm_input) else ""
    if tau_syn is not None:
        drive = "alpha_syn*(i + x)"
        current = f"i' = {norm}{drive} : 1"
    text = "\n".join(filter(None, lines))
    return Cell(
        f"""
        v' = alpha_mem*v + {norm}{drive} : 1
        b' = alpha_adapt*b : 1
        before' = b : 1
        {current}
        h = V_th + adapt_scale*before : 1
        x : 1 (input)
        {text}
        """,
        threshold="v/detach(h) >= 1", reset="v -= h; b += 1 - alpha_adapt", reset_gradient="surrogate", name="alif",
        size=size_of("ALIF", shape, size, record_states), surrogate=slope("ALIF", surrogate_grad_fn, 1.0),
        V_th=value(spike_threshold), adapt_scale=value(adapt_scale), **values,
    )  # fmt: skip
