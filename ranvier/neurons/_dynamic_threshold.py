"""A threshold that follows the membrane."""

from __future__ import annotations

from typing import Any

from ranvier.errors import EquationError
from ranvier.neurons._cell import Cell
from ranvier.neurons._rewrite import replaced
from ranvier.neurons._wrapped import check_cell, followed
from ranvier.neurons.values import check_above_zero
from ranvier.units import ms

__all__ = ["DynamicThreshold"]


def DynamicThreshold(
    cell: Cell, *, tau_theta: Any = 10 * ms, slope: Any = 0.2, gain: Any = 0.5, start: Any = 0.5, softness: Any = 0.25,
    variable: str = "v", threshold: str = "V_th",
) -> Cell:  # fmt: skip
    """``cell``, whose threshold V_th + theta follows its membrane, so that slow depolarisation hardly makes it fire.

    Before firing, theta = rho*theta + (1 - rho)*(slope*v + gain*softness*log(1 + exp((v - start)/softness))), with
    rho = exp(-dt/tau_theta). Far above ``start`` the target of theta rises by slope + gain for each unit of v, and below
    it by slope. The reset subtracts the moving threshold where it subtracts V_th.

    Parameters
    ----------
    cell
        With a threshold that compares ``variable`` with the parameter called ``threshold``.
    tau_theta
        Time constant of theta [ms].
    slope, gain
        Slopes of its target [1].
    start, softness
        Where ``gain`` sets in, and how softly, above 0 [unit of ``variable``].

    Raises
    ------
    EquationError, DimensionError
        For a cell without such a threshold, or with a variable theta, and for a softness that is not above 0.

    Source: Fontaine, Peña & Brette, PLoS Computational Biology 2014; in networks Ding et al., NeurIPS 2022 (BDETT, which
    takes statistics of a layer in place of ``start``).

    >>> cell = rv.DynamicThreshold(rv.LIF(256, tau=20*ms), tau_theta=rv.Learn(10*ms))
    """
    check_cell("DynamicThreshold", cell)
    condition, found = replaced(cell.threshold or "", threshold, f"{threshold} + theta")
    if not found or variable not in cell.system.states:
        raise EquationError(
            f"DynamicThreshold: the threshold of {cell.name}, {cell.threshold!r}, does not compare {variable!r} with "
            f"{threshold!r}: name them with variable=… and threshold=….",
            line=str(cell.threshold),
        )
    check_above_zero("DynamicThreshold", softness=softness)
    unit, v = cell.system.dimensions[variable], f"({variable} - theta_start)/theta_softness"
    rise = f"theta_softness*(maximum({v}, 0) + log1p(exp(-abs({v}))))"  # log(1 + exp(v)) without overflow
    target = f"theta_slope*{variable} + theta_gain*{rise}"
    statement = f"theta = exp(-dt/tau_theta)*theta + (1 - exp(-dt/tau_theta))*({target})"
    return cell.changed(
        equations=f"{cell.equations}\ntheta' = theta : {unit}",
        threshold=condition,
        reset=replaced(cell.reset or "", threshold, f"{threshold} + theta")[0],
        before_firing=followed(cell.before_firing, statement),
        values={
            **cell.values, "tau_theta": tau_theta, "theta_slope": slope, "theta_gain": gain, "theta_start": start,
            "theta_softness": softness,
        },
    )  # fmt: skip
