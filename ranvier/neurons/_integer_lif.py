"""The integer leaky integrate-and-fire cell: whole numbers of spikes in one step."""

from __future__ import annotations

from typing import Any

from ranvier.errors import EquationError
from ranvier.neurons._cell import Cell
from ranvier.neurons._habits import checked, refuse_own
from ranvier.units import ms
from ranvier.values import is_whole

__all__ = ["IntegerLIF"]


def IntegerLIF(
    size: int | tuple[int, ...] | None = None, *, levels: int = 4, tau: Any = 20 * ms, **options: Any
) -> Cell:
    """Leaky integrate-and-fire cells that emit a whole number of spikes in a step, 0 to ``levels`` (I-LIF).

    v' = beta*(v - s) + x with beta = exp(-dt/tau); s = clip(floor(v + 1/2), 0, levels) is emitted.

    v [1] is the membrane before the reset, x [1] the input of a step, tau [ms] the time constant. The derivative of s by v is 1
    between 0 and ``levels`` and 0 elsewhere; no gradient passes through the reset. A network of these cells trains with few steps, and
    :func:`ranvier.conversion.unfold` makes each step ``levels`` steps of single spikes. With ``levels=1`` the spikes are binary, with a
    threshold of 1/2 and a reset by subtraction. Regularisers and rates count a step with s > 0 as one spike.

    Take these cells to train a network of leaky cells that is then unfolded. Take :func:`ranvier.MultiSpikeIF` for a network that was trained
    as an ordinary one and converted: it has no leak, a threshold of your choice, levels for each cell and spikes of either sign, but
    :func:`ranvier.conversion.unfold` refuses it.

    Raises
    ------
    EquationError
        Where ``levels`` is not a positive whole number, and for a threshold, a reset or a surrogate, which follow from ``levels``.

    Source: Luo et al., ECCV 2024 (SpikeYOLO: integer-valued training and spike-driven inference).

    >>> cell = rv.IntegerLIF(256, levels=4, tau=10*ms)
    """
    if not is_whole(levels):
        raise EquationError(
            f"IntegerLIF: levels={levels!r} must be a positive whole number, the most spikes in a step.", line="levels"
        )
    words = ("threshold", "V_th", "reset", "surrogate", "reset_gradient", "emit")
    refuse_own("IntegerLIF", options, *words, V_th=False)
    return Cell(
        """
        v' = beta*(v - detach(s)) + x : 1
        s = clip(v, 0, levels) + detach(clip(floor(v + 0.5), 0, levels) - clip(v, 0, levels)) : 1
        beta = exp(-dt/tau) : 1
        x : 1 (input)
        """,
        threshold="v >= 0.5", emit="s", name="integer", size=size, tau=tau, levels=levels,
        **checked("IntegerLIF", options, tau=tau),
    )  # fmt: skip
